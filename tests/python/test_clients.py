"""Clients that know their server: over http, https and a Unix socket, for coroutines and without."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apps.tested
import httpx
import outrider
import pytest

httpx_sse = pytest.importorskip("httpx_sse")
pytest.importorskip("websockets")


@pytest.fixture(params=["http", "https", "unix", "unix https"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[outrider.Server]:
    options: dict[str, Any] = {"tls": "https" in request.param}
    if "unix" in request.param:
        options["uds"] = str(tmp_path / "s")
    with outrider.serve("apps.tested:app", **options) as running:
        yield running


@pytest.fixture
def plain() -> Iterator[outrider.Server]:
    with outrider.serve("apps.tested:app") as running:
        yield running


def test_a_client_asks_its_server(server: outrider.Server) -> None:
    with server.client(headers={"x-from": "a test"}) as client:
        answer = client.get("/")
    assert answer.text == "hello"
    assert answer.url.scheme == ("https" if server.config.tls else "http")
    assert answer.request.headers["x-from"] == "a test"


def test_an_asynchronous_client_asks_its_server(server: outrider.Server) -> None:
    async def ask() -> str:
        async with server.async_client() as client:
            return (await client.get("/")).text

    assert asyncio.run(ask()) == "hello"


def test_events_come_one_by_one(server: outrider.Server) -> None:
    async def first() -> str:
        async with server.async_events("/ticks") as events:
            return (await anext(events)).data

    with server.events("/ticks") as events:
        assert [next(events).data for _ in range(3)] == ["1", "2", "3"]
    assert asyncio.run(first()) == "1"


def test_a_websocket_sends_and_receives(server: outrider.Server) -> None:
    async def talk() -> str | bytes:
        async with server.async_websocket("/echo") as echo:
            await echo.send("hello")
            return await echo.recv()

    with server.websocket("/echo") as echo:
        echo.send("hello")
        assert echo.recv() == "hello"
    assert asyncio.run(talk()) == "hello"


def test_no_proxy_of_the_environment_stands_between(plain: outrider.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # where nobody listens
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    assert plain.client().get("/").text == "hello"
    with plain.events("/ticks") as events:
        assert next(events).data == "1"
    with plain.websocket("/echo") as echo:
        echo.send("hello")
        assert echo.recv() == "hello"

    async def talk() -> None:
        async with plain.async_client() as client, plain.async_websocket("/echo") as talking:
            assert (await client.get("/")).text == "hello"
            await talking.send("hello")
            assert await talking.recv() == "hello"

    asyncio.run(talk())


def test_clients_are_closed_when_the_server_has_stopped() -> None:
    with outrider.serve("apps.tested:app") as server:
        client, closed = server.client(), server.client()
        closed.close()
        assert client.get("/").text == "hello"
        assert not client.is_closed
    assert client.is_closed


def test_clients_are_closed_when_a_server_on_the_callers_loop_has_stopped() -> None:
    async def use() -> httpx.Client:
        async with outrider.serve("apps.tested:app", isolation="none") as server:
            client = server.client()
            assert (await asyncio.to_thread(client.get, "/")).text == "hello"
            return client

    assert asyncio.run(use()).is_closed


def test_a_client_that_nobody_holds_any_more_leaves_no_socket(plain: outrider.Server) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert plain.client().get("/").text == "hello"
        gc.collect()
    assert [str(warning.message) for warning in seen] == []


def test_options_of_a_client_reach_its_transport(plain: outrider.Server) -> None:
    class Recorder(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text=str(request.url))

    with plain.client(transport=Recorder()) as client:
        assert client.get("/x").text == plain.url + "/x"
    with plain.client(base_url=plain.url + "/v1") as client:
        assert str(client.get("/x").url) == plain.url + "/v1/x"
    with outrider.serve("apps.tested:app", tls=True) as secured:
        with secured.client(verify=httpx.create_ssl_context()) as client, pytest.raises(httpx.ConnectError):
            client.get("/")
        assert secured.client(http1=True, limits=httpx.Limits(max_connections=1)).get("/").text == "hello"


def test_misuse_says_what_to_do(plain: outrider.Server) -> None:
    with pytest.raises(ValueError, match="the path of a WebSocket begins with a slash: 'echo' doesn't"):
        plain.websocket("echo").__enter__()
    with pytest.raises(outrider.StateError, match="address is not known before it is started"):
        outrider.serve("apps.tested:app").client()
    with pytest.raises(httpx.HTTPStatusError, match="500"), plain.events("/boom"):
        raise AssertionError("it has no events")
    with plain.events("/") as events, pytest.raises(httpx_sse.SSEError, match="text/plain"):
        next(events)


@pytest.fixture(autouse=True)
def no_events() -> None:
    apps.tested.events.clear()
