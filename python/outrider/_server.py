# SPDX-License-Identifier: MIT
"""The handle of a server."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import dataclasses
import html
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType

from outrider import _names
from outrider._cancellation import outlast
from outrider._clients import Clients
from outrider._exceptions import LifespanError, ProcessError, StateError, StoppedEarly
from outrider._handle import RequestRecord, Run
from outrider._importer import load_app
from outrider._logs import logger, restore_level, set_level
from outrider._loops import check_can_run, loop_factory
from outrider._process_messages import to_error
from outrider._service import HELD_UP_SECONDS, Service, close_loop_resources
from outrider._state import State
from outrider._stop import StopPolicy, StopReport, check_policy
from outrider._threads import in_thread
from outrider._uvicorn import UvicornNames


class Server(UvicornNames, Clients):
    """A server over one application: ``start()`` it, know its ``url``, ``stop()`` it.

    ``with Server(config) as server:`` starts it beside the program, in a thread with an event loop of its own, and
    stops it at the end. ``run()`` serves in the foreground until a signal, ``await serve()`` on the running loop.

    Thread: every public method may be called from any thread. A server can be started again after it has stopped.
    Nothing of the process is touched but in ``run()``, which handles SIGINT and SIGTERM while it serves.
    """

    # --- start ------------------------------------------------------------------------------------------------------

    def start(self) -> Server:
        """Starts the server in a thread; returns itself once it accepts connections.

        Raises ``StartError`` (``BindError``, ``AppImportError``, ``LifespanError``) when it can't, with the reason
        as its cause; nothing is left running then. Raises ``StateError`` when it is started already, or when its
        ``isolation`` is ``"none"``: such a one runs on an event loop, with ``async with``.
        """
        if self.config.isolation == "none":
            raise StateError("a server with isolation='none' runs on the caller's event loop: use 'async with'")
        is_process = self.config.isolation == "process"
        run = self._start_process(self._sockets) if is_process else self._begin_start(self._sockets)
        _started.add(self)
        try:
            if is_process:
                return self._wait_process(run)
            self._start_thread(run)
            return self._wait_ready(run)
        except BaseException:
            self._stop_run(run)  # also when the wait itself was interrupted: nothing is left running
            raise

    def _wait_process(self, run: Run) -> Server:
        """The process sees to its startup itself, but not to code that blocks it."""
        limit = self.config.start_timeout
        try:
            return self._wait_ready(run, limit + _INTERPRETER_SECONDS if limit else None)
        except TimeoutError:
            raise LifespanError(
                f"the server's process is not ready after start_timeout={limit!r} seconds: importing the application, "
                "or its startup, blocks"
            ) from None

    def _start_thread(self, run: Run) -> None:
        context = self._new_context()
        # A daemon, and so are by default the threads that its application starts: Python doesn't wait for them when
        # the program ends, but calls _stop_all().
        thread = threading.Thread(target=self._run_thread, args=(run, context), name=self._thread_name(), daemon=True)
        run.thread = thread
        try:
            thread.start()
        except RuntimeError as error:  # there are too many
            run.thread = None
            raise self._fail(error) from error

    def _thread_name(self) -> str:
        return f"outrider {self.config.name or self.port or self._urls[0]}"

    def wait_ready(self, timeout: float | None = None) -> Server:
        """Waits until the server accepts connections, at most ``timeout`` seconds; returns itself.

        Raises ``StartError`` when the start failed, ``StateError`` when the server was stopped meanwhile,
        ``TimeoutError``. A server that nobody has started yet is waited for as well.
        """
        return self._wait_ready(self._run, timeout)

    def _wait_ready(self, run: Run, timeout: float | None = None) -> Server:
        undecided = (State.CREATED, State.STARTING)
        with self._changed:
            if not self._changed.wait_for(lambda: run.is_over or self._state not in undecided, timeout):
                raise TimeoutError(f"the server is not ready after {timeout} s")
            if run.failure is not None:
                raise run.failure
            if run.is_over or self._state is not State.READY:
                raise StateError("the server was stopped before it was ready")
        return self

    def run(self, sockets: Sequence[socket.socket] | None = None) -> StopReport:
        """Serves in the calling thread until a signal, ``should_exit`` or ``stop()``; returns the report.

        In the main thread SIGINT and SIGTERM are handled while it runs (``install_signal_handlers()``): the first
        stops with the grace of ``StopPolicy.production()``, a second one takes that away, a third cuts everything
        off. ``sockets`` are served instead of the configured address; they stay the caller's. Raises what ``start()``
        raises, also where an event loop is running already; a stop before the application has started cancels its
        startup.
        """
        is_process = self.config.isolation == "process"
        prepared = None if is_process else self._prepare_foreground(sockets)
        context = self._new_context()
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            config = self.config
            self._default_policy = StopPolicy.production(config.timeout_graceful_shutdown, config.timeout_lifespan)
            self.install_signal_handlers()
        try:
            if prepared is None:
                return self._run_process(sockets)
            return self._run_loop(*prepared, context, is_foreground=True)
        except StoppedEarly:
            return self._run.report or StopReport()
        finally:
            self._restore_signal_handlers()

    def _run_process(self, sockets: Sequence[socket.socket] | None) -> StopReport:
        run = self._start_process(sockets)
        _started.add(self)
        try:
            with self._changed:
                self._changed.wait_for(lambda: run.is_over or self._stop_policy is not None)
        finally:
            self._stop_run(run)
        return run.outcome()

    async def serve(self, sockets: Sequence[socket.socket] | None = None) -> StopReport:
        """Serves on the running event loop until ``should_exit`` or ``stop()``; returns the report.

        Cancelling it stops the server by its policy, cancelling it again at once; the cancellation goes on when it has
        stopped. Raises what ``start()`` raises.
        """
        if self.config.isolation == "process":
            return await outlast(asyncio.ensure_future(in_thread(lambda: self._run_process(sockets))), self._hurry_now)
        await self._make_way()
        run = self._begin_start(self._sockets if sockets is None else sockets)
        run.is_on_callers_loop = True
        task = asyncio.create_task(self._main(run, self._new_context()), name="outrider")
        try:
            return await outlast(task, lambda: self._hurry(run))
        except StoppedEarly:
            return run.report or StopReport()

    async def _make_way(self) -> None:
        """Here, where the server to be replaced may run on this very event loop."""
        if _names.holder_of(self) is not None:
            await in_thread(lambda: _names.make_way(self))

    def _hurry_now(self) -> None:
        self._hurry(self._run)

    def _hurry(self, run: Run) -> None:
        self._request_stop(run, None if self._stop_policy is None else StopPolicy.immediate())

    def _prepare_foreground(
        self, sockets: Sequence[socket.socket] | None
    ) -> tuple[Run, Callable[[], asyncio.AbstractEventLoop]]:
        run = self._begin_start(self._sockets if sockets is None else sockets)
        try:
            is_main = threading.current_thread() is threading.main_thread()
            factory = loop_factory(self.config.loop, is_beside_program=not is_main)
            check_can_run(factory)
            return run, factory
        except Exception as error:
            failure = self._fail(error)
            raise failure from failure.__cause__

    def _check_startable(self) -> None:
        super()._check_startable()
        if _has_ended.is_set():
            raise StateError("the interpreter is ending: no server can be started any more")

    def _begin_start(self, sockets: Sequence[socket.socket] | None) -> Run:
        """Takes the sockets and imports the application, in the caller's thread."""
        run = self._begin_run()
        _started.add(self)
        set_level(self, self.config.log_level)
        try:
            self._bind(sockets)
            app = load_app(self.config.app, self.config.factory, self.config.factory_arguments)
        except BaseException as error:
            failure = self._fail(error)
            raise failure from failure.__cause__
        assert self._engine is not None
        self._service = Service(self.config, self._engine, app, self._errors, self._on_exchange, self.request_stop)
        return run

    # --- the thread, the loop ----------------------------------------------------------------------------------------

    def _run_thread(self, run: Run, context: contextvars.Context) -> None:
        try:
            factory = loop_factory(self.config.loop, is_beside_program=True)
        except Exception as error:
            self._fail(error)
            return
        try:
            self._run_loop(run, factory, context, is_foreground=False)
        except BaseException as error:  # whoever waits for the start or the stop is told; the thread ends in silence
            if not run.is_over:
                self._fail(error)

    def _run_loop(
        self,
        run: Run,
        factory: Callable[[], asyncio.AbstractEventLoop],
        context: contextvars.Context,
        is_foreground: bool,
    ) -> StopReport:
        loop = factory()
        escaped: BaseException | None = None
        try:
            main = loop.create_task(self._main(run, context, owns_loop=True))
            while not main.done():
                try:
                    loop.run_until_complete(main)
                except (SystemExit, KeyboardInterrupt) as error:
                    # asyncio lets these two leave the loop, whichever task raised them. Beside a program they end
                    # the request that raised them and no more; in the foreground the server stops, in order.
                    if main.done():
                        break
                    self._errors.append(error)
                    if is_foreground:
                        escaped = error
                        self.request_stop()
                except BaseException as error:
                    if main.done() or loop.is_closed():
                        break  # what _main() raised; it is raised below
                    # The application stopped the loop. There is no other way to leave it than in order.
                    self._errors.append(error)
                    self.request_stop()
            main.result()
        finally:
            loop.close()
            self._finish(run)
        if escaped is not None:
            raise escaped
        return run.report or StopReport()

    async def _main(
        self, run: Run, context: contextvars.Context, *, owns_loop: bool = False, ready: asyncio.Event | None = None
    ) -> StopReport:
        assert self._service is not None and self._engine is not None
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._stop_event = asyncio.Event()
            if self._stop_policy is not None:
                self._stop_event.set()  # asked for between the start and now
        try:
            await self._service.start(context, self._stop_event)
        except BaseException as error:
            failure = self._fail(error)
            raise failure from failure.__cause__
        with self._changed:
            self._set_ready()
            is_wanted = self._stop_policy is None and not self._exits_at_once
            self._exits_at_once = False
        if ready is not None:
            ready.set()
        self._logger.info("serving on %s", self.url)
        try:
            if is_wanted:
                await self._stop_event.wait()
        finally:
            # Also when the task that runs serve() is cancelled.
            await self._stop_service(run)
            if owns_loop:
                await close_loop_resources()
            else:
                self._finish(run)
        return run.report or StopReport()

    async def _stop_service(self, run: Run) -> None:
        assert self._service is not None and self._engine is not None
        with self._changed:
            self._set_state(State.DRAINING)
            policy = self._stop_policy = self._stop_policy or self._default_policy
            self._stop_began = self._stop_began or time.perf_counter()
        self._records = self._read_records()
        run.report = await self._service.stop(policy)

    def _finish(self, run: Run) -> None:
        if run.is_over:
            return  # it failed, and may have been started again
        if run.report is not None:
            run.report = dataclasses.replace(run.report, elapsed=time.perf_counter() - self._stop_began)
            self._logger.info("%s", run.report)
        restore_level(self)
        with self._changed:
            self._loop = self._stop_event = None
            self._stop_policy = None
            self._stop_began = 0.0
            self._force_exit = False
            calls, self._calls = self._calls, set()
            self._set_state(State.STOPPED)
        for future in calls:
            if not future.done():
                future.set_exception(StateError("the server stopped before it had run what it was asked to"))
        self._tell_stopped(run)

    # --- stop -------------------------------------------------------------------------------------------------------

    def stop(self, policy: StopPolicy | None = None) -> StopReport:
        """Stops the server and returns what that did, when it is done: thread joined, sockets closed.

        Idempotent, from any thread, in any state; every caller gets the report. In a handler, a coroutine or one
        that a framework runs in a thread, it can't wait: it asks for the stop, as ``request_stop()`` does, and returns
        a report whose ``lifespan`` is ``"pending"``. Raises ``StateError`` when the caller's event loop, which the
        server runs on, isn't running.
        """
        check_policy(policy)
        if self._is_inside():
            self.request_stop(policy)
            return StopReport(lifespan="pending")
        with self._changed:
            if self._state is State.CREATED:
                self._set_state(State.STOPPED)
            run = self._run
        return self._stop_run(run, policy)

    def _stop_run(self, run: Run, policy: StopPolicy | None = None) -> StopReport:
        if not run.is_over and not self._can_stop():
            raise StateError("the event loop that the server runs on isn't running: it can't stop there")
        self._request_stop(run, policy)
        while not run.is_over and (child := self._child) is not None:
            child.stop(self._stop_policy or self._default_policy)
        if not self._wait_over(run, HELD_UP_SECONDS):
            if self._state is State.READY:  # the loop hasn't come to it
                self._logger.warning("the stop waits for the event loop, which a handler blocks")
            self._wait_over(run)
        if run.thread is not None and run.thread is not threading.current_thread():  # which it is in on_stop
            run.thread.join()
        self._close_clients()
        return run.report or StopReport()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Ctrl-C in a stop that has long deadlines makes it hurry.
        self.stop(self._default_policy if isinstance(error, KeyboardInterrupt) else None)
        self._tell_crash(error)

    def _tell_crash(self, error: BaseException | None) -> None:
        """A process that crashed is no secret: the end of the block tells it, unless something has already."""
        failure = self._run.failure
        if not isinstance(failure, ProcessError) or self._has_told_failure:
            return
        self._has_told_failure = True
        if error is None:
            raise failure
        error.add_note(f"meanwhile, {failure}")

    async def __aenter__(self) -> Server:
        if self.config.isolation == "none":
            return await self._start_here()
        return await outlast(asyncio.ensure_future(in_thread(self.start)), self.request_stop)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stopping: asyncio.Future[StopReport]
        if self.config.isolation == "none":
            assert self._here is not None
            self.request_stop()
            stopping = self._here
        else:
            stopping = asyncio.ensure_future(in_thread(self.stop))
        await outlast(stopping, lambda: self.request_stop(StopPolicy.immediate()))
        self._close_clients()
        self._tell_crash(error)

    async def _start_here(self) -> Server:
        ready = asyncio.Event()
        await self._make_way()
        run = self._begin_start(self._sockets)
        run.is_on_callers_loop = True
        self._here = asyncio.create_task(self._main(run, self._new_context(), ready=ready), name="outrider")
        waiter = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait({self._here, waiter}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._hurry(run)
            with contextlib.suppress(StateError):
                await outlast(self._here, lambda: self._hurry(run))
            raise
        finally:
            waiter.cancel()
        if self._here.done():
            self._here.result()  # raises why the start failed
        return self

    # --- what it is and does ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:49213"``: known from the bind on, before the application has started."""
        return self._urls[0] if self._known() else ""

    @property
    def port(self) -> int:
        """The port of the first address; 0 for a Unix socket."""
        address = self._addresses[0] if self._known() else None
        return address[1] or 0 if address else 0

    @property
    def addresses(self) -> list[tuple[str, int | None]]:
        """Where the server is bound: ``(host, port)``, or ``(path, None)`` for a Unix socket."""
        return list(self._addresses) if self._known() else []

    @property
    def state(self) -> str:
        """``"created"``, ``"starting"``, ``"ready"``, ``"draining"``, ``"stopped"`` or ``"failed"``."""
        return self._state.value

    @property
    def errors(self) -> list[BaseException]:
        """The last exceptions that the application let out, oldest first (at most 100). Of a server in a process of
        its own as ``ProcessError``, with the traceback as its cause."""
        if self._state is State.READY and self._child is not None:
            return [*self._errors, *map(to_error, self._ask("errors"))]
        return list(self._errors)

    @property
    def requests(self) -> list[RequestRecord]:
        """The last requests, oldest first (``Config.request_log`` of them)."""
        if self._state is State.READY and self._child is not None:
            return [RequestRecord(*record) for record in self._ask("requests")]
        if self._state is State.READY and self._loop is not None:
            return self._read_records() if self._is_at_rest() else self.call(self._read_records)
        return self._records

    def forget(self) -> None:
        """Empties ``errors`` and ``requests``: what comes from now on belongs to something else, the next test.

        From any thread. It is what a test suite does between tests that share a server.
        """
        if self._state is State.READY and self._child is not None:
            self._ask("forget")
        elif self._state is State.READY and self._engine is not None:
            if self._is_at_rest():
                self._engine.forget_records()
            else:
                with contextlib.suppress(StateError):  # it has stopped meanwhile
                    self.call(self._engine.forget_records)
        self._records = []
        self._errors.clear()

    def _read_records(self) -> list[RequestRecord]:
        assert self._engine is not None
        return [RequestRecord(*record) for record in self._engine.records]

    def __repr__(self) -> str:
        name = f"{self.config.name!r} " if self.config.name is not None else ""
        where = f" on {self._urls[0]}" if self._urls else ""
        return f"<outrider.Server {name}{self._state.value}{where}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a link, while there is something behind it."""
        name = f" {html.escape(self.config.name)}" if self.config.name is not None else ""
        where = html.escape(self._urls[0]) if self._urls else ""
        if self._state is State.READY and where.startswith(("http://", "https://")):
            where = f'<a href="{where}" target="_blank" rel="noopener">{where}</a>'
        return f"<code>outrider.Server</code>{name} {self._state.value}{' on ' * bool(where)}{where}"

    def _is_at_rest(self) -> bool:
        """The event loop does nothing else meanwhile: this is it, or it isn't being run."""
        return threading.current_thread() is self._loop_thread() or not self._can_stop()

    def _can_stop(self) -> bool:
        """Whether somebody runs it: not when its caller's event loop has been left without stopping it."""
        loop = self._loop
        return not self._run.is_on_callers_loop or loop is None or loop.is_running()

    def _abandon(self) -> None:
        """In a forked child: the threads and the event loop are the parent's. This copy is a stopped server."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._run.thread = None
        with self._changed:
            self._set_state(State.STOPPED)
        child, self._child = self._child, None
        self._loop = self._stop_event = None
        self._calls = set()
        if child is not None:
            child.abandon()
        if self._engine is not None:
            self._engine.close()


# Servers that were started: stopped when the interpreter exits, so that their lifespan's shutdown runs.
_started: weakref.WeakSet[Server] = weakref.WeakSet()

# For a fresh interpreter to start, and to import what isn't blocking: start_timeout is the application's.
_INTERPRETER_SECONDS = 5.0

# Together they have so long for that. What is left runs code of the application that doesn't return to its event loop.
_EXIT_SECONDS = 10.0

# A server that was started now would run into the destruction of the interpreter.
_has_ended = threading.Event()


@atexit.register
def _stop_all() -> None:
    _has_ended.set()
    policy = StopPolicy.immediate()
    servers = [server for server in list(_started) if server._can_stop()]
    for server in servers:
        server.request_stop(policy)  # all of them, before the first one is waited for
    deadline = time.monotonic() + _EXIT_SECONDS
    for server in servers:
        if server._child is None and not server._wait_over(server._run, max(0.0, deadline - time.monotonic())):
            logger.warning("%r is left behind: its application blocks the event loop", server)
        else:
            server.stop(policy)


def _abandon_all() -> None:
    _names.abandon_all()
    for server in list(_started):
        server._abandon()
    _started.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
