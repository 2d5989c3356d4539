# SPDX-License-Identifier: MIT
"""serve() and run()."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from outrider._config import Config
from outrider._logs import to_stderr
from outrider._server import Server
from outrider._stop import StopReport


def serve(app: Any, *, sockets: Sequence[socket.socket] | None = None, **options: Any) -> Server:
    """A server over ``app``, not started yet: ``with outrider.serve(app) as server:``, or ``.start()``.

    ``options`` are ``Config``'s fields; ``port`` is 0 (any free one) unless given. ``sockets`` are bound sockets to
    serve on instead of the configured address; they stay the caller's. Raises ``TypeError`` for an unknown option,
    ``ValueError`` for a bad value.
    """
    options.setdefault("port", 0)
    return Server(Config(app, **options), sockets)


def run(app: Any, *, sockets: Sequence[socket.socket] | None = None, **options: Any) -> StopReport:
    """Serves ``app`` in the foreground until SIGINT or SIGTERM, and returns what the stop did.

    ``options`` are ``Config``'s fields. Raises ``StartError`` when the server can't start. While it runs, and only
    if the program has set up no logging, the logger ``outrider`` writes to stderr.
    """
    config = Config(app, **options)
    with to_stderr():
        return Server(config).run(sockets)
