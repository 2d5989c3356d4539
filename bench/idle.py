"""Memory of an idle keep-alive connection: open ten thousand, have each answer one request, look at the server, let go.

The server answers a short load first, so that what it allocates once (code, pools, the first buffers) is not charged
to the connections. Kernel memory of the sockets is the same for all, and in none of the figures.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import memory
import paths
from client import Client
from process import NotRun, free_port, running
from servers import SERVERS, Server, Target
from throughput import Plan
from workloads import PARTS

_NAMES = ("outrider (C++)", "outrider (uvloop)", "outrider (asyncio)", "uvicorn", "granian", "nginx")
_SETTLE_SECONDS = 0.5  # for work that a server does after its answer


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != "ready" and not line.startswith("{"):
        raise NotRun(f"the holder of the connections gave up: {line}")
    return line


def _hold(pid: int, port: int, connections: int) -> tuple[memory.Memory, int]:
    """The memory while the connections are held, and how many the server had kept open."""
    command = [str(paths.HOLD), str(port), str(connections), "hello"]
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


def _warm(port: int) -> None:
    with Client(PARTS["hello"][0], port, 16, seconds=0.1, warmup=0.5) as client:
        client.wait_until_warm()
        client.measure()


def _measure(server: Server, connections: int) -> dict[str, Any]:
    port = free_port()
    with running(server, Target("raw_apps:hello", port)) as pid:
        _warm(port)
        time.sleep(_SETTLE_SECONDS)
        before = memory.of_tree(pid)
        during, still_open = _hold(pid, port, connections)
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


def run(plan: Plan) -> list[dict[str, Any]]:
    rows = []
    by_name = {server.name: server for server in SERVERS}
    for name in _NAMES:
        if plan.only and not any(name.startswith(beginning) for beginning in plan.only):
            continue
        print(f"  idle: {name}", flush=True)
        row: dict[str, Any] = {"server": name, "is_ours": by_name[name].is_ours, "workload": "idle"}
        try:
            row.update(_measure(by_name[name], plan.idle_connections))
        except NotRun as trouble:
            row.update(status="not run", reason=str(trouble))
        rows.append(row)
    return rows
