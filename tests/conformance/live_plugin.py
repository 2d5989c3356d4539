"""The pytest plugin that puts the live client in the place of Starlette's, and writes down what came of each test."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import starlette.testclient
from live_client import LiveClient, LiveServer

# Before any of the suite's modules is imported, each of which takes the class from here or from fastapi.testclient.
starlette.testclient.TestClient = LiveClient

IN_ANOTHER_PROGRAM = "runs in a program of its own, which has the client that isn't swapped"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Loops())  # after AnyIO's own plugin, whose fixture it replaces
    # What applications raise is in Server.errors; a suite that looks at the log looks for what it logs itself, and the
    # records that pytest keeps would keep alive what some tests expect to be gone.
    logging.getLogger("outrider").disabled = True


class Loops:
    """Where the suites run a test on asyncio and on trio, it runs on the two loops that Outrider has."""

    @pytest.fixture(
        scope="module",
        params=[("asyncio", {}), ("asyncio", {"use_uvloop": True})],
        ids=["asyncio", "uvloop"],
    )
    def anyio_backend(self, request: pytest.FixtureRequest) -> Any:
        return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        code = getattr(getattr(item, "function", None), "__code__", None)
        if code is None:
            continue
        if Path(code.co_filename).name == "_subprocess.py":  # FastAPI's run_in_subprocess(), in the function's place
            item.add_marker(pytest.mark.skip(reason=IN_ANOTHER_PROGRAM))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    before = LiveServer.exchanges
    try:
        return (yield)
    finally:
        item.user_properties.append(("exchanges", LiveServer.exchanges - before))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        for live in list(LiveServer.running):
            live.stop()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A line of JSON for each test, and for each set-up or teardown that went wrong: run.py reads them."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return  # the controller has the reports of all
    if report.when != "call" and report.outcome == "passed":
        return
    reason = ""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else "?"
    outcome = {
        "test": report.nodeid,
        "when": report.when,
        "outcome": "passed" if hasattr(report, "wasxfail") and report.skipped else report.outcome,
        "reason": reason,
        "exchanges": dict(report.user_properties).get("exchanges", 0),
    }
    with Path(os.environ["CONFORMANCE_OUTCOMES"]).open("a") as file:
        file.write(json.dumps(outcome) + "\n")
