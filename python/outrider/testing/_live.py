# SPDX-License-Identifier: MIT
"""A server that a test suite watches: what it did during each test, and what its application let out."""

from __future__ import annotations

import contextlib
import logging
import socket
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from outrider._config import Config
from outrider._exceptions import StateError
from outrider._handle import RequestRecord
from outrider._logs import logger
from outrider._server import Server
from outrider._state import State
from outrider._stop import StopPolicy

# Exceptions that mean a WebSocket's end, and that frameworks let out when their handlers don't catch them.
_DEPARTURES = ("WebSocketDisconnect",)
# What a test's section shows of the log.
LINES_MAX = 200


@dataclass(frozen=True)
class Observed:
    """What a server did during one test."""

    url: str
    requests: tuple[RequestRecord, ...]
    errors: tuple[BaseException, ...]
    log: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.requests or self.errors or self.log)

    def __str__(self) -> str:
        """The section of a test's report: the requests, the log, the tracebacks."""
        parts = [
            f"{request.method} {request.path} {request.status or 'no response'} {request.ms:.1f} ms"
            for request in self.requests
        ]
        parts += self.log
        parts += ["".join(traceback.format_exception(error)).rstrip() for error in self.errors]
        return "\n".join(parts)


class LiveServer(Server):
    """A ``Server`` for tests: ``str(server)`` is its URL, ``server + "/path"`` the URL of a path.

    ``raise_server_exceptions``: whether what the application lets out fails the test during which it did
    (``end_test()``). Otherwise as ``Server``.
    """

    def __init__(
        self, config: Config, sockets: Sequence[socket.socket] | None = None, *, raise_server_exceptions: bool = True
    ) -> None:
        super().__init__(config, sockets)
        self.raise_server_exceptions = raise_server_exceptions
        self._log = _Log()

    def start(self) -> LiveServer:
        """As ``Server.start()``."""
        self._log.open()
        try:
            super().start()
        except BaseException:
            self._log.close()
            raise
        return self

    def __enter__(self) -> LiveServer:
        return self.start()

    async def __aenter__(self) -> LiveServer:
        self._log.open()
        try:
            await super().__aenter__()
        except BaseException:
            self._log.close()
            raise
        return self

    def __str__(self) -> str:
        return self.url

    def __add__(self, path: str) -> str:
        return f"{self.url}{path}"

    def _close_clients(self) -> None:
        super()._close_clients()
        self._log.close()

    def settle(self) -> None:
        """Ends what still runs, as a stop would (``StopPolicy()``), and goes on: no request of a test gets into the
        next one. Does nothing when the server doesn't run."""
        if self._state is State.READY and self._can_stop():
            with contextlib.suppress(StateError):  # it was stopped meanwhile
                self.quiesce(policy=StopPolicy())

    def observe(self) -> Observed:
        """What the server did since the last ``forget()``. That a handler was ended by its WebSocket's end, which
        Starlette and Litestar raise in it, is no error."""
        url = self._urls[0] if self._urls else "no address"
        is_reachable = self._state is not State.READY or self._can_stop()
        requests = tuple(self.requests) if is_reachable else ()
        errors = tuple(error for error in self.errors if type(error).__name__ not in _DEPARTURES)
        return Observed(url, requests, errors, tuple(self._log.lines))

    def forget(self) -> None:
        """As ``Server.forget()``, and the lines of the log."""
        if self._state is not State.READY or self._can_stop():
            super().forget()
        self._log.lines.clear()


def raise_errors(errors: Sequence[BaseException]) -> None:
    """Raises what an application let out: the exception itself if it is one alone, else all of them in a group; returns
    when there is none.

    What isn't an ``Exception`` (``SystemExit``) is raised in a group as well: it isn't the test suite that is to end.
    """
    if not errors:
        return
    if len(errors) == 1 and isinstance(errors[0], Exception):
        raise errors[0]
    raise BaseExceptionGroup(f"the application let out {len(errors)} exceptions", errors)


class _Log(logging.Handler):
    """What the logger ``outrider`` lets through while a server runs; its level and its handlers stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES_MAX)

    def open(self) -> None:
        logger.addHandler(self)

    def close(self) -> None:
        logger.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):  # a message that doesn't fit its arguments is told by others
            self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


def live_server(app: Any, *, raise_server_exceptions: bool = True, **options: Any) -> LiveServer:
    """A ``LiveServer`` over ``app``, not started yet; ``options`` are ``Config``'s, ``port`` 0 unless given."""
    options.setdefault("port", 0)
    return LiveServer(Config(app, **options), raise_server_exceptions=raise_server_exceptions)
