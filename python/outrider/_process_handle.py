# SPDX-License-Identifier: MIT
"""The handle of a server with ``isolation="process"``: what differs from a server in this process."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import socket
import time
from collections.abc import Sequence
from typing import Any

from outrider._exceptions import ProcessError, StartError, StateError
from outrider._handle import Handle, RequestRecord, Run
from outrider._process import Child, check_importable, describe_end
from outrider._process_messages import to_error, to_report
from outrider._state import State
from outrider._stop import StopPolicy, StopReport


class ProcessHandle(Handle):
    """A part of ``Server``."""

    def _start_process(self, sockets: Sequence[socket.socket] | None) -> Run:
        run = self._begin_run()
        self._restarts = 0
        try:
            check_importable(self.config)
            self._bind(self._sockets if sockets is None else sockets)
            self._start_child()
        except BaseException as error:
            failure = self._fail(error)
            raise failure from failure.__cause__
        return run

    def _start_child(self) -> None:
        assert self._engine is not None
        self._child = Child(
            self.config, self._engine.filenos, self._on_child_message, self._on_child_end, self._throw_away()
        )

    def _on_child_message(self, message: dict[str, Any]) -> None:
        with self._changed:
            if "ready" in message:
                self._set_ready()
            elif "failed" in message:
                self._run.failure = to_error(message["failed"], StartError)
            elif "answer" in message:
                answer, child = message["answer"], self._child
                error = to_error(answer["error"]) if "error" in answer else None
                if child is not None:
                    child.answer(answer["number"], answer.get("result"), error)
            elif "report" in message:
                self._run.report = to_report(message["report"])
                self._records = [RequestRecord(*record) for record in message["requests"]]
                self._errors.extend(to_error(error) for error in message["errors"])
            elif "exchange" in message:
                self._on_exchange()

    def _on_child_end(self, code: int, output: str) -> None:
        run = self._run
        with self._changed:
            is_silent = run.failure is None and run.report is None
            has_crashed = is_silent and self._stop_policy is None
            self._child_output, self._child = output, None
            if has_crashed:
                crash = self._describe_crash(code, output)
                if isinstance(crash, ProcessError):
                    self._errors.append(crash)
                    self._logger.error("%s", crash)
                    if self._replace_child(crash):
                        return
                run.failure = run.failure or crash
                run.report = StopReport(lifespan="killed", lifespan_error=crash)
            elif is_silent:
                run.report = StopReport(lifespan="killed")
            if run.report is not None and self._stop_began:
                run.report = dataclasses.replace(run.report, elapsed=time.perf_counter() - self._stop_began)
        assert self._engine is not None
        self._engine.close()
        with self._changed:
            self._stop_policy = None
            self._set_state(State.FAILED if run.failure is not None else State.STOPPED)
        self._tell_stopped(run)

    def _describe_crash(self, code: int, output: str) -> ProcessError | StartError:
        if self._state is State.STARTING and not self._restarts:
            return StartError(describe_end(code, output, " before it was ready"))
        return ProcessError(describe_end(code, output))

    def _replace_child(self, crash: ProcessError) -> bool:
        """Starts a new process in the place of one that crashed, as often as the options allow. The connections that
        come meanwhile wait: the socket is ours."""
        if self._restarts == self.config.process_restarts:
            return False
        self._restarts += 1
        self._logger.info(
            "the server's process is started again (%d of %d)", self._restarts, self.config.process_restarts
        )
        self._set_state(State.STARTING)
        try:
            self._start_child()
        except Exception as error:
            self._run.failure = ProcessError(f"{crash}\nand it can't be started again: {error}")
            self._run.failure.__cause__ = error
            return False
        return True

    def poll(self) -> StopReport | None:
        """None while the server runs, the report when it has stopped; raises what ended it otherwise."""
        run = self._run
        if not run.is_over:
            return None
        self._has_told_failure = True
        return run.outcome()

    @property
    def output(self) -> str:
        """The last 64 KiB of what the server's process wrote (``isolation="process"``, ``output="capture"``)."""
        child = self._child
        return child.output if child is not None else self._child_output

    def _ask(self, what: str, *, patience: float | None = None, **arguments: Any) -> Any:
        child = self._child
        if child is None or self._state is not State.READY:
            raise StateError(f"the server is {self._state.value}: it can't be asked for {what}") from self._run.failure
        policy = arguments.get("policy")
        if isinstance(policy, StopPolicy):
            arguments["policy"] = dataclasses.asdict(policy)
        try:
            result = child.ask(what, arguments, patience)
        except concurrent.futures.TimeoutError as error:
            if str(error):
                raise  # raised there
            raise TimeoutError(f"the server's process has not answered in {patience} s: is it blocked?") from None
        return to_report(result) if isinstance(result, dict) else result
