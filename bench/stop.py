"""How long a stop takes while connections are open, each case on a fresh server in a background thread of a fresh process.

`run()` is the benchmark's side: for each case and server it starts this file again with the environment's interpreter:
stop.py SERVER CASE OPTIONS. The child opens the case's connections itself, stops the server, and prints the
milliseconds, or null when the server has not stopped within the bound; it then ends however the server is.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

_NEVER_SECONDS = 10.0
_REACH_SECONDS = 10.0
_CHILD_SECONDS = 60.0

# Row, server, options. With ws="none" the application answers the upgrade.
_SERVERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("outrider (default)", "outrider", {"ws": "none"}),
    ("uvicorn (asyncio)", "uvicorn", {"ws": "none"}),
    ("uvicorn, grace of 1 s", "uvicorn", {"ws": "none", "timeout_graceful_shutdown": 1}),
)
# What each client has sent when the server stops; apps/stop_app.py says what becomes of it.
_REQUESTS = {
    "keep_alive": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "stream": b"GET /stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
    "send_only_stream": b"GET /send-only-stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n",
    "upgrade": b"GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "upload": b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n0123456789",
    "download": b"GET /download HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@dataclass(frozen=True)
class Case:
    title: str
    clients: tuple[str, ...]
    bound_ms: float  # for Outrider


# What its default policy promises: a moment where nothing has the grace, elsewhere two seconds and a little.
_MOMENT_MS, _STAGES_MS = 50.0, 2500.0
CASES = {
    "idle": Case("nothing", (), _MOMENT_MS),
    "keep_alive": Case("idle connection", ("keep_alive",), _MOMENT_MS),
    "stream": Case("event stream that listens", ("stream",), _MOMENT_MS),
    "send_only_stream": Case("event stream that only sends", ("send_only_stream",), _MOMENT_MS),
    "upgrade": Case("unanswered upgrade", ("upgrade",), _STAGES_MS),
    "upload": Case("half an upload", ("upload",), _STAGES_MS),
    "download": Case("slow reader", ("download",), _STAGES_MS),
    "together": Case("stream, upgrade, upload, reader", ("stream", "upgrade", "upload", "download"), _STAGES_MS),
}


def _read_answer(connection: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"hello"):
        piece = connection.recv(4096)
        if not piece:
            raise RuntimeError(f"cut off after {answer!r}")
        answer += piece


def _read_on(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def _open(client: str, port: int) -> socket.socket:
    """A connection whose request is where the case wants it."""
    from stop_app import reached

    connection = socket.create_connection(("127.0.0.1", port), timeout=_REACH_SECONDS)
    connection.sendall(_REQUESTS[client])
    if client == "keep_alive":
        _read_answer(connection)
    elif not reached.acquire(timeout=_REACH_SECONDS):
        raise RuntimeError(f"the application never got the request of {client}")
    if client.endswith("stream"):
        threading.Thread(target=_read_on, args=(connection,), daemon=True).start()
    return connection


def _time_stop(manager: contextlib.AbstractContextManager[int]) -> float:
    start = time.perf_counter()
    manager.__exit__(None, None, None)
    return (time.perf_counter() - start) * 1000


def _stop_once(server: str, case: str, options: dict[str, Any]) -> float | None:
    """Milliseconds of the stop; None when it isn't over within the bound."""
    from background import IN_THREAD
    from stop_app import app

    loop = "default" if server == "outrider" else "asyncio"
    manager = IN_THREAD[server](app, loop, **options)
    port = manager.__enter__()
    connections = [_open(client, port) for client in CASES[case].clients]
    # In a thread of its own, since uvicorn's may never come back.
    stopping = concurrent.futures.ThreadPoolExecutor(1).submit(_time_stop, manager)
    try:
        return stopping.result(_NEVER_SECONDS)
    except TimeoutError:
        return None
    finally:
        del connections  # they were open until here


def _obey(server: str, case: str, options: str) -> None:
    """The child."""
    print(json.dumps(_stop_once(server, case, json.loads(options))), flush=True)
    os._exit(0)  # whatever the server's threads still do


def _measure(server: str, case: str, options: dict[str, Any]) -> float | None:
    import paths
    from process import NotRun

    environment = {**os.environ, "PYTHONPATH": str(paths.APPS), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(paths.VENV_PYTHON), __file__, server, case, json.dumps(options)]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_CHILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise NotRun(f"{case}: not done within {_CHILD_SECONDS:g} s") from error
    if child.returncode != 0:
        words = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotRun(f"{case}: {words[:200]}")
    result: float | None = json.loads(child.stdout.splitlines()[-1])
    return result


def _measure_round(row: dict[str, Any], server: str, options: dict[str, Any]) -> None:
    """Each case once, but for those that didn't end before: one look at them is enough."""
    for case in CASES:
        times = row["stops_ms"].setdefault(case, [])
        if None not in times:
            times.append(_measure(server, case, options))


def _summarize(row: dict[str, Any]) -> None:
    """Median and longest of each case; one that once didn't end counts as the bound, and its figure is named."""
    row["never"] = [f"{case}_ms" for case, times in row["stops_ms"].items() if None in times]
    for case, times in row["stops_ms"].items():
        ended = [_NEVER_SECONDS * 1000] if None in times else times
        row[f"{case}_ms"], row[f"{case}_max_ms"] = statistics.median(ended), max(ended)
    if row["is_ours"]:
        late = [case.title for name, case in CASES.items() if row[f"{name}_max_ms"] > case.bound_ms]
        row["reason"] = f"over its bound: {', '.join(late)}" if late else ""


def run(plan: Any) -> list[dict[str, Any]]:
    """Not pinned: the clients and the server share whatever cores there are, as they do in a test suite."""
    from process import NotRun

    chosen = [each for each in _SERVERS if not plan.only or any(each[0].startswith(name) for name in plan.only)]
    rows: dict[str, dict[str, Any]] = {
        name: {"server": name, "is_ours": server == "outrider", "workload": "stop", "status": "ok", "reason": "",
               "stops_ms": {}}
        for name, server, _ in chosen
    }  # fmt: skip
    for number in range(plan.stops):
        for name, server, options in chosen:
            if rows[name]["status"] != "ok":
                continue
            print(f"  stop: round {number + 1} of {plan.stops}: {name}", flush=True)
            try:
                _measure_round(rows[name], server, options)
            except NotRun as trouble:
                rows[name].update(status="not run", reason=str(trouble))
    for row in rows.values():
        if row["status"] == "ok":
            _summarize(row)
    return list(rows.values())


if __name__ == "__main__":
    _obey(*sys.argv[1:])
