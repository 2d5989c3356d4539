"""A server in a background thread while the main thread computes: how well it still answers, and what it costs the program.

The process is not pinned, unlike in the other parts: its two threads need two cores, as they have in use. On one core the
scheduler hides what is measured here: whoever lets go of the interpreter around a system call has it back before the other
thread gets to run, and a request on uvicorn takes a fraction of a millisecond instead of several waits of 5 ms.

`run()` is the benchmark's side: for each server it starts this file again with the environment's interpreter, beside
the load client, which needs little time: busy.py SERVER LOOP. The child takes one command a line:
`compute SECONDS` says that it computes, does, and prints the iterations a second; `serve` starts the server and prints
its port.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import time
from typing import Any

_CASES = (
    ("outrider", "default"),
    ("outrider", "asyncio"),
    ("outrider", "uvloop"),
    ("uvicorn", "asyncio"),
    ("uvicorn", "uvloop"),
)
# Connections, and whether each request has a fresh one, as `httpx.get(url)` makes it.
_LOADS = ((1, False), (1, True), (16, False))
_MARGIN_SECONDS = 1.0  # the main thread computes this much longer, until the last request is answered
_BEGUN = 0.0


def _iteration() -> int:
    """A little pure Python, about 10 µs, that never lets go of the interpreter by itself."""
    total = 0
    for number in range(200):
        total += number * number % 7
    return total


def _compute(seconds: float) -> float:
    """Iterations a second over `seconds`; goes on a little longer, so that the server is never without a competitor."""
    start = time.perf_counter()
    iterations = counted = 0
    while (elapsed := time.perf_counter() - start) < seconds + _MARGIN_SECONDS:
        _iteration()
        iterations += 1
        if elapsed < seconds:
            counted = iterations
    return counted / seconds


def _obey(server: str, loop: str) -> None:
    """The child."""
    from background import IN_THREAD, hello

    with contextlib.ExitStack() as stack:
        for line in sys.stdin:
            command, _, argument = line.strip().partition(" ")
            if command == "compute":
                print(_BEGUN, flush=True)
                print(_compute(float(argument)), flush=True)
            elif command == "serve":
                print(stack.enter_context(IN_THREAD[server](hello(), loop)), flush=True)


class _Child:
    """The process that computes and serves."""

    def __init__(self, server: str, loop: str) -> None:
        import machine
        import paths

        environment = {**os.environ, "PYTHONPATH": str(paths.APPS), "PYTHONDONTWRITEBYTECODE": "1"}
        self._errors = (paths.LOGS / f"busy-{server}-{loop}.log").open("w+")
        self._process = subprocess.Popen(
            [str(paths.VENV_PYTHON), __file__, server, loop], env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self._errors, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {machine.SERVER_CORE, machine.CLIENT_CORE}),
        )  # fmt: skip

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def answer(self) -> float:
        from process import NotRun

        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise NotRun((self._errors.read().strip().splitlines() or ["it said nothing"])[-1][:200])
        return float(line)

    def begin_computing(self, seconds: float) -> None:
        """Returns when the main thread is busy; answer() then waits for the iterations a second."""
        self.tell(f"compute {seconds}")
        self.answer()

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=None if self._process.poll() is not None else 10)
        self._errors.close()


def _measure(child: _Child, port: int, load: tuple[int, bool], alone: float, seconds: float) -> dict[str, Any]:
    """The load begins when the computation does, after a warm-up in which the main thread rests."""
    from client import Client
    from workloads import PARTS

    connections, is_fresh = load
    workload = dataclasses.replace(PARTS["hello"][0], is_fresh=is_fresh)
    with Client(workload, port, connections, seconds=seconds, warmup=0.3) as client:
        client.wait_until_warm()
        child.begin_computing(seconds)
        result = client.measure()
        beside = child.answer()
    result.update(iterations_alone=alone, iterations_beside=beside, slowdown=1 - beside / alone)
    return {"status": "ok", "reason": result["first_error"], **result}


def _measure_loads(child: _Child, loads: list[tuple[int, bool]], seconds: float) -> list[dict[str, Any]]:
    child.begin_computing(seconds)
    alone = child.answer()
    child.tell("serve")
    port = int(child.answer())
    return [_measure(child, port, load, alone, seconds) for load in loads]


def _measure_case(server: str, loop: str, plan: Any) -> list[dict[str, Any]]:
    from process import NotRun

    row = {"server": f"{server} ({loop})", "is_ours": server == "outrider"}
    loads = [load for load in _LOADS if not plan.connections or load[0] in plan.connections]
    child = _Child(server, loop)
    try:
        # Twenty requests a second need a longer look than a hundred thousand.
        found = _measure_loads(child, loads, plan.seconds + 1)
    except (NotRun, BrokenPipeError) as trouble:
        found = [{"status": "not run", "reason": str(trouble)}] * len(loads)
    finally:
        child.end()
    return [
        {**row, "workload": "busy-fresh" if is_fresh else "busy", "connections": connections, **result}
        for (connections, is_fresh), result in zip(loads, found)
    ]


def _add_ratios(rows: list[dict[str, Any]]) -> None:
    """Requests a second as a multiple of uvicorn's on asyncio, which is what its users have by default in a thread."""
    for row in rows:
        for other in rows:
            same = all(other[key] == row[key] for key in ("workload", "connections"))
            if same and other["server"] == "uvicorn (asyncio)" and "ok" == other["status"] == row["status"]:
                row["times_uvicorn"] = row["requests_per_second"] / other["requests_per_second"]


def run(plan: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for server, loop in _CASES:
        if plan.only and not any(server.startswith(beginning) for beginning in plan.only):
            continue
        print(f"  busy: {server} ({loop})", flush=True)
        rows += _measure_case(server, loop, plan)
    _add_ratios(rows)
    return rows


if __name__ == "__main__":
    _obey(sys.argv[1], sys.argv[2])
