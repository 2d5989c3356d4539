# SPDX-License-Identifier: MIT
"""The ASGI lifespan protocol (ASGI 3.0, "Lifespan Protocol", version 2.0)."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

from outrider._exceptions import LifespanError, ProtocolError, StoppedEarly
from outrider._logs import NamedLogger

# For an application that has answered to return, and for one that is cancelled to end.
_END_SECONDS = 0.5


class Lifespan:
    """The lifespan of one application on the running loop.

    ``mode`` is ``"auto"``, ``"on"`` or ``"off"``. ``context`` is the contextvars context that the application's
    lifespan runs in, and that each request's is a copy of; ``logger`` is the server's.
    """

    def __init__(self, app: Any, mode: str, context: contextvars.Context, logger: NamedLogger) -> None:
        self.state: dict[str, Any] = {}
        self.is_supported = mode != "off"
        self._app = app
        self._mode = mode
        self._context = context
        self._logger = logger
        self._task: asyncio.Task[None] | None = None
        self._has_received = False
        self._has_spoken_otherwise = False  # sent what is no message of a lifespan: it doesn't know what it is in
        self._was_told_shutdown = False
        self._startup_answer: asyncio.Future[str | None] | None = None
        self._shutdown_requested: asyncio.Event | None = None
        self._shutdown_answer: asyncio.Future[str | None] | None = None
        self._given_up: asyncio.Future[None] | None = None
        self._give_up_timer: asyncio.TimerHandle | None = None

    async def startup(self, stop: asyncio.Event, timeout: float) -> None:
        """Returns when the application has started up, or has no lifespan. Raises ``LifespanError``, also when that
        takes longer than ``timeout`` seconds (0: no limit), and ``StoppedEarly`` when ``stop`` is set before."""
        if self._mode == "off":
            return
        loop = asyncio.get_running_loop()
        self._startup_answer = loop.create_future()
        self._shutdown_answer = loop.create_future()
        self._given_up = loop.create_future()
        self._shutdown_requested = asyncio.Event()
        self._task = asyncio.Task(self._run(), loop=loop, name="outrider lifespan", context=self._context)
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await _first_of(self._task, self._startup_answer, stopped, timeout=timeout or None)
        except asyncio.CancelledError:
            await self._cancel_task()
            raise
        finally:
            stopped.cancel()
        if not self._task.done() and not self._startup_answer.done():
            await self._cancel_task()
            if stop.is_set():
                raise StoppedEarly("the server was stopped before it was ready")
            raise LifespanError(f"the application's startup took longer than start_timeout={timeout!r} seconds")
        if self._startup_answer.done():
            message = self._startup_answer.result()
            if message is None:
                self._task.add_done_callback(self._on_end)
                return
            raised = await self._end_task()
            raise LifespanError("the application's startup failed" + (f": {message}" if message else "")) from raised
        error: BaseException | None
        error = self._task.exception() if not self._task.cancelled() else asyncio.CancelledError()
        if self._mode == "auto" and (not self._has_received or self._has_spoken_otherwise):
            # ASGI: an application that raises for this scope type doesn't support it. One that raises in its startup
            # has a lifespan, and one that is broken; ASGI would have it served all the same.
            self._logger.debug("the application has no lifespan: %r", error)
            self.is_supported = False
            self._task = None
            return
        advice = "; if it has no lifespan, lifespan='off' serves it without"
        if error is None:
            raise LifespanError("the application's lifespan returned without completing the startup" + advice)
        raise LifespanError(f"the application's startup raised {type(error).__name__}: {error}{advice}") from error

    async def shutdown(self, timeout: float) -> tuple[str, BaseException | None]:
        """Runs the shutdown for at most ``timeout`` seconds; returns what came of it, and never raises."""
        if self._task is None or self._shutdown_requested is None or self._shutdown_answer is None:
            return "off", None
        self._shutdown_requested.set()
        self.hurry(timeout)
        assert self._given_up is not None
        await _first_of(self._task, self._shutdown_answer, self._given_up)
        if self._give_up_timer is not None:
            self._give_up_timer.cancel()
        if self._shutdown_answer.done():
            message = self._shutdown_answer.result()
            error = await self._end_task()
            return ("completed", None) if message is None else ("failed", error or LifespanError(message))
        if not self._task.done():
            await self._cancel_task()
            return "timed out", None
        error = None if self._task.cancelled() else self._task.exception()
        return ("completed", None) if error is None else ("failed", error)

    def hurry(self, timeout: float) -> None:
        """Gives the shutdown ``timeout`` seconds from now, if it had more."""

        def give_up() -> None:
            if self._given_up is not None and not self._given_up.done():
                self._given_up.set_result(None)

        loop = asyncio.get_running_loop()
        if self._give_up_timer is not None:
            if self._give_up_timer.when() <= loop.time() + timeout:
                return
            self._give_up_timer.cancel()
        self._give_up_timer = loop.call_later(timeout, give_up)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        await self._app(scope, self._receive, self._send)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Tells at once of a lifespan that broke while the server was serving; the stop reports it, too."""
        assert self._shutdown_requested is not None
        if not self._shutdown_requested.is_set() and not task.cancelled() and (error := task.exception()) is not None:
            self._logger.error("the application's lifespan raised before its shutdown: %r", error, exc_info=error)

    async def _receive(self) -> dict[str, Any]:
        if not self._has_received:
            self._has_received = True
            return {"type": "lifespan.startup"}
        assert self._shutdown_requested is not None and self._task is not None
        if self._has_answered_for_good():
            self._task.cancel()  # nothing more will come
        await self._shutdown_requested.wait()
        if self._was_told_shutdown:
            # Being told again and again, in a loop that never suspends, it would hold up the stop for ever.
            await asyncio.get_running_loop().create_future()
        self._was_told_shutdown = True
        return {"type": "lifespan.shutdown"}

    def _has_answered_for_good(self) -> bool:
        assert self._startup_answer is not None and self._shutdown_answer is not None
        has_failed = self._startup_answer.done() and self._startup_answer.result() is not None
        return has_failed or self._shutdown_answer.done()

    async def _send(self, message: dict[str, Any]) -> None:
        if not isinstance(message, dict):
            raise TypeError(f"an ASGI message must be a dict, not {_short(message)}")
        kind = message.get("type")
        if kind in ("lifespan.startup.complete", "lifespan.startup.failed"):
            answer = self._startup_answer
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            answer = self._shutdown_answer
            if not self._was_told_shutdown:
                raise ProtocolError(f"{kind!r} was sent before 'lifespan.shutdown' was received")
        else:
            self._has_spoken_otherwise |= not str(kind).startswith("lifespan.")
            raise ValueError(f"unknown lifespan message type {_short(kind)}")
        assert answer is not None
        if answer.done():
            raise ProtocolError(f"{kind!r} was sent, but the lifespan had answered already")
        reason = message.get("message", "")
        if not isinstance(reason, str):
            raise TypeError(f"'message' of {kind!r} must be a str, not {_short(reason)}")
        answer.set_result(reason if kind.endswith(".failed") else None)

    async def _end_task(self) -> BaseException | None:
        """Lets the application return, and cancels it when it doesn't. Returns what it raised."""
        task = self._task
        if task is None:
            return None
        await asyncio.wait({task}, timeout=_END_SECONDS)
        if not task.done():
            await self._cancel_task()
        return task.exception() if task.done() and not task.cancelled() else None

    async def _cancel_task(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=_END_SECONDS)


def _short(value: object) -> str:
    return f"{value!r:.200}"


async def _first_of(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
