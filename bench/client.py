"""The load client as seen from Python: start it, wait until it is warm, let it measure, take its result."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import paths
from process import NotRun
from workloads import Workload


def options(workload: Workload, port: int, connections: int) -> list[str]:
    """What a program in bench/load is to ask, and on how many connections."""
    return [
        "--port", str(port), "--connections", str(connections), "--depth", str(workload.depth), "--path", workload.path,
        "--body-bytes", str(workload.body_bytes), "--expect", workload.expect, "--fresh", str(int(workload.is_fresh)),
        "--protocol", workload.protocol, "--transport", workload.transport,
    ]  # fmt: skip


class Client:
    """One run of bench/load. Between wait_until_warm() and measure(), and after measure(), the server is idle."""

    def __init__(self, workload: Workload, port: int, connections: int, *, seconds: float, warmup: float) -> None:
        command = [
            str(paths.LOAD), *options(workload, port, connections), "--seconds", str(seconds), "--warmup", str(warmup),
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            _, errors = self._process.communicate()
            raise NotRun(f"the client gave up: {errors.strip() or 'no result in time'}")
        return line

    def wait_until_warm(self) -> None:
        line = self._line()
        if line != "ready":
            result = json.loads(line)
            some = f"{result['errors']} errors while warming up: " if result["requests"] else ""
            raise NotRun(some + result["first_error"])

    def measure(self) -> dict[str, Any]:
        """The result, as the client printed it."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        result: dict[str, Any] = json.loads(self._line())
        return result
