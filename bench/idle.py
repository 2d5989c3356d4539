"""Memory of an idle connection, kept alive or a WebSocket: open ten thousand, have each answer one request, look at the
server, let go.

The server answers a short load first, so that what it allocates once (code, pools, the first buffers) is not charged
to the connections. Kernel memory of the sockets is the same for all, and in none of the figures.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, replace
from typing import Any

import memory
import paths
from client import Client, options
from process import NotRun, free_port, running
from servers import SERVERS, Server, Target, baseline
from throughput import Plan
from workloads import PARTS, Workload

_HELLO = replace(PARTS["hello"][0], name="idle")


@dataclass(frozen=True)
class _Case:
    """What is asked once on each connection, and of whom."""

    workload: Workload
    faces: tuple[str, ...]
    names: tuple[str, ...]


_WEBSOCKETS = (
    "outrider (C++)", "outrider (uvloop)", "outrider (asyncio)", "uvicorn (websockets-sansio)", "uvicorn (websockets)",
    "uvicorn (wsproto)", "granian", "peregrine", "picows", "picows (websockets)",
)  # fmt: skip


def _websocket(part: str, name: str) -> _Case:
    return _Case(replace(PARTS[part][0], name=name), ("websocket",), _WEBSOCKETS)


PART_CASES: dict[str, tuple[_Case, ...]] = {
    "idle": (
        _Case(
            _HELLO,
            ("asgi", "native"),
            ("outrider (C++)", "outrider (uvloop)", "outrider (asyncio)", "uvicorn", "granian", "nginx"),
        ),
    ),
    "idle-websocket": (
        _websocket("websocket", "idle-websocket"),
        _websocket("websocket-deflate", "idle-websocket-deflate"),
    ),
}
_SETTLE_SECONDS = 0.5  # for work that a server does after its answer


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != "ready" and not line.startswith("{"):
        raise NotRun(f"the holder of the connections gave up: {line}")
    return line


def _hold(pid: int, workload: Workload, port: int, connections: int) -> tuple[memory.Memory, int]:
    """The memory while the connections are held, and how many the server had kept open."""
    command = [str(paths.HOLD), *options(workload, port, connections)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        first = _read(process)
        if first != "ready":
            trouble = json.loads(first)
            raise NotRun(f"after {trouble['open']} connections: {trouble['error']}")
        time.sleep(_SETTLE_SECONDS)
        during = memory.of_tree(pid)
        process.stdin.write("done\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        return during, int(json.loads(_read(process))["open"])


def _warm(workload: Workload, port: int) -> None:
    with Client(workload, port, 16, seconds=0.1, warmup=0.5) as client:
        client.wait_until_warm()
        client.measure()


def _measure(server: Server, workload: Workload, connections: int) -> dict[str, Any]:
    port = free_port()
    with running(server, Target(workload.app, port)) as pid:
        _warm(workload, port)
        time.sleep(_SETTLE_SECONDS)
        before = memory.of_tree(pid)
        during, still_open = _hold(pid, workload, port, connections)
        time.sleep(_SETTLE_SECONDS)
        after = memory.of_tree(pid)
    return {
        "status": "ok",
        "reason": "" if still_open == connections else f"the server had closed {connections - still_open} of them",
        "connections": connections,
        "still_open": still_open,
        "bytes_per_connection": (during.private_dirty - before.private_dirty) / connections,
        "resident_per_connection": (during.resident - before.resident) / connections,
        "private_dirty_before": before.private_dirty,
        "private_dirty_during": during.private_dirty,
        "private_dirty_after": after.private_dirty,
    }


def _row(server: Server, workload: Workload, connections: int) -> dict[str, Any]:
    print(f"  {workload.name}: {server.name}", flush=True)
    row: dict[str, Any] = {"server": server.name, "is_ours": server.is_ours, "workload": workload.name}
    try:
        return {**row, **_measure(server, workload, connections)}
    except NotRun as trouble:
        return {**row, "status": "not run", "reason": str(trouble)}


def _add_ratios(rows: list[dict[str, Any]], name: str) -> None:
    for other in rows:
        if other["server"] == name and other["status"] == "ok":
            for row in rows:
                if row["status"] == "ok":
                    row["ratio_to_uvicorn"] = row["bytes_per_connection"] / other["bytes_per_connection"]


def _run_case(case: _Case, plan: Plan) -> list[dict[str, Any]]:
    by_name = {server.name: server for server in SERVERS if server.face in case.faces}
    chosen = [name for name in case.names if not plan.only or any(name.startswith(start) for start in plan.only)]
    rows = [_row(by_name[name], case.workload, plan.idle_connections) for name in chosen]
    _add_ratios(rows, baseline(case.faces[0]))
    return rows


def run(part: str, plan: Plan) -> list[dict[str, Any]]:
    return [row for case in PART_CASES[part] for row in _run_case(case, plan)]
