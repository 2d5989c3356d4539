"""What a server takes on at once and how long a request may take; and the headers that every response has."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.hello import Receive, Send, app
from wire_client import WireClient


def test_requests_beyond_those_that_run_at_once_are_told_to_come_again() -> None:
    begun, go_on = threading.Barrier(3), threading.Event()

    async def waits(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.to_thread(go_on.wait, 10)
        await app(scope, receive, send)

    with outrider.serve(waits, exchanges_max=2, lifespan="off") as server:
        with WireClient(server) as first, WireClient(server) as second, WireClient(server) as third:
            for client in (first, second):
                client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            begun.wait(10)
            answer = third.get()
            assert (answer.status, answer.header("retry-after")) == (503, "1")
            go_on.set()
            assert [client.answer().status for client in (first, second)] == [200, 200]
            begun.reset()
            third.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            first.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            begun.wait(10)
            assert [client.answer().status for client in (third, first)] == [200, 200]
        assert [request.status for request in server.requests].count(503) == 1


def test_uvicorns_limit_concurrency_is_the_limit_of_requests_at_once() -> None:
    assert outrider.Config(app, limit_concurrency=7).exchanges_max == 7
    assert outrider.Config(app, limit_concurrency=None).exchanges_max == 0


def test_connections_from_one_address_are_limited() -> None:
    with (
        outrider.serve(app, connections_per_address_max=2) as server,
        WireClient(server) as first,
        WireClient(server) as second,
        WireClient(server) as third,
    ):
        assert [client.get().status for client in (first, second)] == [200, 200]
        assert third.read_to_end() == b""


def test_a_request_that_takes_too_long_is_answered_and_its_task_cancelled() -> None:
    ends: list[str] = []

    async def sleeps(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ends.append((await receive())["type"])  # its body
            ends.append((await receive())["type"])
            raise

    with outrider.serve(sleeps, timeout_request=0.05, lifespan="off") as server, WireClient(server) as client:
        answer = client.get()
        assert (answer.status, answer.header("connection")) == (503, "close")
        assert client.read_to_end() == b""
    assert "http.disconnect" in ends
    assert [type(error) for error in server.errors] == [asyncio.CancelledError]


def test_a_response_that_takes_too_long_is_cut_off() -> None:
    ended = threading.Event()

    async def streams(scope: Any, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            await asyncio.sleep(3600)
        finally:
            ended.set()

    with outrider.serve(streams, timeout_request=0.05, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        received = client.read_to_end()
        assert received.startswith(b"HTTP/1.1 200 ")
        assert not received.endswith(b"0\r\n\r\n")
        assert ended.wait(10)


def test_a_body_that_comes_too_slowly_is_answered_408() -> None:
    async def reads(scope: Any, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    options = {"timeout_body": 0.05, "body_rate_min": 1_000_000_000}
    with outrider.serve(reads, lifespan="off", **options) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nabc")
        assert client.answer().status == 408


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_every_response_has_the_default_headers_unless_the_application_sets_them(isolation: Any) -> None:
    headers = [("x-frame-options", "DENY"), ("Server", "mine"), ("content-type", "text/ours")]
    with (
        outrider.serve("apps.hello:app", headers=headers, isolation=isolation) as server,
        WireClient(server) as client,
    ):
        answer = client.get()
        names = [name.lower() for name, _ in answer.headers]
        assert answer.header("x-frame-options") == "DENY"
        assert answer.header("server") == "mine"
        assert names.count("server") == names.count("content-type") == 1
        assert answer.header("content-type") == "text/ours"
        client.send("nonsense\r\n\r\n")
        refusal = client.answer()
        assert refusal.header("x-frame-options") == "DENY"
        assert [value for name, value in refusal.headers if name == "content-type"] == ["text/plain; charset=utf-8"]


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([("a b", "x")], ValueError),
        ([("x", "a\r\nb: c")], ValueError),
        ([("Transfer-Encoding", "chunked")], ValueError),
        ([("x", "\u20ac")], ValueError),
        ([("x", b"bytes")], TypeError),
        ([("x",)], TypeError),
        ("x: y", TypeError),
        ({"x": "y"}, TypeError),
    ],
    ids=str,
)
def test_default_headers_that_no_response_could_have_are_refused(headers: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"headers|latin-1"):
        outrider.Config(app, headers=headers)


def test_the_command_line_takes_default_headers() -> None:
    from outrider._cli import make_parser

    options = make_parser().parse_args(["a:b", "--header", "x: y", "--header", "via:", "--exchanges-max", "3"])
    assert outrider.Config("a:b", headers=options.headers).headers == (("x", "y"), ("via", ""))
    assert options.exchanges_max == 3
    with pytest.raises(SystemExit):
        make_parser().parse_args(["a:b", "--header", "x"])


def test_every_limit_of_the_engine_is_an_option() -> None:
    header = (Path(__file__).parents[2] / "include" / "outrider" / "limits.h").read_text()
    fields = set(re.findall(r"(?:size_t|milliseconds) (\w+)(?: =|\{)", header))
    assert fields == set(outrider.Config(app).limits())
    assert len(fields) == 27


def test_a_limit_that_the_engine_does_not_know_is_no_limit_that_is_passed_over() -> None:
    from outrider._engine import Engine

    with pytest.raises(ValueError, match="no limit 'no_such'"):
        Engine({"head_bytes_max": 1000, "no_such": 1}, True, True, (), 0)
