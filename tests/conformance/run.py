"""Starlette's and FastAPI's own test suites against a live Outrider.

    ./dev conformance [starlette] [fastapi] [-- options of pytest]

Fetches the source packages that sources.txt names from PyPI, unpacks them to build/conformance and runs their tests,
with the client of live_client.py in the place of starlette.testclient.TestClient. ./dev makes the environment, from
requirements.txt, and installs the package in it.

expected.toml lists the tests that fail, with reasons. This fails when another test fails, and when a listed one passes
or isn't there; given options of pytest, such as a test's name, it looks only at what ran. RESULTS.md has the last run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sources import WORK, fetch, read_sources

HERE = Path(__file__).resolve().parent

# What measures the framework, and asks no server.
IGNORED = {"starlette": [], "fastapi": ["tests/benchmarks", "tests/memory_benchmarks"]}

# A test takes milliseconds. What waits for a server has limits of its own, which are lower (live_client.py).
SECONDS_MAX = 60

PYTEST = ["-q", "--tb=short", f"--timeout={SECONDS_MAX}", "-p", "live_plugin"]
# It patches what others patch; nor is the cache of use.
PYTEST += ["-p", "no:logfire", "-p", "no:cacheprovider"]

LOOPS = ("asyncio", "uvloop")


@dataclass
class Outcome:
    """What came of one suite."""

    passed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)  # by reason
    exchanges: Counter[str] = field(default_factory=Counter)  # by test


def main(arguments: list[str]) -> int:
    names, _, options = partition(arguments, "--")
    sources = read_sources(HERE / "sources.txt")
    for name in names:
        if name not in sources:
            sys.exit(f"there is no suite {name!r}: there are {', '.join(sources)}")
    expected = tomllib.loads((HERE / "expected.toml").read_text())
    status = 0
    for name in names or sources:
        outcome = run(name, fetch(name, sources[name]), options)
        status |= judge(name, outcome, list_expected(expected[name]), is_whole=not options)
    return status


def partition(words: list[str], separator: str) -> tuple[list[str], list[str], list[str]]:
    at = words.index(separator) if separator in words else len(words)
    return words[:at], words[at : at + 1], words[at + 1 :]


def run(name: str, folder: Path, options: list[str]) -> Outcome:
    outcomes = WORK / f"{name}.jsonl"
    outcomes.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *PYTEST, "-n", str(os.cpu_count() or 1)]
    command += [f"--ignore={path}" for path in IGNORED[name]]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "CONFORMANCE_OUTCOMES": str(outcomes)}
    print("+", *command, *(options or ["tests"]), file=sys.stderr, flush=True)
    status = subprocess.run([*command, *(options or ["tests"])], cwd=folder, env=environment, check=False).returncode
    # 1: some test failed. All else is no verdict on tests.
    if status not in (0, 1) or not outcomes.exists():
        sys.exit(f"pytest ended with status {status} before it had run the tests of {name}")
    return read_outcomes(outcomes)


def read_outcomes(path: Path) -> Outcome:
    outcome = Outcome()
    for line in path.read_text().splitlines():
        report = json.loads(line)
        test = report["test"]
        outcome.exchanges[test] += report["exchanges"]
        if report["outcome"] == "failed":  # in its set-up or teardown, if not in itself
            outcome.failed.add(test)
        elif report["outcome"] == "skipped":
            outcome.skipped[report["reason"]] += 1
        else:
            outcome.passed.add(test)
    outcome.passed -= outcome.failed
    return outcome


def list_expected(groups: list[dict[str, Any]]) -> dict[str, str]:
    """Test → reason. "{loop}" stands for each of LOOPS."""
    expected = {}
    for group in groups:
        if group.get("only_as_root") and os.geteuid() != 0:
            continue
        for test in group["tests"]:
            for loop in LOOPS if "{loop}" in test else ("",):
                expected[test.replace("{loop}", loop)] = group["reason"]
    return expected


def judge(name: str, outcome: Outcome, expected: dict[str, str], is_whole: bool) -> int:
    listed = Counter(expected[test] for test in outcome.failed if test in expected)
    live = [test for test in outcome.passed if outcome.exchanges[test]]
    print(f"\n{name}: {len(outcome.passed)} passed, {len(live)} of them with requests to a live server")
    print(f"  {outcome.exchanges.total()} requests in all")
    for reason, count in sorted(listed.items()):
        print(f"  {count} failed as listed: {reason}")
    for reason, count in sorted(outcome.skipped.items()):
        print(f"  {count} not run: {reason}")
    unlisted = sorted(outcome.failed - set(expected))
    stale = sorted(test for test in expected if test not in outcome.failed and (is_whole or test in outcome.passed))
    for test in unlisted:
        print(f"  FAILED, and isn't listed: {test}")
    for test in stale:
        print(f"  listed, but {'passed' if test in outcome.passed else 'was not run'}: {test}")
    return 1 if unlisted or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
