#!/usr/bin/env python3
"""The benchmark: `./dev bench` calls it. README.md says what it measures and how; --help says how to choose.

Nothing but the standard library is needed to run it: the peers live in an environment of their own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

import busy
import environment
import idle
import lifecycle
import machine
import paths
import process_start
import stop
import suite
import tables
import throughput
from throughput import Plan
from workloads import PARTS

# Measured without pinning, and so before the runner pins itself.
_UNPINNED = {"lifecycle": lifecycle.run, "stop": stop.run, "process": process_start.run, "suite": suite.run}
NAMES = (*PARTS, *idle.PART_CASES, *_UNPINNED, "busy")
_WHOLE = Plan()  # what counts as a whole run


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time per request, side by side with other servers in one run.")
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, "all"], default="all", metavar="NAME", help=" ".join([*NAMES, "all"])
    )
    parser.add_argument("--quick", action="store_true", help="one short round, for a first impression while tuning")
    parser.add_argument(
        "--duration", type=float, metavar="S", help="seconds of each measured window (default 2; quick 1)"
    )
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 3; quick 1)")
    parser.add_argument("--only", type=_words, default=[], metavar="A,B", help="servers whose names begin so")
    parser.add_argument("--connections", type=_numbers, default=[], metavar="N,M", help="instead of 1,64")
    parser.add_argument("--cycles", type=int, default=_WHOLE.cycles, help="of lifecycle")
    parser.add_argument("--stops", type=int, default=_WHOLE.stops, help="of each case of stop")
    parser.add_argument("--starts", type=int, default=_WHOLE.starts, help="of each application of process")
    parser.add_argument("--tests", type=int, default=_WHOLE.tests, help="of each suite of suite")
    parser.add_argument("--idle-connections", type=int, default=_WHOLE.idle_connections)
    parser.add_argument("--python", default="python3.11", help="interpreter of the peers' environment")
    parser.add_argument("--no-install", action="store_true", help="take Outrider as it is installed in the environment")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    quick = arguments.quick
    plan = Plan(
        rounds=arguments.rounds or (1 if quick else _WHOLE.rounds),
        seconds=arguments.duration or (1.0 if quick else _WHOLE.seconds),
        warmup=0.3 if quick else _WHOLE.warmup,
        only=arguments.only,
        connections=arguments.connections,
        cycles=min(arguments.cycles, 40) if quick else arguments.cycles,
        stops=1 if quick else arguments.stops,
        starts=min(arguments.starts, 3) if quick else arguments.starts,
        tests=min(arguments.tests, 20) if quick else arguments.tests,
        idle_connections=arguments.idle_connections,
    )
    return dataclasses.replace(plan, is_partial=_is_partial(plan))


def _is_partial(plan: Plan) -> bool:
    """Whether something was left out or shortened; longer and more often is welcome."""
    amounts = ("rounds", "seconds", "warmup", "cycles", "stops", "starts", "tests", "idle_connections")
    is_short = any(getattr(plan, amount) < getattr(_WHOLE, amount) for amount in amounts)
    return bool(is_short or plan.only or plan.connections)


def _measure(name: str, plan: Plan) -> list[dict[str, Any]]:
    if name in _UNPINNED:
        return _UNPINNED[name](plan)
    machine.pin_to_client_core()
    if name in idle.PART_CASES:
        return idle.run(name, plan)
    if name == "busy":
        return busy.run(plan)
    return throughput.run(PARTS[name], plan)


def _save(name: str, plan: Plan, shape: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    results = {
        "name": name,
        "machine": shape,
        "versions": machine.versions(),
        "plan": dataclasses.asdict(plan),
        "rows": rows,
    }
    file = paths.results_file(name, is_partial=plan.is_partial)
    file.write_text(json.dumps(results, indent=1) + "\n")
    print(tables.as_text(results))
    print(f"written to {file.relative_to(paths.ROOT)}\n", flush=True)


def main() -> int:
    arguments = _parse()
    names = (
        list(NAMES)
        if "all" in arguments.names
        else [arguments.names]
        if isinstance(arguments.names, str)
        else arguments.names
    )
    environment.prepare(arguments.python, wants_install=not arguments.no_install)
    plan = _plan(arguments)
    for name in sorted(names, key=lambda name: name not in _UNPINNED):
        shape = machine.shape()
        _save(name, plan, shape, _measure(name, plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
