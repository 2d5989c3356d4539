"""A shared server is quiesced between tests: no request of one test gets into the next."""

from __future__ import annotations

from collections.abc import Callable

import apps.tested
import outrider.testing  # noqa: F401  here, so that suites in this process don't import it anew
import pytest

Suite = Callable[..., pytest.RunResult]

APP = "--outrider-app=apps.tested:app"

# What runs at the end of a test, each in a thread or a client that the test leaves behind.
LEAVES = """
    import threading
    import apps.tested, httpx, pytest

    LEFT = []

    @pytest.fixture
    def left():
        yield
        # The server has settled before the fixtures of the test end: what they reset, nobody uses.
        assert apps.tested.events[-1] == "{end}"

    def test_leaves(left, {server}):
        server = {server}
        {leave}

    def test_next({server}):
        assert apps.tested.events[-1] == "{end}"
        apps.tested.events.append("next")
        assert {server}.client().get("/").text == "hello"
        assert apps.tested.events[-1] == "next"
        assert [request.path for request in {server}.requests] == ["/"]
    """
SLOW = """
        def ask():
            try:
                server.client(timeout=30).get("/slow")
            except httpx.TransportError:
                pass
        thread = threading.Thread(target=ask)
        LEFT.append(thread)
        thread.start()
        while "slow began" not in apps.tested.events:
            pass
"""
STREAM = """
        LEFT.append(server.events("/ticks"))
        assert next(LEFT[0].__enter__()).data == "1"
"""
WEBSOCKET = """
        LEFT.append(server.websocket("/echo"))
        echo = LEFT[0].__enter__()
        echo.send("hello")
        assert echo.recv() == "hello"
"""


@pytest.fixture(autouse=True)
def no_events() -> None:
    apps.tested.events.clear()


@pytest.mark.parametrize("server", ["live_server", "shared"])
@pytest.mark.parametrize(
    ("leave", "end"),
    [(SLOW, "slow ended"), (STREAM, "ticks ended"), (WEBSOCKET, "websocket closed with 1012")],
    ids=["a slow request", "a stream", "a WebSocket"],
)
def test_what_a_test_leaves_running_has_ended_before_its_fixtures_do(
    suite: Suite, server: str, leave: str, end: str
) -> None:
    conftest = """
        import pytest

        @pytest.fixture(scope="session")
        def shared(session_outrider_server):
            return session_outrider_server()
        """
    tests = LEAVES.format(leave=leave.strip(), end=end, server=server)
    options = "outrider_options=--timeout-graceful-shutdown 0"  # it is to be ended, not waited for
    suite(tests, APP, "-o", options, files={"conftest.py": conftest}).assert_outcomes(passed=2)


def test_what_a_test_leaves_running_has_time_to_end_by_itself(suite: Suite) -> None:
    done = suite(
        """
        import asyncio, threading
        import outrider

        GO, DONE = threading.Event(), []

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            while not GO.is_set():  # behind the response
                await asyncio.sleep(0)
            DONE.append(scope["path"])

        def test_leaves(live_server):
            live_server.client().get("/left")
            GO.set()

        def test_next(live_server):
            assert DONE == ["/left"]
            assert live_server.requests == []
        """,
        "--outrider-app=test_suite:app",
        "-o",
        "pythonpath=.",
        "-o",
        "outrider_options=--timeout-graceful-shutdown 60 --lifespan off",
    )
    done.assert_outcomes(passed=2)


def test_what_a_fixture_leaves_at_its_end_does_not_get_into_the_next_test_either(suite: Suite) -> None:
    done = suite(
        """
        import apps.tested, pytest

        @pytest.fixture
        def leaves(live_server):
            yield
            leaves.stream = live_server.events("/ticks")
            next(leaves.stream.__enter__())

        def test_it(leaves): pass

        def test_next(live_server):
            assert apps.tested.events == ["startup", "ticks ended"]
            assert live_server.requests == []
        """,
        APP,
    )
    done.assert_outcomes(passed=2)


def test_a_handler_that_blocks_the_event_loop_fails_its_test_and_says_so(suite: Suite) -> None:
    done = suite(
        """
        import contextlib, threading
        import httpx, pytest

        BLOCKS, GO = threading.Event(), threading.Event()
        THREADS = []

        def ask(server):
            with contextlib.suppress(httpx.HTTPError):  # its answer never comes
                server.client(timeout=60).get("/")

        async def app(scope, receive, send):
            BLOCKS.set()
            GO.wait()

        @pytest.fixture
        def unblocks():
            yield
            GO.set()

        def test_it(outrider_server, unblocks):
            server = outrider_server(app, lifespan="off", timeout_graceful_shutdown=0, raise_server_exceptions=False)
            THREADS.append(threading.Thread(target=ask, args=(server,), daemon=True))
            THREADS[0].start()
            assert BLOCKS.wait(10)

        def test_next():
            THREADS[0].join()  # none of it gets into other suites
        """
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["E *TimeoutError: <outrider.Server ready on *> doesn't answer: a handler blocks its event loop"]
    )
