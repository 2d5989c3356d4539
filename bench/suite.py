"""What a fresh server for each test costs a suite: pytest with many tests, each of which has a server and one request.

`run()` measures whole runs of pytest, each in a process of its own: the suite of a server (apps/suites), and the very same suite
without it, which imports the same. The difference, divided by the number of tests, is a test's share.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import Any

_SUITE_SECONDS = 600.0


@dataclass(frozen=True)
class _Case:
    """A row: which of the suites, with which plugin of pytest, and what it serves."""

    server: str
    suite: str
    plugin: str = ""
    app: str = "raw_apps:hello"
    path: str = "/"
    test_case: str = ""
    is_ours: bool = False


_FASTAPI = {"app": "fastapi_app:app", "path": "/items/1?q=x"}
_CASES = (
    _Case("outrider", "outrider", "pytest_outrider", is_ours=True),
    _Case("outrider, FastAPI", "outrider", "pytest_outrider", is_ours=True, **_FASTAPI),
    _Case("outrider.contrib.django", "django", test_case="outrider.contrib.django.LiveServerTestCase", is_ours=True),
    _Case("uvicorn in a thread", "uvicorn"),
    _Case("uvicorn in a thread, FastAPI", "uvicorn", **_FASTAPI),
    _Case("pytest-localserver", "localserver", "pytest_localserver.plugin"),
    _Case("Django's live server", "django", test_case="django.test.LiveServerTestCase"),
)


@dataclass(frozen=True)
class _Used:
    """What a run of pytest took, in seconds."""

    wall: float
    cpu: float


def _time(case: _Case, tests: int, *, is_served: bool) -> _Used:
    import paths
    from process import NotRun

    suites = paths.APPS / "suites"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in (suites, paths.APPS, paths.BENCH)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "SUITE_TESTS": str(tests),
        "SUITE_SERVED": "1" if is_served else "0",
        "SUITE_APP": case.app,
        "SUITE_PATH": case.path,
        "SUITE_TEST_CASE": case.test_case,
    }
    command = [str(paths.VENV_PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={suites}"]
    command += ["-p", case.plugin] if case.plugin else []
    command.append(str(suites / f"test_{case.suite}.py"))
    log = paths.LOGS / f"suite-{case.suite}.log"
    with log.open("wb") as output:
        start, cpu = time.perf_counter(), _cpu_of_children()
        try:
            child = subprocess.run(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=_SUITE_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise NotRun(f"not done within {_SUITE_SECONDS:g} s") from error
        used = _Used(time.perf_counter() - start, _cpu_of_children() - cpu)
    if child.returncode != 0 or f"{tests} passed" not in log.read_text():
        raise NotRun(f"its suite did not pass: {log.relative_to(paths.ROOT)}")
    return used


def _cpu_of_children() -> float:
    """User and system time, in seconds, of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measure_round(row: dict[str, Any], case: _Case, tests: int) -> None:
    """A test's milliseconds, of wall clock and of CPU."""
    without, with_server = _time(case, tests, is_served=False), _time(case, tests, is_served=True)
    row["test_ms_rounds"].append((with_server.wall - without.wall) * 1000 / tests)
    row["test_cpu_ms_rounds"].append((with_server.cpu - without.cpu) * 1000 / tests)
    row["suite_s_rounds"].append(with_server.wall)


def _summarize(row: dict[str, Any]) -> None:
    for name in ("test_ms", "test_cpu_ms", "suite_s"):
        row[name] = statistics.median(row[f"{name}_rounds"])


def run(plan: Any) -> list[dict[str, Any]]:
    """Not pinned: the tests and their servers share whatever cores there are, as they do in use."""
    from process import NotRun

    chosen = [each for each in _CASES if not plan.only or any(each.server.startswith(name) for name in plan.only)]
    rows: dict[str, dict[str, Any]] = {
        case.server: {"server": case.server, "is_ours": case.is_ours, "workload": "suite", "status": "ok", "reason": "",
                      "tests": plan.tests, "test_ms_rounds": [], "test_cpu_ms_rounds": [], "suite_s_rounds": []}
        for case in chosen
    }  # fmt: skip
    for number in range(plan.rounds):
        for case in chosen:
            row = rows[case.server]
            if row["status"] != "ok":
                continue
            print(f"  suite: round {number + 1} of {plan.rounds}: {case.server}", flush=True)
            try:
                _measure_round(row, case, plan.tests)
            except NotRun as trouble:
                row.update(status="not run", reason=str(trouble))
    for row in rows.values():
        if row["status"] == "ok":
            _summarize(row)
    return list(rows.values())
