"""Suites of other projects, as they are released and moved to Outrider, side by side.

    ./dev moved [httpx] [httpx-ws] [python-socketio] [rounds=N]

Fetches the source packages that sources.txt names from PyPI, unpacks them to build/conformance, and runs their tests
with the servers that they start by hand, and with Outrider's: NAME.patch says what changes. Prints what passed, how
long it took, and how many lines of the suite went and came. Every test that passed before must pass afterwards.
./dev makes the environment, from requirements.txt, and installs the package in it.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from edits import Edit, apply, read_patch  # noqa: E402
from sources import WORK, fetch, read_sources  # noqa: E402

SECONDS_MAX = 1800
# The plugins that only the other suites need.
WITHOUT_ASYNCIO = ["-p", "no:asyncio"]


@dataclass(frozen=True)
class Project:
    """What is run of a suite, and how its tests are compared."""

    tests: tuple[str, ...] = ("tests",)
    options: tuple[str, ...] = ()
    # Where tests ran with variants of the old server: options that choose one, and its word in their names.
    one_variant: tuple[str, ...] = ()
    variant: str = ""
    # Test → why it fails now and then, with every server.
    unsteady: dict[str, str] = field(default_factory=dict)


_QUICK_PING = "a ping is to have come within a short sleep; no server is in it"
PROJECTS = {
    "httpx": Project(
        options=(*WITHOUT_ASYNCIO, "-p", "no:cov", "-p", "no:timeout"),
        unsteady={
            "tests.test_timeouts::test_write_timeout[trio]": "trio warns when the garbage collector comes too early",
        },
    ),
    "httpx-ws": Project(
        options=WITHOUT_ASYNCIO,
        one_variant=("-k", "not wsproto"),
        variant="websockets",
        unsteady={
            "tests.test_api.TestKeepalivePing::test_keepalive_ping[trio]": _QUICK_PING,
            "tests.test_api.TestKeepalivePing::test_keepalive_ping[asyncio]": _QUICK_PING,
        },
    ),
    # The tests of its WSGI side start a server that Outrider is no replacement for.
    "python-socketio": Project(tests=("tests/async",), options=("-p", "no:logging", "--timeout=60")),
}


@dataclass
class Run:
    """What came of a suite."""

    passed: set[str]
    failed: set[str]
    seconds: list[float]
    cpu_seconds: list[float]


def main(words: list[str]) -> int:
    rounds = [int(word.partition("=")[2]) for word in words if word.startswith("rounds=")] or [1]
    names = [word for word in words if not word.startswith("rounds=")]
    sources = read_sources(HERE / "sources.txt")
    for name in names:
        if name not in sources:
            sys.exit(f"there is no suite {name!r}: there are {', '.join(sources)}")
    return max(compare(name, fetch(name, sources[name]), rounds[0]) for name in names or sources)


def compare(name: str, source: Path, rounds: int) -> int:
    project = PROJECTS[name]
    edits = read_patch(HERE / f"{name}.patch")
    before, after = WORK / "moved" / name / "before", WORK / "moved" / name / "after"
    for folder in (before, after):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
    apply(edits, after)
    runs: dict[Path, list[Run]] = {before: [], after: []}
    for _ in range(rounds):
        for folder, done in runs.items():
            done.append(run(folder, project, project.one_variant if folder is before else ()))
    return judge(name, project, edits, merge(runs[before]), merge(runs[after]))


def run(folder: Path, project: Project, options: tuple[str, ...]) -> Run:
    outcomes = folder / "outcomes.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", f"--junitxml={outcomes}"]
    command += [*project.options, *options, *project.tests]
    print(f"+ (cd {folder};", *command, ")", file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    start, cpu = time.perf_counter(), cpu_of_children()
    with (folder / "log").open("wb") as log:
        status = subprocess.run(
            command, cwd=folder, env=environment, stdout=log, stderr=log, timeout=SECONDS_MAX, check=False
        ).returncode
    seconds, cpu_seconds = time.perf_counter() - start, cpu_of_children() - cpu
    if status not in (0, 1) or not outcomes.exists():  # 1: some test failed. All else is no verdict on tests.
        sys.exit(f"pytest ended with status {status}; {folder / 'log'} says why")
    return Run(*read_outcomes(outcomes, project), [seconds], [cpu_seconds])


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_outcomes(path: Path, project: Project) -> tuple[set[str], set[str]]:
    passed, failed = set(), set()
    for case in ElementTree.parse(path).iter("testcase"):
        test = f"{case.get('classname')}::{case.get('name')}"
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed.add(test)
        elif "skipped" not in kinds:
            passed.add(test)
    return passed - failed, failed


def merge(runs: list[Run]) -> Run:
    """A test passed when it passed in every round."""
    failed = set().union(*(one.failed for one in runs))
    passed = set().union(*(one.passed for one in runs)) - failed
    return Run(passed, failed, [one.seconds[0] for one in runs], [one.cpu_seconds[0] for one in runs])


def judge(name: str, project: Project, edits: list[Edit], before: Run, after: Run) -> int:
    print(f"\n{name}")
    for word, one in (("as released", before), ("moved", after)):
        seconds, cpu_seconds = statistics.median(one.seconds), statistics.median(one.cpu_seconds)
        counts = f"{len(one.passed)} passed, {len(one.failed)} failed"
        print(f"  {word:12} {counts}, in {seconds:.1f} s, with {cpu_seconds:.1f} s of CPU time")
    for file, gone, come in count_lines(edits):
        print(f"  {file}: {gone} lines went, {come} came")
    broken = sorted({without_variant(test, project) for test in before.passed} - after.passed)
    for test in broken:
        reason = project.unsteady.get(test)
        print(f"  fails now and then ({reason}): {test}" if reason else f"  PASSED BEFORE, and not now: {test}")
    for test in sorted(before.failed & after.failed):
        print(f"  fails in both: {test}")
    for test in sorted(before.failed & after.passed):
        print(f"  failed before: {test}")
    return int(any(test not in project.unsteady for test in broken))


def without_variant(test: str, project: Project) -> str:
    """The test's name once the server has no variants: test[websockets-True] is test[True] then."""
    name, bracket, rest = test.partition("[")
    words = rest.removesuffix("]").split("-")
    kept = [word for word in words if word != project.variant]
    return f"{name}[{'-'.join(kept)}]" if bracket and kept else name


def count_lines(edits: list[Edit]) -> list[tuple[str, int, int]]:
    """File, lines that go, lines that come."""
    counts: dict[str, tuple[int, int]] = {}
    for edit in edits:
        gone, come = counts.get(edit.file, (0, 0))
        counts[edit.file] = gone + edit.end - edit.start, come + len(edit.lines)
    return [(file, gone, come) for file, (gone, come) in counts.items()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
