"""Start → first answer → stop, many times in one process, and what is left behind.

`run()` is the benchmark's side: for each server it starts this file again with the environment's interpreter, in whose process
the cycles happen: lifecycle.py SERVER LOOP CYCLES.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_REFERENCE_CYCLE = 20  # by then every lazy import and pool has happened; from here on it must be flat
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
# Server, loop, and the most cycles: uvicorn's recipe takes a while for each.
_CASES = (
    ("outrider", "default", 200),
    ("outrider", "asyncio", 200),
    ("outrider", "uvloop", 200),
    ("uvicorn", "asyncio", 20),
    ("uvicorn", "uvloop", 20),
)


def _footprint() -> dict[str, int]:
    """Threads, descriptors and resident bytes of this process."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,  # without the one that lists them
        "resident": resident_pages * os.sysconf("SC_PAGE_SIZE"),
    }


def _ask(port: int) -> None:
    """One request by the barest client, so that the figure is the server's."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(_REQUEST)
        answer = b""
        while not answer.endswith(b"hello"):
            piece = connection.recv(4096)
            if not piece:
                raise RuntimeError(f"cut off after {answer!r}")
            answer += piece


def _cycle(server: str, loop: str) -> tuple[float, float, float]:
    """Milliseconds of start, first answer and stop."""
    from background import IN_THREAD, hello

    manager = IN_THREAD[server](hello(), loop)
    moments = [time.perf_counter()]
    port = manager.__enter__()
    moments.append(time.perf_counter())
    _ask(port)
    moments.append(time.perf_counter())
    manager.__exit__(None, None, None)
    moments.append(time.perf_counter())
    start, first, stop = ((later - earlier) * 1000 for earlier, later in itertools.pairwise(moments))
    return start, first, stop


def _cycles(server: str, loop: str, cycles: int) -> dict[str, Any]:
    reference = _footprint()
    times = []
    for number in range(cycles):
        times.append(_cycle(server, loop))
        if number + 1 == min(_REFERENCE_CYCLE, cycles):
            reference = _footprint()
    result: dict[str, Any] = {"cycles": cycles, "footprint_early": reference, "footprint_end": _footprint()}
    for name, values in zip(("start", "first", "stop"), zip(*times)):
        ordered = sorted(values)
        result[f"{name}_ms"] = statistics.median(ordered)
        result[f"{name}_p99_ms"] = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return result


def _measure(server: str, loop: str, cycles: int) -> dict[str, Any]:
    import paths

    environment = {**os.environ, "PYTHONPATH": str(paths.APPS), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(paths.VENV_PYTHON), __file__, server, loop, str(cycles)]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return {"status": "not run", "reason": "not done within 120 s"}
    if child.returncode != 0:
        return {"status": "not run", "reason": (child.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]}
    return {"status": "ok", "reason": "", **json.loads(child.stdout.splitlines()[-1])}


def run(plan: Any) -> list[dict[str, Any]]:
    """Not pinned: the caller and its server share whatever cores there are, as they do in a test suite."""
    rows = []
    for server, loop, cycles_max in _CASES:
        if plan.only and not any(server.startswith(beginning) for beginning in plan.only):
            continue
        print(f"  lifecycle: {server} ({loop})", flush=True)
        row = {"server": f"{server} ({loop})", "is_ours": server == "outrider", "workload": "lifecycle"}
        rows.append({**row, **_measure(server, loop, min(cycles_max, plan.cycles))})
    return rows


if __name__ == "__main__":
    print(json.dumps(_cycles(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
