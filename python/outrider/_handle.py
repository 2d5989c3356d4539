# SPDX-License-Identifier: MIT
"""What every part of a server's handle shares: its state, and how that changes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import errno
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from outrider import _names
from outrider._config import Config
from outrider._engine import Engine
from outrider._exceptions import LifespanError, StartError, StateError, StoppedEarly
from outrider._importer import import_from_string
from outrider._logs import NamedLogger, restore_level
from outrider._process import Child
from outrider._service import Service, bind_error
from outrider._state import State
from outrider._stop import StopPolicy, StopReport, check_policy
from outrider._tls import throw_away, to_engine

# What Server.errors keeps: enough to see what happens, bounded whatever happens.
ERRORS_MAX = 100


# Which server's application runs here: set in the context of its lifespan, and so of all its requests, and of the
# threads that those use (asyncio.to_thread(), a framework's pool for handlers that aren't coroutines).
_serving: contextvars.ContextVar[Handle | None] = contextvars.ContextVar("outrider_serving", default=None)


class RequestRecord(NamedTuple):
    """One request as ``Server.requests`` shows it; ``status`` is 0 when there was no response, ``request_id`` empty
    without the option of that name."""

    method: str
    path: str
    status: int
    ms: float
    request_id: str = ""


class Run:
    """One start of a server until its end. Who waits for that holds on to this: the server may be started again before
    he looks."""

    def __init__(self) -> None:
        self.is_over = False
        self.failure: BaseException | None = None
        self.report: StopReport | None = None
        self.thread: threading.Thread | None = None  # of the server, if it has one of its own
        self.is_on_callers_loop = False  # which the caller runs, or doesn't

    def outcome(self) -> StopReport:
        """The report of one that is over; raises why it failed."""
        if self.failure is not None:
            raise self.failure
        return self.report or StopReport()


class Handle:
    """The base of the parts of ``Server``: ``ProcessHandle`` with ``Beside`` on top of it, and ``UvicornNames``."""

    def __init__(self, config: Config, sockets: Sequence[socket.socket] | None = None) -> None:
        self.config = config
        self._logger = NamedLogger(config.name)
        self._sockets = sockets
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._state = State.CREATED
        self._run = Run()  # changed, as what belongs to it, under the lock
        self._engine: Engine | None = None
        self._thrown_away: tuple[str, str, str] | None = None
        self._addresses: list[Any] = []
        self._urls: list[str] = []
        self._chromium_arguments: list[str] = []
        self._records: list[RequestRecord] = []
        self._service: Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._child: Child | None = None
        self._child_output = ""
        self._restarts = 0
        self._has_told_failure = False
        self._here: asyncio.Task[StopReport] | None = None
        self._stop_event: asyncio.Event | None = None
        self._stop_policy: StopPolicy | None = None
        self._exits_at_once = False
        self._stop_began = 0.0
        self._calls: set[concurrent.futures.Future[Any]] = set()
        self._exchanges_seen = 0
        self._listener: Callable[[], None] | None = None  # of exchanges
        self._default_policy = StopPolicy.beside_program(config.timeout_graceful_shutdown, config.timeout_lifespan)
        self._force_exit = False
        self._errors: deque[BaseException] = deque(maxlen=ERRORS_MAX)
        self._saved_signals: dict[int, Any] = {}
        self._signals_seen = 0
        self._clients: weakref.WeakSet[Any] | None = None  # to be closed when it has stopped

    def request_stop(self, policy: StopPolicy | None = None) -> None:
        """Asks the server to stop, and returns at once. From any thread, and from signal handlers.

        A second call with other deadlines makes a stop that is under way hurry. Before the application has started
        up, its startup is cancelled, and the start raises ``StateError``.
        """
        check_policy(policy)
        self._request_stop(self._run, policy)

    def _request_stop(self, run: Run, policy: StopPolicy | None) -> None:
        with self._lock:
            if run is not self._run or run.is_over or self._state is State.CREATED:
                return
            is_first = self._stop_policy is None
            self._stop_policy = chosen = policy or self._stop_policy or self._default_policy
            self._stop_began = self._stop_began or time.perf_counter()
            child, loop, event = self._child, self._loop, self._stop_event
        if child is not None:
            child.request_stop(chosen)
        if loop is None or event is None:
            return  # who starts the server looks at the policy

        def tell() -> None:
            event.set()
            if not is_first and policy is not None and self._service is not None:
                self._service.hurry(chosen)

        with contextlib.suppress(RuntimeError):  # the loop has closed: the server has stopped
            loop.call_soon_threadsafe(tell)

    def _check_startable(self) -> None:
        if self._state in (State.STARTING, State.READY, State.DRAINING):
            raise StateError(f"the server is {self._state.value}: stop it before it is started again")

    def _begin_run(self) -> Run:
        has_name = False
        while not has_name:  # somebody else may take it in between
            if self.config.replace and isinstance(self.config.app, str):
                import_from_string(self.config.app)  # a mistake there leaves the running one alone
            _names.make_way(self)
            with self._changed:
                self._check_startable()
                has_name = _names.take(self)
                if has_name:
                    self._set_starting()
        return self._run

    def _set_starting(self) -> None:
        if self._run.is_over:
            self._run = Run()  # else it was never started, and somebody may wait for that
        self._state = State.STARTING
        self._loop = self._stop_event = self._stop_policy = self._service = None
        self._stop_began = 0.0
        self._records = []
        self._has_told_failure = False

    def _bind(self, sockets: Sequence[socket.socket] | None) -> None:
        config = self.config
        self._engine = Engine(
            config.limits(), config.server_header, config.date_header, tuple(config.headers), config.request_log
        )
        self._engine.trust(*config.proxies())
        if config.ws != "none":
            self._engine.take_websockets(config.websocket_deflate())
        self._secure(self._engine)
        try:
            if sockets is not None:
                for one in sockets:
                    self._engine.adopt(one.fileno())
            elif config.fd is not None:
                self._engine.adopt(config.fd)
            elif config.uds is not None:
                self._engine.bind_unix(config.uds)
            else:
                self._bind_tcp(self._engine)
        except OSError as error:
            raise bind_error(error) from error
        self._open_logs()
        self._addresses = self._engine.addresses
        self._urls = self._engine.urls
        self._chromium_arguments = self._engine.chromium_arguments
        _names.remember_port(self, self._addresses[0][1] or 0)

    def _bind_tcp(self, engine: Engine) -> None:
        port = self.config.port or _names.last_port(self)
        try:
            engine.bind_tcp(self.config.host, port, False)
        except OSError as error:
            if port == self.config.port or error.errno != errno.EADDRINUSE:
                raise
            engine.bind_tcp(self.config.host, 0, False)  # somebody else has the port meanwhile

    def _secure(self, engine: Engine) -> None:
        if not self.config.is_secured:
            return
        try:
            engine.secure(to_engine(self.config, self._throw_away()))
        except OSError as error:
            raise StartError(error.strerror or str(error)) from error
        for warning in engine.tls_warnings:
            self._logger.warning("%s", warning)

    def _throw_away(self) -> tuple[str, str, str] | None:
        """With ``tls=True``: the certificate, its key and its authority, made when first asked for and kept for all
        that this server is started."""
        if not self.config.tls:
            return None
        with self._lock:
            if self._thrown_away is None:
                try:
                    self._thrown_away = throw_away(self.config.host)
                except ValueError as error:
                    raise StartError(str(error)) from error
            return self._thrown_away

    def _open_logs(self) -> None:
        config = self.config
        if config.isolation == "process":
            return  # which has its own
        assert self._engine is not None
        if config.request_id is not None:
            self._engine.give_request_ids(config.request_id, config.trust_request_id)
        if config.access_log_file is None:
            return
        try:
            self._engine.open_access_log(
                config.access_log_file, config.access_log_format or "combined", self._logger.warning
            )
        except OSError as error:
            raise StartError(error.strerror or str(error)) from error

    def _fail(self, error: BaseException) -> BaseException:
        """Records that the start failed; returns what is to be raised."""
        failure = error
        if isinstance(error, asyncio.CancelledError):
            failure = StoppedEarly("the start was cancelled")
        elif isinstance(error, Exception) and not isinstance(error, (StartError, StoppedEarly)):
            failure = StartError(f"the server could not start: {type(error).__name__}: {error}")
            failure.__cause__ = error
        if self._engine is not None:
            self._engine.close()
        restore_level(self)
        with self._changed:
            self._run.failure = failure
            if isinstance(error, LifespanError):
                self._run.report = StopReport(lifespan="failed", lifespan_error=error)
            self._loop = self._stop_event = self._stop_policy = None
            self._set_state(State.STOPPED if isinstance(failure, StoppedEarly) else State.FAILED)
        return error if isinstance(error, asyncio.CancelledError) else failure

    def _set_state(self, state: State) -> None:
        self._state = state
        self._run.is_over = state in (State.STOPPED, State.FAILED)
        if self._run.is_over:
            _names.release(self)
        self._changed.notify_all()

    def _wait_over(self, run: Run, timeout: float | None = None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: run.is_over, timeout)

    def _set_ready(self) -> None:
        self._set_state(State.READY)
        if self.config.on_ready is not None:
            # It may ask the server something, so not on its event loop, which may be this thread's.
            arguments = ("on_ready", self.config.on_ready, self)
            threading.Thread(target=self._call_back, args=arguments, name="outrider on_ready", daemon=True).start()

    def _tell_stopped(self, run: Run) -> None:
        was_ready = run.report is not None and not isinstance(run.failure, StartError)
        if self.config.on_stop is not None and was_ready:
            self._call_back("on_stop", self.config.on_stop, run.report)

    def _call_back(self, name: str, function: Callable[[Any], Any], argument: Any) -> None:
        try:
            function(argument)
        except BaseException as error:
            self._errors.append(error)
            self._logger.error("%s=%r failed", name, function, exc_info=error)

    def _on_exchange(self) -> None:
        """An exchange has ended, if somebody watches them (``Beside.wait_until()``)."""
        if self._listener is not None:
            self._listener()
        with self._changed:
            self._exchanges_seen += 1
            self._changed.notify_all()

    def _new_context(self) -> contextvars.Context:
        """For a lifespan: the caller's, which every request will have a copy of."""
        context = contextvars.copy_context()
        context.run(_serving.set, self)
        return context

    def _known(self) -> bool:
        if not self._addresses:
            failure = self._run.failure
            if failure is not None:
                raise StateError(f"the server has no address: {failure}") from failure
            raise StateError("the server's address is not known before it is started")
        return True

    def _is_inside(self) -> bool:
        """The caller belongs to the server's application, or is its event loop: waiting would be for itself."""
        return _serving.get() is self or (self._loop is not None and threading.current_thread() is self._loop_thread())

    def _check_outside(self) -> None:
        if self._is_inside():
            raise StateError("this is a handler of the server, or its event loop: it would wait for itself")

    def _loop_thread(self) -> threading.Thread | None:
        return self._run.thread if self._run.thread is not None else self._foreground_thread()

    def _foreground_thread(self) -> threading.Thread | None:
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return None
        return threading.current_thread() if running is self._loop else None
