"""How a WebSocket's application ends: by an exception, by returning, with its client gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgi_app import Receive, Scope, Send
from outrider import ClientDisconnected, ProtocolError
from websocket_app import ACCEPT, BODY, CLOSING, HELLO, START, Message, running
from websocket_client import WebSocketClient

Eventually = Callable[[Callable[[], bool]], None]


def test_an_exception_before_the_accept_is_a_500_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("gone wrong")

    with caplog.at_level(logging.ERROR, "outrider"), running(body) as server:
        with WebSocketClient(server, opens=False) as client:
            assert client.ask("/ws").status == 500
        assert [type(error) for error in server.errors] == [LookupError]
    [record] = caplog.records
    assert record.getMessage() == "the application raised an exception during WebSocket /ws"
    assert record.exc_info is not None and record.exc_info[0] is LookupError


def test_an_exception_after_the_accept_closes_with_1011_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send(HELLO)
        await receive()
        raise LookupError("gone wrong")

    with caplog.at_level(logging.ERROR, "outrider"), running(body) as server, WebSocketClient(server, "/ws") as client:
        assert client.hear() == "hello"
        client.say("go on")
        assert client.read_close() == (1011, "")
        client.close(1011)
        assert client.read_to_end() == b""
        assert [type(error) for error in server.errors] == [LookupError]
    assert [record.getMessage() for record in caplog.records] == [
        "the application raised an exception during WebSocket /ws"
    ]


def test_an_exception_within_a_response_cuts_it() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({**BODY, "more_body": True})
        raise LookupError("gone wrong")

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n")
        client.send("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert b"\r\n0\r\n" not in client.read_to_end()
    assert [type(error) for error in server.errors] == [LookupError]


def test_an_application_that_returns_after_the_accept_closes_with_1000() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send(HELLO)

    with running(body) as server, WebSocketClient(server) as client:
        assert client.hear() == "hello"
        assert client.read_close() == (1000, "")
    assert list(server.errors) == []


@pytest.mark.parametrize("before", [[], [START]])
def test_an_application_that_returns_without_an_answer_is_a_500_and_reported(before: list[Message]) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        assert client.ask("/ws").status == 500
    [error] = server.errors
    assert (
        isinstance(error, ProtocolError) and "the application returned" in str(error) and "WebSocket /ws" in str(error)
    )


def test_sends_to_a_client_that_has_gone_raise_and_may_be_let_out() -> None:
    raised: list[BaseException] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        assert (await receive())["code"] == 1001
        for message in (HELLO, CLOSING):
            with pytest.raises(OSError, match="the client has disconnected") as caught:
                await send(message)
            raised.append(caught.value)
        await send(HELLO)

    with running(body) as server, WebSocketClient(server) as client:
        client.close(1001)
        client.read_close()
        client.read_to_end()
    assert [type(error) for error in raised] == [ClientDisconnected] * 2
    assert list(server.errors) == []


def test_a_task_that_outlives_its_application_is_told_that_it_is_over(eventually: Eventually) -> None:
    ends: list[Any] = []
    tasks: list[asyncio.Task[None]] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)

        async def later() -> None:
            ends.append(await receive())
            try:
                await send(HELLO)
            except ProtocolError as error:
                ends.append(str(error))

        tasks.append(asyncio.create_task(later()))
        await asyncio.sleep(0)

    with running(body) as server, WebSocketClient(server) as client:
        assert client.read_close()[0] == 1000
        eventually(lambda: len(ends) == 2)
    assert ends == [
        {"type": "websocket.disconnect", "code": 1000, "reason": ""},
        "'websocket.send' was sent after the application had ended",
    ]
