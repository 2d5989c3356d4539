# SPDX-License-Identifier: MIT
"""serve() and run()."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from outrider._config import Config
from outrider._server import Server
from outrider._stop import StopReport


def serve(app: Any, *, sockets: Sequence[socket.socket] | None = None, **options: Any) -> Server:
    """A server over ``app``, not started yet: ``with outrider.serve(app) as server:``, or ``.start()``.

    ``options`` are ``Config``'s fields; ``port`` is 0 (any free one) unless given. ``sockets`` are bound sockets to
    serve on instead of the configured address; they stay the caller's. Raises ``TypeError`` for an unknown option, ``ValueError`` for a bad value.
    """
    options.setdefault("port", 0)
    return Server(Config(app, **options), sockets)


def run(app: Any, *, sockets: Sequence[socket.socket] | None = None, **options: Any) -> StopReport:
    """Serves ``app`` in the foreground until SIGINT or SIGTERM, and returns what the stop did.

    ``options`` are ``Config``'s fields. Raises ``StartError`` when the server can't start. While it runs, and only
    if the program has set up no logging, the logger ``outrider`` writes to stderr.
    """
    config = Config(app, **options)
    with log_to_stderr(config.log_level):
        return Server(config).run(sockets)


@contextlib.contextmanager
def log_to_stderr(level: str | int | None) -> Iterator[None]:
    """Makes the logger ``outrider`` write to stderr for a while, unless logging is set up already."""
    logger = logging.getLogger("outrider")
    if logger.handlers or logging.getLogger().handlers:
        yield
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    previous = logger.level
    logger.addHandler(handler)
    if previous == logging.NOTSET:
        logger.setLevel(_level_number(level))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(previous)


def _level_number(level: str | int | None) -> int:
    if isinstance(level, int):
        return level
    names = {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10, "trace": 5}
    return names[level or "info"]
