# SPDX-License-Identifier: MIT
"""The handle of a server with ``isolation="process"``: what differs from a server in this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from outrider._config import Config
from outrider._engine import Engine
from outrider._exceptions import ProcessError, StartError
from outrider._process import Child, check_importable, describe_end, failure_of
from outrider._state import State
from outrider._stop import StopPolicy, StopReport


class RequestRecord(NamedTuple):
    """One request as ``Server.requests`` shows it; ``status`` is 0 when there was no response."""

    method: str
    path: str
    status: int
    ms: float


class OwnProcess:
    """Mixed into ``Server``."""

    config: Config
    _changed: threading.Condition
    _state: State
    _failure: BaseException | None
    _report: StopReport | None
    _records: list[RequestRecord]
    _engine: Engine | None
    _sockets: Sequence[Any] | None
    _child: Child | None
    _child_output: str
    _stop_policy: StopPolicy | None
    _stop_began: float

    def _check_startable(self) -> None:
        raise NotImplementedError

    def _bind(self, sockets: Sequence[Any] | None) -> None:
        raise NotImplementedError

    def _fail(self, error: BaseException) -> BaseException:
        raise NotImplementedError

    def _set_state(self, state: State) -> None:
        raise NotImplementedError

    def wait_ready(self, timeout: float | None = None) -> Any:
        """See ``Server.wait_ready``."""
        raise NotImplementedError

    def stop(self, policy: StopPolicy | None = None) -> StopReport:
        """See ``Server.stop``."""
        raise NotImplementedError

    def _start_process(self) -> None:
        with self._changed:
            self._check_startable()
            self._state = State.STARTING
            self._failure = self._report = None
            self._records = []
            self._stop_began = 0.0
            self._stop_policy = None
        try:
            check_importable(self.config)
            self._bind(self._sockets)
            assert self._engine is not None
            self._child = Child(self.config, self._engine.filenos, self._on_child_message, self._on_child_end)
        except BaseException as error:
            failure = self._fail(error)
            raise failure from failure.__cause__
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def _on_child_message(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "ready" in message:
                self._set_state(State.READY)
            elif "failed" in message:
                self._failure = failure_of(message["failed"])
            elif "report" in message:
                fields = message["report"]
                error = fields["lifespan_error"]
                fields["lifespan_error"] = ProcessError(error) if error is not None else None
                fields["held_up"] = tuple(fields["held_up"])
                self._report = StopReport(**fields)
                self._records = [RequestRecord(*record) for record in message["requests"]]

    def _on_child_end(self, code: int, output: str) -> None:
        assert self._engine is not None
        self._engine.close()
        was_asked = self._stop_policy is not None
        with self._changed:
            if self._failure is None and self._report is None:
                text = describe_end(code, output)
                if was_asked:
                    self._report = StopReport(lifespan="killed")
                elif self._state is State.STARTING:
                    self._failure = StartError(f"{text}\nbefore it was ready")
                else:
                    self._failure = ProcessError(text)
            self._stop_policy = None
            self._child_output, self._child = output, None
            self._set_state(State.FAILED if self._failure is not None else State.STOPPED)

    def poll(self) -> StopReport | None:
        """None while the server runs, the report when it has stopped; raises what ended it otherwise."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            return (self._report or StopReport()) if self._state is State.STOPPED else None

    @property
    def output(self) -> str:
        """The last 64 KiB of what the server's process wrote (``isolation="process"``, ``output="capture"``)."""
        child = self._child
        return child.output if child is not None else self._child_output
