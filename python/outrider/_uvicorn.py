# SPDX-License-Identifier: MIT
"""uvicorn's names for what a Server has and does, so that programs written for it run with Outrider."""

from __future__ import annotations

import signal
from types import FrameType

from outrider._handle import Handle
from outrider._state import State
from outrider._stop import StopPolicy


class UvicornNames(Handle):
    """Mixed into ``Server``. Overriding these in a subclass works as it does in uvicorn."""

    @property
    def started(self) -> bool:
        """Whether the server accepts connections. Raises ``StartError`` when its start failed, so that a loop which
        waits for it ends."""
        if self._run.failure is not None:
            raise self._run.failure
        return self._state in (State.READY, State.DRAINING)

    @property
    def should_exit(self) -> bool:
        """Whether a stop was asked for; setting it to True asks for one (``request_stop()``)."""
        return self._exits_at_once or self._stop_policy is not None or self._state is State.STOPPED

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if self._state is State.CREATED:
            self._exits_at_once = value  # it holds for the start: the application starts up and stops
        elif value:
            self.request_stop()

    @property
    def force_exit(self) -> bool:
        """Whether the stop is to cut everything off; setting it to True asks for that."""
        return self._force_exit

    @force_exit.setter
    def force_exit(self, value: bool) -> None:
        self._force_exit = value
        if value:
            self.request_stop()
            self.request_stop(StopPolicy.immediate())
            child = self._child
            if child is not None:
                child.signal(signal.SIGKILL)

    def install_signal_handlers(self) -> None:
        """Called by ``run()`` in the main thread; override it to leave the signals alone."""
        self._signals_seen = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            self._saved_signals[number] = signal.signal(number, self.handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler: the first signal stops with all the grace, a second one takes that away (what runs is
        told, and after half a second cancelled), a third cuts everything off."""
        self._signals_seen += 1
        if self._signals_seen == 1:
            self.should_exit = True
        elif self._signals_seen == 2:
            self.request_stop(StopPolicy(grace=0.0))
        else:
            self.force_exit = True

    def _restore_signal_handlers(self) -> None:
        for number, handler in self._saved_signals.items():
            signal.signal(number, handler)
        self._saved_signals.clear()
