# SPDX-License-Identifier: MIT
"""One engine and one application on the running event loop: what a Server runs, wherever it runs it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from outrider._config import Config
from outrider._engine import Engine
from outrider._exceptions import BindError, ClientDisconnected, LifespanError, ProtocolError, StateError
from outrider._lifespan import Lifespan
from outrider._logs import NamedLogger, access_logger
from outrider._stop import StopPolicy, StopReport
from outrider._threads import in_thread

# What became of the exchanges: completed, disconnected, cancelled, aborted, who held it up.
Counts = tuple[int, int, int, int, list[str]]
Drained = asyncio.Future[Counts]

# Past that somebody who watches a stop wonders what it waits for.
HELD_UP_SECONDS = 5.0


class Service:
    """Belongs to the loop it is started on; only the constructor may run elsewhere."""

    def __init__(
        self,
        config: Config,
        engine: Engine,
        app: Any,
        errors: deque[BaseException],
        on_exchange: Callable[[], None],
        request_stop: Callable[[], None],
    ) -> None:
        self._config = config
        self._logger = NamedLogger(config.name)
        self._engine = engine
        self._app = app
        self._errors = errors
        self._on_exchange = on_exchange
        self._request_stop = request_stop
        self._exchanges = 0  # that ended; counted where somebody wants to know
        self._last_end = 0.0
        self._lifespan: Lifespan | None = None
        self._drained: Drained | None = None
        self._policy: StopPolicy | None = None  # of the stop that is under way
        self._hurried: asyncio.Event | None = None
        self._stop: asyncio.Event | None = None
        self._left_behind: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()  # by end_exchanges(): waited for once
        self._changing = asyncio.Lock()  # for all that holds the engine or changes the application

    async def start(self, context: contextvars.Context, stop: asyncio.Event) -> None:
        """Starts the application, then listens. Raises ``LifespanError``, ``BindError``, or ``StoppedEarly`` when
        ``stop`` is set before the application has started; nothing is left then."""
        loop = asyncio.get_running_loop()
        self._stop = stop
        self._lifespan = Lifespan(self._app, self._config.lifespan, context, self._logger)
        try:
            await self._lifespan.startup(stop, self._config.start_timeout)
        except BaseException:
            self._engine.close()
            raise
        self._engine.attach(loop, *self._application(self._app, self._lifespan, context))
        if self._config.access_log and self._config.access_log_file is None:
            self._engine.log_access(self._config.access_log_format or "plain", access_logger, _log_access)
        self._engine.on_refused(self._logger.logger, logging.DEBUG, self._logger.debug)
        self._engine.on_held_up(HELD_UP_SECONDS, functools.partial(_log_held_up, self._logger))
        self._engine.on_exhausted(self._logger.warning)
        if self._config.stop_after > 0 or self._config.idle_timeout > 0:
            self.watch_exchanges()
        try:
            self._engine.listen(self._config.backlog)
        except OSError as error:
            await self._lifespan.shutdown(StopPolicy().lifespan)
            self._engine.close()
            raise bind_error(error) from error
        if self._config.idle_timeout > 0:
            self._last_end = loop.time()
            loop.call_later(self._config.idle_timeout, self._check_idle)

    def _application(self, app: Any, lifespan: Lifespan, context: contextvars.Context) -> tuple[Any, ...]:
        """What the engine is to know of an application."""
        callbacks = {
            "on_exception": self._on_exception,
            "on_incomplete": self._on_incomplete,
            "on_debug": self._on_debug if self._config.on_debug is not None else None,
            "as_coroutine": _await,
            "disconnected_error": ClientDisconnected,
            "protocol_error": ProtocolError,
        }
        state = lifespan.state if lifespan.is_supported else None
        return app, context, state, callbacks, self._config.root_path

    async def swap(self, app: Any, context: contextvars.Context, policy: StopPolicy) -> StopReport:
        """Starts another application up, gives it the requests from then on, and shuts the one before down when its
        requests have ended, by the deadlines of ``policy``. Raises ``LifespanError``; the one before goes on then."""
        assert self._lifespan is not None and self._stop is not None
        async with self._changing:
            lifespan = Lifespan(app, self._config.lifespan, context, self._logger)
            await lifespan.startup(self._stop, self._config.start_timeout)
            before, self._lifespan = self._lifespan, lifespan
            ended, tasks = self._end_exchanges(policy), self._engine.tasks
            self._engine.swap(asyncio.get_running_loop(), *self._application(app, lifespan, context))
            return await self._retire(before, ended, tasks, policy)

    async def restart(self, app: Any, context: contextvars.Context, policy: StopPolicy) -> StopReport:
        """Lets what runs end by the deadlines of ``policy``, shuts the application down and starts ``app`` up, while
        connections wait. Raises ``LifespanError``; there is no application then, and the server is to be stopped."""
        assert self._lifespan is not None and self._stop is not None
        async with self._changing:
            try:
                self._engine.hold(lambda _is_quiet: None)
                ended = self._end_exchanges(policy)
                report = await self._retire(self._lifespan, ended, self._engine.tasks, policy)
                self._lifespan = lifespan = Lifespan(app, self._config.lifespan, context, self._logger)
                await lifespan.startup(self._stop, self._config.start_timeout)
                self._engine.swap(asyncio.get_running_loop(), *self._application(app, lifespan, context))
                return report
            except LifespanError:
                self._request_stop()
                raise
            finally:
                self._engine.go_on()

    def _end_exchanges(self, policy: StopPolicy) -> Drained:
        ended: Drained = asyncio.get_running_loop().create_future()
        self._engine.end_exchanges(*_stages(policy), lambda *counts: _set_result(ended, counts))
        return ended

    async def _retire(
        self, lifespan: Lifespan, ended: Drained, tasks: set[asyncio.Task[Any]], policy: StopPolicy
    ) -> StopReport:
        """Ends an application while the server goes on with another; when that is stopped, at once."""
        assert self._stop is not None
        began, stop = time.perf_counter(), self._stop
        counts = await ended
        abandoned = await _end_tasks(
            self._logger, tasks, began, lambda: StopPolicy.immediate() if stop.is_set() else policy, stop
        )
        return await _shut_down(self._logger, lifespan, policy, counts, abandoned, began)

    def watch_exchanges(self) -> None:
        """From now on ``on_exchange`` is called after each exchange."""
        self._engine.on_exchange(self._after_exchange)

    def _after_exchange(self) -> None:
        self._exchanges += 1
        self._last_end = asyncio.get_running_loop().time()
        self._on_exchange()
        if self._exchanges == self._config.stop_after:
            self._request_stop()

    def _check_idle(self) -> None:
        if self._drained is not None:
            return  # it stops already
        loop = asyncio.get_running_loop()
        left = self._config.idle_timeout
        if self._engine.exchange_count == 0:
            left -= loop.time() - self._last_end
        if left <= 0:
            self._request_stop()
        else:
            loop.call_later(left, self._check_idle)

    async def stop(self, policy: StopPolicy) -> StopReport:
        """Drains the engine, ends the application's tasks, runs the lifespan's shutdown, closes everything."""
        self._policy = policy
        self._hurried = asyncio.Event()
        self._drained = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._drain(policy)
        counts = await self._drained
        async with self._changing:  # a quiesce(), swap() or restart() is about to be told
            pass
        abandoned = await _end_tasks(
            self._logger, self._engine.tasks, began, lambda: self._policy or policy, self._hurried
        )
        assert self._lifespan is not None
        report = await _shut_down(self._logger, self._lifespan, self._policy, counts, abandoned, began)
        self._engine.close()
        return report

    async def end_exchanges(self, policy: StopPolicy) -> None:
        """Ends what runs by the stages of ``policy``, requests and what is behind them; connections wait meanwhile."""
        assert self._stop is not None
        async with self._changing:
            try:
                self._engine.hold(lambda _is_quiet: None)
                tasks, began = self._engine.tasks - set(self._left_behind), time.perf_counter()
                await self._end_exchanges(policy)
                await _end_tasks(self._logger, tasks, began, lambda: policy, self._stop)
                self._left_behind.update(task for task in tasks if not task.done())
            finally:
                self._engine.go_on()

    async def quiesce(self, timeout: float) -> None:
        """Waits until no exchange is running and no task of the application; connections wait meanwhile. Raises
        ``TimeoutError``, naming what is still running, and ``StateError`` when the server stops."""
        loop = asyncio.get_running_loop()
        quiet: asyncio.Future[bool] = loop.create_future()
        deadline = loop.time() + timeout

        def tell(is_quiet: bool) -> None:
            if not quiet.done():
                quiet.set_result(is_quiet)

        async with self._changing:
            try:
                self._engine.hold(tell)
                await asyncio.wait({quiet}, timeout=max(0.0, deadline - loop.time()))
                if not quiet.done():
                    raise TimeoutError(f"still running after {timeout} s: {', '.join(self._engine.running)}")
                if not quiet.result():
                    raise StateError("the server stops: there is no waiting for quiet")
                running = {task for task in self._engine.tasks if not task.done()}
                if running:
                    _, running = await asyncio.wait(running, timeout=max(0.0, deadline - loop.time()))
                if running:
                    names = ", ".join(task.get_name() for task in running)
                    raise TimeoutError(f"still running after {timeout} s, behind their responses: {names}")
            finally:
                self._engine.go_on()

    def hurry(self, policy: StopPolicy) -> None:
        """Replaces the deadlines of a stop that is under way."""
        if self._drained is None or self._hurried is None or self._lifespan is None:
            return
        self._policy = policy
        if not self._drained.done():
            self._drain(policy)
        self._hurried.set()
        self._lifespan.hurry(policy.lifespan)

    def _drain(self, policy: StopPolicy) -> None:
        drained = self._drained
        assert drained is not None
        self._engine.drain(*_stages(policy), lambda *counts: _set_result(drained, counts))

    def _on_exception(self, request: str, error: BaseException) -> None:
        # The two that leave the event loop are noted there already, unless they came in a task's first step.
        if not (isinstance(error, SystemExit | KeyboardInterrupt) and any(known is error for known in self._errors)):
            self._errors.append(error)
        if self._config.request_id is not None:
            note = f"during {request}"
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
        if isinstance(error, asyncio.CancelledError):
            self._logger.warning("the application was cancelled during %s", request)
        else:
            self._logger.error("the application raised an exception during %s", request, exc_info=error)

    def _on_debug(self, request: str, info: dict[str, Any]) -> None:
        assert self._config.on_debug is not None
        try:
            self._config.on_debug(request, info)
        except Exception as error:
            self._logger.error("on_debug raised an exception during %s", request, exc_info=error)

    def _on_incomplete(self, request: str, has_started: bool) -> None:
        done = "before its response was complete" if has_started else "without sending a response"
        error = ProtocolError(f"the application returned {done} during {request}")
        self._errors.append(error)
        self._logger.error("%s", error)


def bind_error(error: OSError) -> BindError:
    """The documented exception for what the engine raised. Not every failure has a number: a name that isn't found."""
    return BindError(error.errno, error.strerror) if error.errno else BindError(error.strerror)


