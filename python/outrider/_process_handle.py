# SPDX-License-Identifier: MIT
"""The handle of a server with ``isolation="process"``: what differs from a server in this process."""

from __future__ import annotations

from typing import Any

from outrider._exceptions import ProcessError, StartError
from outrider._handle import Handle, RequestRecord
from outrider._process import Child, check_importable, describe_end, failure_of
from outrider._state import State
from outrider._stop import StopReport


class ProcessHandle(Handle):
    """Mixed into ``Server``."""

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
