"""The plugin beside others: xdist, pytest-asyncio, anyio's, pytest-cov, the cache; and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apps.tested
import outrider.testing  # noqa: F401  here, so that suites in this process don't import it anew
import pytest

Suite = Callable[..., pytest.RunResult]

APP = "--outrider-app=apps.tested:app"

ON_THE_LOOP = """
    import asyncio
    import apps.tested, outrider, pytest{imports}

    class Bound:
        def __init__(self):
            self.loop = asyncio.get_running_loop()

    async def app(scope, receive, send):
        assert asyncio.get_running_loop() is bound.loop  # as a database's pool would
        await apps.tested.app(scope, receive, send)

    {fixture}
    async def server(outrider_server):
        global bound
        bound = Bound()
        async with outrider_server(app, isolation="none") as server:
            yield server

    {mark}
    async def test_one(server):
        async with server.async_client() as client:
            assert (await client.get("/")).text == "hello"
        async with server.async_events("/ticks") as ticks:
            assert (await anext(ticks)).data == "1"
        async with server.async_websocket("/echo") as echo:
            await echo.send("hello")
            assert await echo.recv() == "hello"

    {mark}
    async def test_boom(server):
        async with server.async_client() as client:
            assert (await client.get("/boom")).status_code == 500

    {mark}
    async def test_in_the_test(outrider_server):
        async with outrider_server("apps.tested:app", isolation="none") as server, server.async_client() as client:
            assert (await client.get("/")).text == "hello"

    {mark}
    async def test_beside_it(live_server):
        async with live_server.async_client() as client:
            assert (await client.get("/")).text == "hello"
    """
STRICT = {"imports": ", pytest_asyncio", "fixture": "@pytest_asyncio.fixture", "mark": "@pytest.mark.asyncio"}
AUTO = {"imports": "", "fixture": "@pytest.fixture", "mark": ""}
ANYIO = {
    "imports": "\n\n    @pytest.fixture(scope='session')\n    def anyio_backend():\n        return 'asyncio'",
    "fixture": "@pytest.fixture",
    "mark": "@pytest.mark.anyio",
}
ASYNCIO = ["-o", "asyncio_default_fixture_loop_scope=function"]  # without it, it warns


@pytest.fixture(autouse=True)
def no_events() -> None:
    apps.tested.events.clear()


@pytest.mark.parametrize(
    ("words", "arguments"),
    [(STRICT, ["--asyncio-mode=strict"]), (AUTO, ["--asyncio-mode=auto"]), (ANYIO, [])],
    ids=["asyncio strict", "asyncio auto", "anyio"],
)
def test_a_server_on_the_test_s_own_loop_shares_it_with_the_fixtures(
    suite: Suite, words: dict[str, str], arguments: list[str]
) -> None:
    if words is not ANYIO:
        pytest.importorskip("pytest_asyncio")
        arguments = [*arguments, *ASYNCIO]
    done = suite(ON_THE_LOOP.format(**words), APP, *arguments, plugins=["asyncio"] if words is not ANYIO else [])
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(
        ["E *OutOfStock: no lamps left", "-* outrider http://127.0.0.1:* call -*", "GET /boom 500 * ms"]
    )


def test_a_server_on_a_loop_of_the_session_settles_between_its_tests(suite: Suite) -> None:
    pytest.importorskip("pytest_asyncio")
    done = suite(
        """
        import asyncio
        import apps.tested, pytest, pytest_asyncio

        on_the_loop = pytest.mark.asyncio(loop_scope="session")
        LEFT = []

        @pytest_asyncio.fixture(scope="session", loop_scope="session")
        async def server(session_outrider_server):
            made = session_outrider_server("apps.tested:app", isolation="none", timeout_graceful_shutdown=0)
            async with made as server:
                yield server

        @on_the_loop
        async def test_leaves(server):
            async def ask():
                async with server.async_client() as client:
                    return (await client.get("/slow")).status_code
            LEFT.append(asyncio.create_task(ask()))
            while "slow began" not in apps.tested.events:
                await asyncio.sleep(0)

        @on_the_loop
        async def test_next(server):
            assert apps.tested.events == ["startup", "slow began", "slow ended"]
            assert server.requests == []
            assert await LEFT[0] >= 500

        def test_without_the_loop(server):
            assert server.url
        """,
        "--asyncio-mode=strict",
        *ASYNCIO,
        plugins=["asyncio"],
    )
    done.assert_outcomes(passed=3)
    assert apps.tested.events[-1] == "shutdown"


def test_each_worker_of_xdist_has_a_server_of_its_own(suite: Suite) -> None:
    done = suite(
        """
        import os, pathlib
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_it(live_server, number, worker_id):
            assert live_server.client().get("/").text == "hello"
            with open(pathlib.Path(__file__).with_name("ports"), "a") as file:
                file.write(f"{worker_id} {live_server.port}\\n")
        """,
        APP,
        "-n2",
        "--dist=each",
        subprocess=True,
    )
    done.assert_outcomes(passed=4)
    told = (Path(done_path(done)) / "ports").read_text().splitlines()
    assert len({line.split()[1] for line in told}) == len(set(told)) == 2


def done_path(done: pytest.RunResult) -> str:
    """Where a suite ran."""
    return next(line.removeprefix("rootdir: ") for line in done.outlines if line.startswith("rootdir: "))


def test_what_the_application_runs_is_covered_though_it_runs_in_a_thread(suite: Suite) -> None:
    pytest.importorskip("pytest_cov")
    shop = """
        async def app(scope, receive, send):
            if scope["path"] == "/other":
                raise LookupError  # not covered
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"covered"})
        """
    done = suite(
        "def test_it(live_server): assert live_server.client().get('/').text == 'covered'",
        "--outrider-app=shop:app",
        "-o",
        "pythonpath=.",
        "-o",
        "outrider_options=--lifespan off",
        "--cov=shop",
        "--cov-report=term-missing",
        files={"shop.py": shop},
        subprocess=True,
    )
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["shop.py * 5 * 1 * 80% * 4"])


def test_what_failed_last_by_an_exception_of_the_application_is_run_again(suite: Suite) -> None:
    tests = """
        def test_good(live_server):
            live_server.client().get("/")

        def test_bad(live_server):
            live_server.client().get("/boom")
        """
    suite(tests, APP).assert_outcomes(passed=1, failed=1)
    suite(tests, APP, "--lf").assert_outcomes(failed=1)


def test_ctrl_c_stops_the_servers_in_order_and_says_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys, threading

        def test_it(live_server, outrider_server):
            server = outrider_server()
            live_server.client().get("/")
            thread = threading.Thread(target=lambda: server.client().get("/"))
            thread.start()
            thread.join()
            print("waits", flush=True)
            threading.Event().wait()
        """
    )
    pytester.makefile(".ini", pytest="[pytest]\noutrider_app = ctrl_c:app\npythonpath = .")
    pytester.makepyfile(
        ctrl_c="""
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                print("shut down", flush=True)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
        """
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", "-Werror", "-p", "no:asyncio", "-p", "no:django"],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    lines = []
    for line in running.stdout:
        lines.append(line)
        if "waits" in line:
            running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    output = "".join(lines)
    assert running.returncode == pytest.ExitCode.INTERRUPTED, output + errors
    assert output.count("shut down") == 2
    assert "KeyboardInterrupt" in output
    assert errors == ""
