# SPDX-License-Identifier: MIT
"""The parent's side of ``isolation="process"``: a fresh interpreter that serves on our socket."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

from outrider._config import Config
from outrider._exceptions import AppImportError, StateError
from outrider._process_messages import Message
from outrider._stop import StopPolicy

# What Server.output keeps: the last of it.
OUTPUT_BYTES_MAX = 64 * 1024
# Past the deadlines of a stop: for the interpreter to end, and then to be terminated before it is killed.
_END_SECONDS = 2.0
_TERMINATE_SECONDS = 1.0
# Options that are the parent's affair.
_NOT_PASSED_ON = {
    *("tls", "replace"),
    *("app", "host", "port", "uds", "fd", "isolation", "output"),
    *("process_restarts", "on_ready", "on_stop"),
}

# The program's own sys.path, and nothing of its environment changed.
_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]); "
    "from outrider._process_main import main; sys.exit(main(sys.argv[1:3]))"
)


def check_importable(config: Config) -> None:
    """Raises ``AppImportError`` for an application that a fresh interpreter can't be told."""
    what = "isolation='process' serves in a fresh interpreter, which must import the application by name"
    if not isinstance(config.app, str):
        raise AppImportError(
            f"{what}: pass 'package.module:name' instead of {config.app!r}, or the name of a function that makes it, "
            "with factory=True"
        )
    if config.app.startswith("__main__:"):
        raise AppImportError(f"{what}: {config.app!r} is in the program itself; move it into a module of its own")


class Child:
    """One child process. ``on_message`` gets what it reports, ``on_end`` its return code and the last of its
    output; both are called on threads of ours, perhaps before the constructor has returned."""

    def __init__(
        self,
        config: Config,
        fds: list[int],
        on_message: Callable[[Message], None],
        on_end: Callable[[int, str], None],
        thrown_away: tuple[str, str, str] | None = None,
    ) -> None:
        control_read, control_write = os.pipe()
        report_read, report_write = os.pipe()
        is_captured = config.output == "capture"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, str(control_read), str(report_write), json.dumps(sys.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if is_captured else None,
                stderr=subprocess.STDOUT if is_captured else None,
                pass_fds=(control_read, report_write, *fds),
                start_new_session=True,  # Ctrl-C is for the program, which decides about its server
            )
        except BaseException:
            os.close(control_write)
            os.close(report_read)
            raise
        finally:
            os.close(control_read)
            os.close(report_write)
        self._control = open(control_write, "w", encoding="utf-8")  # noqa: SIM115 - closed at the end
        self._report = open(report_read, encoding="utf-8")  # noqa: SIM115
        self._on_message = on_message
        self._on_end = on_end
        self._output = bytearray()
        self._answers: dict[int, concurrent.futures.Future[Any]] = {}
        self._questions = itertools.count()
        self._is_ready = False
        self._has_ended = threading.Event()
        self._reader: threading.Thread | None = None
        if self._process.stdout is not None:
            self._reader = threading.Thread(target=self._drain, args=(self._process.stdout,), daemon=True)
            self._reader.start()
        options = {
            spec.name: getattr(config, spec.name)
            for spec in dataclasses.fields(config)
            if spec.name not in _NOT_PASSED_ON
        }
        if thrown_away is not None:  # over the pipe, like all the rest: nobody else sees the key
            options["ssl_certfile"], options["ssl_keyfile"], _ = thrown_away
        if config.factory_arguments is not None:
            options["factory_arguments"] = dict(config.factory_arguments)
        self._send({"app": config.app, "options": options, "fds": fds})
        self._reports = threading.Thread(target=self._read_reports, daemon=True)
        self._reports.start()
        self._watcher = threading.Thread(target=self._watch, name=f"outrider process {self.pid}", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return bytes(self._output).decode("utf-8", "replace")

    def ask(self, what: str, arguments: Message, timeout: float | None = None) -> Any:
        """The result of the server's method of that name over there. Raises what it raised, ``StateError`` when the
        process has ended, ``TimeoutError`` when there is no answer after ``timeout`` seconds."""
        number, future = next(self._questions), concurrent.futures.Future[Any]()
        self._answers[number] = future
        if self._has_ended.is_set():
            self._end_questions()
        self._send({"ask": what, "number": number, "arguments": arguments})
        return future.result(timeout)

    def answer(self, number: int, result: Any, error: Exception | None) -> None:
        future = self._answers.pop(number, None)
        if future is not None and error is not None:
            future.set_exception(error)
        elif future is not None:
            future.set_result(result)

    def _end_questions(self) -> None:
        for number in list(self._answers):
            self.answer(number, None, StateError("the server's process ended before it had done what it was asked to"))

    def request_stop(self, policy: StopPolicy) -> None:
        self._send({"stop": dataclasses.asdict(policy)})

    def stop(self, policy: StopPolicy) -> None:
        """Graceful by the policy, then terminated, then killed, with all that it started; returns when it is gone."""
        self.request_stop(policy)
        # What isn't ready has no requests and no lifespan to shut down.
        stages = policy.grace + policy.disconnect + policy.cancel + policy.lifespan if self._is_ready else 0.0
        patiences = ((None, stages + _END_SECONDS), (signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, None))
        for number, patience in patiences:
            if number is not None:
                self.signal(number)
            # Not by joining the watcher: a join that Ctrl-C interrupts takes the thread for ended ever after (3.11).
            if self._has_ended.wait(patience):
                break
        self._watcher.join()

    def abandon(self) -> None:
        """In a forked child: lets go of the pipe by which the process knows that we are there."""
        self._control.close()

    def _send(self, message: Message) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended; _watch() says so
            self._control.write(json.dumps(message) + "\n")  # in one piece: several threads may stop the server
            self._control.flush()

    def signal(self, number: int) -> None:
        """To it and what it started, but for what has made itself a session of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _drain(self, pipe: BinaryIO) -> None:
        """So that a child that prints a lot never waits for us."""
        with pipe:
            while chunk := os.read(pipe.fileno(), 16 * 1024):
                self._output += chunk
                del self._output[:-OUTPUT_BYTES_MAX]

    def _read_reports(self) -> None:
        with self._report:
            for line in self._report:
                try:
                    message = json.loads(line)
                except json.JSONDecodeError:
                    return  # it was killed in the middle of a line
                self._is_ready = self._is_ready or "ready" in message
                self._on_message(message)

    def _watch(self) -> None:
        code = self._process.wait()
        self.signal(signal.SIGKILL)  # what it started and left behind, which may hold our pipes open
        self._reports.join(_END_SECONDS)
        if self._reader is not None:
            self._reader.join(_END_SECONDS)
        with contextlib.suppress(BrokenPipeError):
            self._control.close()
        self._on_end(code, self.output)
        self._has_ended.set()
        self._end_questions()


def describe_end(code: int, output: str, when: str = "") -> str:
    """How the process ended, and the last of what it said."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
    tail = "".join(output.splitlines(keepends=True)[-10:]).strip()
    return f"the server's process {how}{when}" + (f"; the last of its output:\n{tail}" if tail else "")
