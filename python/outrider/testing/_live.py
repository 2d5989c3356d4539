# SPDX-License-Identifier: MIT
"""A server that a test suite watches: what it did during each test, and what its application let out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from outrider._config import Config
from outrider._exceptions import ProcessError, StateError
from outrider._handle import RequestRecord
from outrider._logs import logger
from outrider._server import Server
from outrider._state import State
from outrider._stop import StopPolicy, StopReport

# Exceptions that mean the end of a WebSocket or of a request, and that frameworks let out when their handlers don't
# catch them: nobody made a mistake.
_DEPARTURES = ("WebSocketDisconnect", "CancelledError")
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

    def since(self, earlier: Observed) -> Observed:
        """What has come since an earlier look."""
        return Observed(
            self.url,
            self.requests[len(earlier.requests) :],
            self.errors[len(earlier.errors) :],
            self.log[len(earlier.log) :],
        )

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

    ``raise_server_exceptions``: whether what the application lets out fails the test during which it did, which the
    pytest plugin and ``LiveServerTestCase`` see to. Otherwise as ``Server``.
    """

    def __init__(
        self, config: Config, sockets: Sequence[socket.socket] | None = None, *, raise_server_exceptions: bool = True
    ) -> None:
        if not isinstance(raise_server_exceptions, bool):
            raise TypeError(f"raise_server_exceptions={raise_server_exceptions!r} must be True or False")
        super().__init__(config, sockets)
        self.raise_server_exceptions = raise_server_exceptions
        self._log = _Log(self)
        self._is_stuck = False  # its event loop doesn't answer
        self._home = 0  # the thread of the event loop of somebody else's that it runs on

    def start(self) -> LiveServer:
        """As ``Server.start()``."""
        with self._logged():
            super().start()
        self._watch_tasks()
        return self

    def __enter__(self) -> LiveServer:
        return self.start()

    async def __aenter__(self) -> LiveServer:
        self._home = threading.get_ident()
        with self._logged():
            await super().__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        try:
            await super().__aexit__(*error)
        finally:
            self._log.close()

    def stop(self, policy: StopPolicy | None = None) -> StopReport:
        """As ``Server.stop()``."""
        try:
            return super().stop(policy)
        finally:
            if self._run.is_over:
                self._log.close()

    def __str__(self) -> str:
        return self.url

    def __add__(self, path: str) -> str:
        return f"{self.url}{path}"

    def settle(self) -> None:
        """Ends what still runs, as a stop would and by its deadlines, and goes on: no request of a test gets into the
        next one.

        Of a server on the caller's event loop (``isolation="none"``) it is done there, if that loop waits to be run
        again. Does nothing when the server doesn't run. Raises ``TimeoutError`` when a handler blocks the event loop.
        """
        if self._state is not State.READY:
            return
        policy = self._default_policy
        try:
            if self._can_stop():
                if not self._is_inside():
                    self.quiesce(policy=policy)
            elif self._service is not None and self._is_mine_to_run():
                assert self._loop is not None
                self._loop.run_until_complete(self._service.end_exchanges(policy))
            self._is_stuck = False
        except TimeoutError:
            self._is_stuck = True
            raise TimeoutError(f"{self!r} doesn't answer: a handler blocks its event loop") from None
        except (StateError, ProcessError):
            pass  # it was stopped meanwhile, or its process has crashed, which is among its errors

    def observe(self) -> Observed:
        """What the server did since the last ``forget()``. That a handler was ended, by its WebSocket's end, which
        Starlette and Litestar raise in it, or by a stop, is no error."""
        url = self._urls[0] if self._urls else "no address"
        requests: tuple[RequestRecord, ...] = ()
        errors = list(self._errors)
        if not self._is_stuck:
            with contextlib.suppress(StateError, ProcessError):  # its process has just crashed
                requests, errors = tuple(self.requests), self.errors
        told = tuple(error for error in errors if type(error).__name__ not in _DEPARTURES)
        return Observed(url, requests, told, tuple(self._log.lines))

    def note(self, error: BaseException) -> None:
        """Adds what somebody else found wrong to what the application let out."""
        self._errors.append(error)

    def forget(self) -> None:
        """As ``Server.forget()``, and the lines of the log."""
        if not self._is_stuck:
            with contextlib.suppress(StateError, ProcessError):
                super().forget()
        self._errors.clear()
        self._log.lines.clear()

    @contextlib.contextmanager
    def _logged(self) -> Iterator[None]:
        is_first = self._log.open()
        try:
            yield
        except BaseException:
            if is_first:
                self._log.close()
            raise

    def _is_mine_to_run(self) -> bool:
        """Whether the event loop is one of this thread's that rests between two tests."""
        loop = self._loop
        if loop is None or loop.is_closed() or threading.get_ident() != self._home:
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return True
        return False

    def _watch_tasks(self) -> None:
        """Tasks that the application starts and nobody awaits: what they raise belongs to a test as well. Only where
        the application hasn't chosen what becomes of it."""
        loop = self._loop
        if self.config.isolation == "thread" and loop is not None and loop.get_exception_handler() is None:
            loop.set_exception_handler(self._on_loop_exception)

    def _on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and isinstance(context.get("future"), asyncio.Task):
            self._errors.append(error)
        loop.default_exception_handler(context)


def raise_errors(errors: Sequence[BaseException]) -> None:
    """Raises what an application let out: the exception itself if it is one alone, else all of them in a group; returns
    when there is none.

    What isn't an ``Exception`` (``SystemExit``) is raised in a group as well: it isn't the test suite that is to end.
    """
    __tracebackhide__ = True  # pytest begins with the application's frames
    if not errors:
        return
    if len(errors) == 1:
        if isinstance(errors[0], Exception):
            raise errors[0]
        raise BaseExceptionGroup(f"the application let out {type(errors[0]).__name__}", errors)
    raise BaseExceptionGroup(f"the application let out {len(errors)} exceptions", errors)


class _Log(logging.Handler):
    """What the logger ``outrider`` lets through while a server runs, but for what other servers say on threads of their
    own; the logger's level and its handlers stay as they are."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES_MAX)
        self._server = weakref.ref(server)
        self._is_open = False

    def open(self) -> bool:
        """Whether it wasn't open."""
        was_open, self._is_open = self._is_open, True
        logger.addHandler(self)
        return not was_open

    def close(self) -> None:
        self._is_open = False
        logger.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        self._show_unhandled(record)
        server, thread = self._server(), threading.current_thread()
        if server is None or (thread.name.startswith("outrider ") and thread is not server._run.thread):
            return
        with contextlib.suppress(Exception):  # a message that doesn't fit its arguments is told by others
            self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")

    def _show_unhandled(self, record: logging.LogRecord) -> None:
        """Where the program has set up no logging, warnings and errors still get to stderr, as without this handler."""
        last, handlers = logging.lastResort, list(logger.handlers)
        if last is None or record.levelno < last.level or handlers[:1] != [self]:
            return
        is_alone = all(isinstance(handler, _Log) for handler in handlers)
        if is_alone and not (logger.propagate and logging.root.handlers):
            last.handle(record)


def live_server(app: Any, *, raise_server_exceptions: bool = True, **options: Any) -> LiveServer:
    """A ``LiveServer`` over ``app``, not started yet; ``options`` are ``Config``'s, ``port`` 0 unless given."""
    options.setdefault("port", 0)
    return LiveServer(Config(app, **options), raise_server_exceptions=raise_server_exceptions)
