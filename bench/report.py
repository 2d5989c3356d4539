#!/usr/bin/env python3
"""Turns build/bench/results-*.json into sections of RESULTS.md and charts: report.py [NAME …] [--output FOLDER].

Only what lies between a section's markers is replaced; what people wrote around them stays. Partial results (quick or filtered
runs) are not published.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import paths
import plot
import tables
from workloads import PARTS

_TITLES = {
    **{name: workloads[0].title for name, workloads in PARTS.items()},
    "echo": "Echo of a body",
    "websocket": "WebSocket echo",
    "websocket-deflate": "WebSocket echo with permessage-deflate",
    "idle-websocket": "Memory of idle WebSockets",
    "idle": "Memory of idle keep-alive connections",
    "lifecycle": "Start, first answer, stop",
    "stop": "A stop while connections are open",
    "process": "Start of a server in a process of its own",
    "suite": "A fresh server for each test",
    "busy": "Beside a busy program",
}
_WORKLOAD_TITLES = {workload.name: workload.title for workloads in PARTS.values() for workload in workloads}
_WORKLOAD_TITLES["idle-websocket"] = "Memory of idle WebSockets"
_WORKLOAD_TITLES["idle-websocket-deflate"] = "Memory of idle WebSockets with permessage-deflate"
_WORKLOAD_TITLES["busy"] = "Beside a busy program"
_WORKLOAD_TITLES["busy-fresh"] = "Beside a busy program, each request on a fresh connection"

_THROUGHPUT_METHOD = (
    "CPU time per request of the server's process tree (user and system, in nanoseconds from the scheduler), under a "
    "closed-loop client on another core; every answer is checked. Medians of {rounds} interleaved rounds of {seconds:g} s, "
    "each with a fresh process; ratios are medians of those within a round. Requests/s and latencies are informational."
)
_MESSAGES = (
    " One message is under way on each connection, text that looks like JSON, in one frame; it must come back. uvicorn's three "
    "implementations have a row each; ratios are to websockets-sansio, which it takes by itself."
)
_MEMORY = (
    "Private dirty memory of the server's process tree before and while {idle_connections:,} connections are held, each of which "
    "had one request answered. The kernel's memory is not counted."
)
_METHODS = {
    "websocket": _THROUGHPUT_METHOD + _MESSAGES,
    "websocket-deflate": _THROUGHPUT_METHOD
    + _MESSAGES
    + " The client sends every message compressed; a server may answer "
    "uncompressed, which the bytes of an answer tell. A server that doesn't agree to compress has no figure.",
    "https": _THROUGHPUT_METHOD + " TLS_AES_128_GCM_SHA256 everywhere.",
    "handshake": _THROUGHPUT_METHOD + " Each request has a connection of its own, so a handshake's figure contains the "
    "connection and the request. TLS 1.3 with an ECDSA certificate on P-256 and X25519; resumed ones by the ticket of the connection before.",
    "idle": _MEMORY,
    "idle-websocket": _MEMORY + " The request is a handshake and one message of 64 B.",
    "lifecycle": "Cycles in one process, the server in a background thread, medians. Threads, descriptors and memory: after cycle 20 → at "
    "the end. The first cycle, which imports the server, is in the p99.",
    "stop": "Milliseconds of a stop, each in a fresh process with the server in a background thread: the median of {stops}, and the longest "
    "in parentheses. A stop that isn't over within 10 s is not waited for, and not repeated. In the last column a listening "
    "stream, an unanswered upgrade, half an upload and a slow reader are open at once. Bounds for Outrider: 50 ms with nothing or an idle "
    "connection open and for both streams, 2.5 s for the others; one that is not kept stands in the note.",
    "process": 'Wall clock from `start()` to ready with `isolation="process"`, in turns with a bare interpreter that imports the same '
    "application and prints a line; medians of {starts}, and the median of the differences within a round. Bound: a difference of 60 ms.",
    "suite": "pytest with {tests} tests, each with a server of its own and one request to it, minus the same suite without a server, "
    "divided by the number of tests: wall clock, and CPU time of the whole process. Suites take turns; medians of {rounds} rounds. "
    "pytest-localserver serves a string by Werkzeug, Django's live servers a view without a database, the others a raw ASGI "
    "application and a FastAPI route.",
    "busy": "The server in a background thread while the main thread computes in pure Python; the client is another "
    "process. Neither thread is pinned to a core.",
}
_INTRODUCTION = """# Results

