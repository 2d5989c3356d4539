"""CPU time per request: the figure that decides, with requests a second and latencies beside it.

Rounds are interleaved (A B C, A B C, …), with a fresh process for every server in every round: whatever disturbs the machine
for a while then disturbs all alike, and no server is judged by one lucky layout of its memory. Medians are
quoted, and ratios are medians of those within each round.
"""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass
from typing import Any

import cpu
import machine
from client import Client
from process import NotRun, free_port, running
from servers import FLOOR, Server, Target, baseline, selected
from workloads import Workload


@dataclass(frozen=True)
class Plan:
    """How long and how often to measure, and what to leave out."""

    rounds: int = 3
    seconds: float = 2.0
    warmup: float = 0.5
    only: list[str] = dataclasses.field(default_factory=list)  # beginnings of servers' names; empty for all
    connections: list[int] = dataclasses.field(default_factory=list)  # empty for what the workload says
    cycles: int = 200  # of `lifecycle`
    stops: int = 5  # of each case of `stop`
    starts: int = 10  # of each application of `process`
    tests: int = 200  # of each suite of `suite`
    idle_connections: int = 10000
    is_partial: bool = False


Measurement = dict[str, Any]


def _measure(pid: int, workload: Workload, port: int, connections: int, plan: Plan) -> Measurement:
    with Client(workload, port, connections, seconds=plan.seconds, warmup=plan.warmup) as client:
        client.wait_until_warm()
        probe = machine.probe_us()
        before = cpu.sample(pid, machine.SERVER_CORE)
        result = client.measure()
        after = cpu.sample(pid, machine.SERVER_CORE)
    if result["errors"]:
        raise NotRun(f"{result['errors']} errors: {result['first_error']}")
    usage = cpu.between(before, after)
    result["cpu_us"] = usage.seconds * 1e6 / result["requests"]
    result["answer_bytes"] = result["bytes"] / result["requests"]
    result["foreign_share"] = usage.foreign_seconds / result["seconds"]
    result["cpu_disagreement"] = usage.disagreement
    result["probe_us"] = probe
    return result


def _round(server: Server, workload: Workload, plan: Plan) -> dict[int, Measurement | NotRun]:
    """One fresh process, measured at each number of connections."""
    measurements: dict[int, Measurement | NotRun] = {}
    counts = tuple(plan.connections) or workload.connections
    port = free_port()
    try:
        with running(server, Target(workload.app, port, workload.depth, workload.is_tls)) as pid:
            for connections in counts:
                try:
                    measurements[connections] = _measure(pid, workload, port, connections, plan)
                except NotRun as trouble:
                    measurements[connections] = trouble
    except NotRun as trouble:
        measurements = dict.fromkeys(counts, trouble)
    return measurements


_MEDIANS = ("cpu_us", "requests_per_second", "p50_us", "p90_us", "p99_us", "max_us", "foreign_share", "answer_bytes")


def _row(server: Server, workload: Workload, connections: int, rounds: list[Measurement | NotRun]) -> Measurement:
    good = [measurement for measurement in rounds if not isinstance(measurement, NotRun)]
    bad = [str(measurement) for measurement in rounds if isinstance(measurement, NotRun)]
    row: Measurement = {
        "server": server.name,
        "is_ours": server.is_ours,
        "workload": workload.name,
        "connections": connections,
    }
    if len(good) <= len(rounds) / 2:  # a server that fails more often than not has no figure
        return {**row, "status": "not run", "reason": bad[0]}
    row.update({name: statistics.median(measurement[name] for measurement in good) for name in _MEDIANS})
    for name in ("cpu_us", "probe_us"):  # None where a round failed, so that rounds of two servers can be paired
        row[f"{name}_rounds"] = [None if isinstance(found, NotRun) else round(found[name], 3) for found in rounds]
    row["requests"] = sum(measurement["requests"] for measurement in good)
    row["reconnects"] = sum(measurement["reconnects"] for measurement in good)
    row["cpu_disagreement"] = any(measurement["cpu_disagreement"] for measurement in good)
    return {**row, "status": "ok", "reason": "; ".join(sorted(set(bad)))}


def _ratio(row: Measurement, other: Measurement) -> float | None:
    """The median over rounds of the ratio within a round: what slowed a whole round cancels out."""
    pairs = zip(row["cpu_us_rounds"], other["cpu_us_rounds"])
    ratios = [mine / theirs for mine, theirs in pairs if mine and theirs]
    return statistics.median(ratios) if ratios else None


def _add_ratios(rows: list[Measurement], face: str) -> None:
    """To uvicorn and to the floor of the same run and workload, at the same number of connections."""
    for row in rows:
        for name, key in ((baseline(face), "ratio_to_uvicorn"), (FLOOR, "ratio_to_floor")):
            for other in rows:
                same = other["connections"] == row["connections"]
                if same and other["server"] == name and other["status"] == row["status"] == "ok":
                    row[key] = _ratio(row, other)


def _add_differences(rows: list[Measurement], servers: list[Server]) -> None:
    """What a row costs beyond the server that it is compared with: the median of the differences within a round."""
    beyond = {server.name: server.beyond for server in servers if server.beyond}
    for row in rows:
        for other in rows:
            is_pair = beyond.get(row["server"]) == other["server"] and other["connections"] == row["connections"]
            if is_pair and other["status"] == row["status"] == "ok":
                pairs = zip(row["cpu_us_rounds"], other["cpu_us_rounds"])
                differences = [mine - theirs for mine, theirs in pairs if mine and theirs]
                if differences:
                    row["beyond_us"] = statistics.median(differences)


def _measure_workload(workload: Workload, plan: Plan) -> list[Measurement]:
    servers = selected(workload.servers, plan.only, floor=workload.floor)
    rounds: dict[tuple[str, int], list[Measurement | NotRun]] = {}
    for number in range(plan.rounds):
        for server in servers:
            print(f"  {workload.name}: round {number + 1} of {plan.rounds}: {server.name}", flush=True)
            for connections, measurement in _round(server, workload, plan).items():
                rounds.setdefault((server.name, connections), []).append(measurement)
    by_name = {server.name: server for server in servers}
    found = [_row(by_name[name], workload, connections, found) for (name, connections), found in rounds.items()]
    _add_differences(found, servers)
    _add_ratios(found, workload.servers)
    return found


def run(workloads: tuple[Workload, ...], plan: Plan) -> list[Measurement]:
    return [row for workload in workloads for row in _measure_workload(workload, plan)]
