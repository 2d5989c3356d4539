"""Processes that are told what to do by lines, and answer with a line of JSON each."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

_END_SECONDS = 30.0


class Trouble(Exception):
    """Something that isn't as it must be; the message says what."""


class Child:
    """Ended at the end of its `with` block, at the latest; what it has to say for itself goes to its log."""

    def __init__(self, command: list[str], log: Path, **options: Any) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, **options
            )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Trouble(f"{self.log.stem} has ended: {self.last_words()}") from None

    def answer(self, seconds: float) -> dict[str, Any]:
        """The next line that it prints."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise Trouble(f"{self.log.stem} says nothing for {seconds:g} s: {self.last_words()}") from None
        if not line:
            self.process.wait(_END_SECONDS)
            status = self.process.returncode
            raise Trouble(f"{self.log.stem} has ended with status {status}: {self.last_words()}")
        return dict(json.loads(line))

    def ask(self, line: str, seconds: float = 30.0) -> dict[str, Any]:
        self.tell(line)
        return self.answer(seconds)

    def wait(self) -> None:
        """For its end. Raises Trouble when that doesn't come, or isn't in order."""
        try:
            status = self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.log.stem} doesn't end") from None
        if status != 0:
            raise Trouble(f"{self.log.stem} ended with status {status}: {self.last_words()}")

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-800:].strip() or "it said nothing"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")