Written by `bench/report.py` from the last whole run of each part; [README.md](README.md) says how it is measured and what the
figures do and don't say. Ratios within one table are comparable; figures of different machines or days are not.
"""


def _machine(results: dict[str, Any]) -> str:
    machine, versions = results["machine"], results["versions"]
    peers = (
        "outrider",
        "uvicorn",
        "uvloop",
        "httptools",
        "websockets",
        "wsproto",
        "granian",
        "peregrine-server",
        "freastal",
        "hypercorn",
        "picows",
        "fastapi",
        "pytest",
        "pytest-localserver",
        "django",
    )
    packages = ", ".join(f"{name} {versions[name]}" for name in peers if name in versions)
    return (
        f"{machine['date']}; {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:g} GiB, {machine['system']}, "
        f"Linux {machine['kernel']}, load before the run {machine['load_before']}; CPython {versions.get('python', '?')} "
        f"({versions.get('python build', '?')}); {packages}."
    )


def _bars(rows: list[dict[str, Any]], key: str, label: str) -> list[plot.Bar]:
    bars = []
    for row in rows:
        if row["status"] != "ok":
            continue
        ratio = row.get("ratio_to_uvicorn")
        behind = f" · {ratio:.2f} of uvicorn's" if ratio is not None else ""
        kind = "ours" if row["is_ours"] else "floor" if row["server"] == "floor" else ""
        text = tables.NEVER if key in row.get("never", []) else label.format(row[key])
        bars.append(plot.Bar(row["server"], row[key], text + behind, kind))
    return bars


# What is drawn of each part; the others are drawn by their CPU time.
_DRAWN = {
    "websocket": ("cpu_us", "{:.1f} µs", "CPU microseconds per message; less is better"),
    "websocket-deflate": ("cpu_us", "{:.1f} µs", "CPU microseconds per message; less is better"),
    "handshake": ("cpu_us", "{:.0f} µs", "CPU microseconds per connection with its handshake; less is better"),
    "idle": ("bytes_per_connection", "{:,.0f} bytes", "bytes per idle connection; less is better"),
    "idle-websocket": ("bytes_per_connection", "{:,.0f} bytes", "bytes per idle connection; less is better"),
    "lifecycle": ("stop_ms", "{:.2f} ms", "milliseconds of a stop, median; less is better"),
    "stop": (
        "together_ms",
        "{:,.0f} ms",
        "milliseconds of a stop with a stream, an upgrade, half an upload and a slow reader open, median; less is better",
    ),
    "process": (
        "difference_ms",
        "{:.1f} ms",
        "milliseconds until ready beyond a bare interpreter's import; less is better",
    ),
    "suite": ("test_ms", "{:.2f} ms", "milliseconds of a test with a server of its own; less is better"),
    "busy": ("p90_us", "{:,.0f} µs", "90th percentile of the latency in microseconds; less is better"),
}
_CPU_DRAWN = ("cpu_us", "{:.1f} µs", "CPU microseconds per request; less is better")


def _draw(results: dict[str, Any], folder: Path) -> dict[tuple[str, int | None], str]:
    """Writes the charts; their file names by workload and connections."""
    folder.mkdir(parents=True, exist_ok=True)
    key, label, subtitle = _DRAWN.get(results["name"], _CPU_DRAWN)
    drawn = {}
    for (workload, connections), rows in tables.groups(results["rows"]).items():
        bars = _bars(rows, key, label)
        if len(bars) < 2:
            continue
        count = "" if connections is None else f", {connections} connection{'s' if connections > 1 else ''}"
        name = workload if connections is None else f"{workload}-{connections}"
        title = _WORKLOAD_TITLES.get(workload, _TITLES[results["name"]]) + count
        (folder / f"{name}.svg").write_text(plot.chart(title, subtitle, bars))
        drawn[workload, connections] = f"{name}.svg"
    return drawn


def _section(results: dict[str, Any], output: Path) -> str:
    name = results["name"]
    charts = _draw(results, output / "plots")
    method = _METHODS.get(name, _THROUGHPUT_METHOD).format(**results["plan"])
    parts = [f"## {_TITLES[name]}", method, _machine(results)]
    for table in tables.of(results):
        parts += [f"### {table.caption}", tables.as_markdown(table)]
        chart = charts.get((table.workload, table.connections))
        if chart:
            parts.append(f"![{table.caption}](plots/{chart})")
    unsteady = tables.unsteadiness(results["rows"])
    if unsteady is not None:
        parts.append(f"A fixed computation on the servers' core, timed before every window, varied by {unsteady:.0%}.")
    if any(row.get("cpu_disagreement") for row in results["rows"]):
        parts.append(
            "The two sources of CPU time disagree for some server: threads ended within a window. Its figure is too low."
        )
    return "\n\n".join(parts)


def _insert(document: str, name: str, section: str) -> str:
    """Replaces the section between its markers, or appends it with them."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = f"{begin}\n{section}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if pattern.search(document):
        return pattern.sub(lambda _: block, document)
    return f"{document.rstrip()}\n\n{block}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts; all that have results by default")
    parser.add_argument("--output", type=Path, default=paths.BENCH, help="folder of RESULTS.md and plots/")
    parser.add_argument(
        "--partial", action="store_true", help="take quick or filtered runs, to look at; not to publish"
    )
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    target = arguments.output / "RESULTS.md"
    document = target.read_text() if target.exists() else _INTRODUCTION
    for name in arguments.names or _TITLES:
        file = paths.results_file(name, is_partial=arguments.partial)
        if file.exists():
            document = _insert(document, name, _section(json.loads(file.read_text()), arguments.output))
    target.write_text(document)
    print(f"written: {target}")


if __name__ == "__main__":
    main()
