"""What a test suite does between tests: forget(), quiesce() with a policy."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import apps.tested
import outrider
import pytest
from outrider import StopPolicy
from outrider.testing import LiveServer
from wire_client import WireClient

AT_ONCE = StopPolicy(grace=0)


@pytest.fixture(params=["thread", "process"])
def server(request: pytest.FixtureRequest) -> Iterator[outrider.Server]:
    with outrider.serve("apps.tested:app", isolation=request.param) as running:
        yield running


def test_forget_empties_what_was_asked_and_what_went_wrong(server: outrider.Server) -> None:
    server.client().get("/boom")
    assert [request.path for request in server.requests] == ["/boom"]
    assert [str(error) for error in server.errors] == ["no lamps left"]
    server.forget()
    assert server.requests == []
    assert server.errors == []
    server.client().get("/")
    assert [request.path for request in server.requests] == ["/"]


def test_forget_works_whatever_the_server_does() -> None:
    server = outrider.serve("apps.tested:app")
    server.forget()
    with server:
        server.client().get("/boom")
    assert server.requests and server.errors
    server.forget()
    assert not server.requests and not server.errors


def test_forget_and_requests_of_a_server_whose_loop_rests() -> None:
    loop = asyncio.new_event_loop()
    server = LiveServer(outrider.Config("apps.tested:app", port=0, isolation="none"))

    async def ask() -> None:
        await server.__aenter__()
        async with server.async_client() as client:
            await client.get("/")

    loop.run_until_complete(ask())
    assert [request.path for request in server.requests] == ["/"]
    server.settle()
    server.forget()
    assert server.requests == []
    loop.run_until_complete(server.__aexit__(None, None, None))
    loop.close()


@pytest.mark.parametrize("path", ["/slow", "/ticks"])
def test_quiesce_with_a_policy_ends_what_runs_and_goes_on(server: outrider.Server, path: str) -> None:
    with WireClient(server) as busy:
        busy.send(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        server.wait_until(lambda: True)
        server.quiesce(policy=AT_ONCE)
        assert server.client().get("/").text == "hello"
    assert server.state == "ready"


def test_a_stop_during_quiesce_with_a_policy_goes_through() -> None:
    begun, over = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    with outrider.serve(app, lifespan="off") as server, WireClient(server) as busy:
        busy.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert begun.wait(10)
        failures: list[BaseException] = []

        def quiesce() -> None:
            try:
                server.quiesce(policy=StopPolicy(grace=60))
            except outrider.StateError as error:
                failures.append(error)

        thread = threading.Thread(target=quiesce)
        thread.start()
        report = server.stop(StopPolicy.immediate())
        thread.join()
        assert over.is_set()
        assert report.elapsed < 30
        assert all("stop" in str(failure) for failure in failures)


def test_quiesce_takes_a_policy_and_nothing_else(server: outrider.Server) -> None:
    with pytest.raises(TypeError, match="is no stop policy"):
        server.quiesce(policy=1.0)  # type: ignore[arg-type]
    apps.tested.events.clear()


def test_what_goes_on_in_spite_of_all_is_waited_for_once() -> None:
    begun, is_over = threading.Event(), False

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        while not is_over:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    with outrider.serve(deaf, lifespan="off") as server, WireClient(server) as client:
        client.send("GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.quiesce(policy=StopPolicy(grace=0, disconnect=0.01, cancel=0.01))
        server.quiesce(policy=StopPolicy(grace=1000, disconnect=0.01, cancel=1000))  # has nothing to wait for
        is_over = True