def _stages(policy: StopPolicy) -> tuple[float, float, float, bool]:
    return policy.grace, policy.disconnect, policy.cancel, policy.streams_have_grace


def _set_result(future: Drained, counts: Any) -> None:
    if not future.done():  # it is told again when the stop was hurried, and its waiter may have been cancelled
        future.set_result(counts)


async def _shut_down(
    logger: NamedLogger, lifespan: Lifespan, policy: StopPolicy, counts: Counts, abandoned: int, began: float
) -> StopReport:
    outcome, error = await lifespan.shutdown(policy.lifespan)
    if error is not None:
        logger.error("the application's lifespan shutdown failed: %s", error, exc_info=error)
    completed, disconnected, cancelled, aborted, held_up = counts
    return StopReport(
        completed=completed,
        disconnected=disconnected,
        cancelled=cancelled,
        aborted=aborted,
        abandoned=abandoned,
        held_up=tuple(held_up),
        elapsed=time.perf_counter() - began,
        lifespan=outcome,
        lifespan_error=error,
    )


async def _end_tasks(
    logger: NamedLogger,
    tasks: set[asyncio.Task[Any]],
    began: float,
    policy: Callable[[], StopPolicy],
    hurried: asyncio.Event,
) -> int:
    """Waits for what an application still does behind its responses (background tasks), then cancels it. ``policy()``
    is asked again when ``hurried`` is set. Returns how many tasks go on in spite of that."""
    running = {task for task in tasks if not task.done()}
    if not running:
        return 0
    hurry = asyncio.ensure_future(hurried.wait())
    while running and (left := began + policy().grace - time.perf_counter()) > 0:
        waiting = running if hurry.done() else {hurry, *running}
        await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        running = {task for task in running if not task.done()}
    hurry.cancel()
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=policy().cancel)
    left_behind = [task.get_name() for task in running if not task.done()]
    if left_behind:
        names = ", ".join(left_behind)
        logger.warning("tasks of the application went on after being cancelled, and were left behind: %s", names)
    return len(left_behind)


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _log_access(line: str, fields: dict[str, Any]) -> None:
    access_logger.info(line, extra=fields)


async def close_loop_resources(timeout: float = 1.0) -> None:
    """What asyncio.run() does before it closes its loop, but bounded: a thread that sleeps can't hold it up."""
    loop = asyncio.get_running_loop()
    current = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks(loop) if task is not current]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=timeout)
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(loop.shutdown_asyncgens(), timeout)
    executor = getattr(loop, "_default_executor", None)
    if executor is not None:
        # Not with loop.shutdown_default_executor(): cancelled, it waits for the executor's threads all the same.
        # RuntimeError: at the end of the interpreter no thread can be started, and these have ended already.
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError, RuntimeError):
            await asyncio.wait_for(in_thread(executor.shutdown), timeout)


def _log_held_up(logger: NamedLogger, running: list[str]) -> None:
    logger.warning("the stop waits for %s", ", ".join(running) or "responses that their clients don't take")
