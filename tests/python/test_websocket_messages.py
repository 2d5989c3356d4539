"""A WebSocket's messages: what is told, what is sent, and how both wait.

test_websocket_mistakes.py has those that are refused, test_websocket_endings.py what happens without them.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgi_app import Receive, Scope, Send, serving
from outrider import ClientDisconnected
from websocket_app import ACCEPT, BODY, CLOSING, START, Message, running
from websocket_client import BINARY, CLOSE, TEXT, WebSocketClient, close_payload, frame

# --- what is told --------------------------------------------------------------------------------------------------


def received(*frames: bytes) -> list[Message]:
    """What an application is told after websocket.connect, up to the disconnection."""
    messages: list[Message] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        while not messages or messages[-1]["type"] != "websocket.disconnect":
            messages.append(await receive())

    with running(body) as server, WebSocketClient(server) as client:
        client.send(b"".join(frames))
        client.read_to_end()
    assert list(server.errors) == []
    return messages


def test_text_and_bytes_are_told_as_what_they_are_and_in_order() -> None:
    close = frame(CLOSE, close_payload(3210, "☃"))
    assert received(frame(TEXT, "a☃"), frame(BINARY, b"\0\xff"), frame(TEXT), frame(BINARY), close) == [
        {"type": "websocket.receive", "text": "a☃"},
        {"type": "websocket.receive", "bytes": b"\0\xff"},
        {"type": "websocket.receive", "text": ""},
        {"type": "websocket.receive", "bytes": b""},
        {"type": "websocket.disconnect", "code": 3210, "reason": "☃"},
    ]


@pytest.mark.parametrize("size", [16 * 1024 - 1, 16 * 1024, 300_000, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
def test_a_large_message_is_told_as_it_was_sent_in_one_frame_or_two(size: int) -> None:
    ascii_text = "0123456789abcde\n" * (size // 16) + "x" * (size % 16)
    wide_text = ascii_text[:-3] + "☃"
    contents: list[str | bytes] = [ascii_text, wide_text, wide_text.encode(), ascii_text]
    frames = [frame(TEXT if isinstance(content, str) else BINARY, content) for content in contents]
    halves = [frame(TEXT, ascii_text[: size // 2], fin=False), frame(0, ascii_text[size // 2 :])]
    told = [message.get("text", message.get("bytes")) for message in received(*frames, *halves, frame(CLOSE))]
    assert [type(content) for content in told] == [str, str, bytes, str, str, type(None)]
    assert told == [*contents, ascii_text, None]
    assert hash(told[0]) == hash(ascii_text)
    assert str(told[0]).isascii()


def test_a_message_in_fragments_is_one() -> None:
    frames = [frame(TEXT, "he", fin=False), frame(0, "ll", fin=False), frame(0, "o"), frame(CLOSE)]
    assert received(*frames) == [
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.disconnect", "code": 1005, "reason": ""},
    ]


def test_a_connection_that_breaks_is_1006() -> None:
    messages: list[Message] = []
    ended = threading.Event()

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        messages.append(await receive())
        messages.append(await receive())
        ended.set()

    with running(body) as server, WebSocketClient(server) as client:
        client.reset()
        assert ended.wait(10)
    assert messages == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] * 2


def test_a_client_that_leaves_before_the_accept_is_told_of_and_cannot_be_accepted() -> None:
    ends: list[Any] = []
    begun, ended = threading.Event(), threading.Event()

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        ends.append(await receive())
        for message in (ACCEPT, CLOSING, START):
            try:
                await send(message)
            except ClientDisconnected as error:
                ends.append(type(error))
        ended.set()
        await send(ACCEPT)

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n")
        client.send("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        assert begun.wait(10)
        client.reset()
        assert ended.wait(10)
    assert ends == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}] + [ClientDisconnected] * 3
    assert list(server.errors) == []


def test_receive_and_send_may_be_used_by_several_tasks_at_once() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)

        async def echo() -> None:
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})

        async def tick() -> None:
            for _ in range(50):
                await send({"type": "websocket.send", "bytes": b"tick" * 5000})
                await asyncio.sleep(0)

        await asyncio.gather(echo(), tick(), tick(), echo(), echo())

    with running(body) as server, WebSocketClient(server) as client:
        for number in range(100):
            client.say(str(number))
        heard = [client.hear() for _ in range(200)]
        client.close()
        assert client.read_close()[0] == 1000
    assert heard.count(b"tick" * 5000) == 100
    assert [int(text) for text in heard if isinstance(text, str)] == list(range(100))
    assert list(server.errors) == []


def test_a_receive_that_timed_out_loses_nothing() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            await asyncio.wait_for(receive(), 0.01)
        except TimeoutError:
            await send({"type": "websocket.send", "text": "timed out"})
        task = asyncio.create_task(receive())
        await asyncio.sleep(0)
        task.cancel()
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    with running(body) as server, WebSocketClient(server) as client:
        assert client.hear() == "timed out"
        client.say("hello")
        assert client.hear() == "hello"
        assert client.read_close()[0] == 1000


def test_the_first_message_is_the_connection_even_for_an_application_that_has_accepted() -> None:
    messages: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        messages.append(await receive())

    with serving(app) as server, WebSocketClient(server) as client:
        assert client.read_close()[0] == 1000
    assert messages == [{"type": "websocket.connect"}]


# --- what is sent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "heard"),
    [
        ({"text": "a☃😀"}, "a☃😀"),
        ({"text": ""}, ""),
        ({"text": "x" * 1_000_000}, "x" * 1_000_000),
        ({"text": "é" * 500_000, "bytes": None}, "é" * 500_000),
        ({"bytes": b"\0\xff"}, b"\0\xff"),
        ({"bytes": b"y" * 1_000_000, "text": None}, b"y" * 1_000_000),
        ({"bytes": bytearray(b"array")}, b"array"),
        ({"bytes": memoryview(b"abcdef")[::2]}, b"ace"),
        ({"text": "hello", "more": 1}, "hello"),
    ],
)
def test_what_is_sent_arrives(message: Message, heard: str | bytes) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", **message})

    with running(body) as server, WebSocketClient(server) as client:
        assert client.hear() == heard
        assert client.read_close() == (1000, "")
    assert list(server.errors) == []


def test_a_buffer_that_changes_after_send_was_sent_as_it_was() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        buffer = bytearray(b"a" * 2_000_000)
        await send({"type": "websocket.send", "bytes": memoryview(buffer)[:10]})
        sending = send({"type": "websocket.send", "bytes": buffer})
        buffer[:] = b"b" * len(buffer)
        await sending

    with running(body) as server, WebSocketClient(server) as client:
        assert [client.hear(), client.hear()] == [b"a" * 10, b"a" * 2_000_000]


def test_accept_has_headers_and_one_of_the_clients_subprotocols() -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        headers = (
            (name, value) for name, value in [(b"X-One", b"1"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")]
        )
        await send({"type": "websocket.accept", "subprotocol": "two", "headers": headers})

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask("/", "Sec-WebSocket-Protocol: one, two")
        assert answer.status == 101
        assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=b", "c=d"]
        assert (answer.header("x-one"), answer.header("sec-websocket-protocol")) == ("1", "two")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({}, 1000, ""),
        ({"code": None, "reason": None}, 1000, ""),
        ({"code": 4999, "reason": "é" * 61 + "x"}, 4999, "é" * 61 + "x"),
        ({"code": 1013, "reason": ""}, 1013, ""),
    ],
)
def test_close_has_a_code_and_a_reason_and_the_application_is_told_the_same(
    message: Message, code: int, reason: str
) -> None:
    told: list[Message] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        waiting = asyncio.create_task(receive())  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await send({**CLOSING, **message})
        told.extend([await waiting, await receive()])

    with running(body) as server, WebSocketClient(server) as client:
        assert client.read_close() == (code, reason)
        client.close(code)
        assert client.read_to_end() == b""
    assert told == [{"type": "websocket.disconnect", "code": code, "reason": reason}] * 2
    assert list(server.errors) == []


@pytest.mark.parametrize(("code", "reason"), [(4000, "nobody is told"), (1006, [{"as": "FastAPI"}]), (None, "x" * 200)])
def test_a_close_before_the_accept_is_a_403_whatever_it_says(code: Any, reason: Any) -> None:
    told: list[Message] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**CLOSING, "code": code, "reason": reason})
        told.append(await receive())

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask()
        assert (answer.status, answer.body) == (403, b"Forbidden")
    assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
    assert list(server.errors) == []
    assert [request.status for request in server.requests] == [403]


def test_a_handshake_may_be_answered_by_a_response_of_its_own() -> None:
    told: list[Message] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for _ in range(3):
            await send({**BODY, "body": b"part ", "more_body": True})
        await send(BODY)
        told.append(await receive())

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask()
        assert (answer.status, answer.header("x-why"), answer.body) == (401, "because", b"part part part no")
        assert client.read_to_end() == b""
    assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
    assert list(server.errors) == []


# --- back-pressure -------------------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_suspends_send_and_loses_nothing() -> None:
    sent: list[int] = []
    suspended = threading.Event()

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        loop = asyncio.get_running_loop()
        for number in range(100):
            waiting = loop.call_later(0.2, suspended.set)  # unless it is cancelled: send() waits
            await send({"type": "websocket.send", "bytes": bytes([number]) * 1_000_000})
            waiting.cancel()
            sent.append(number)

    with running(body, write_buffer_bytes_max=65536) as server, WebSocketClient(server) as client:
        assert suspended.wait(30)
        assert len(sent) < 60
        for number in range(100):
            assert client.hear() == bytes([number]) * 1_000_000
        assert client.read_close()[0] == 1000


def test_an_application_that_does_not_receive_holds_its_client_up_and_loses_nothing() -> None:
    go_on = threading.Event()
    heard: list[int] = []

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await asyncio.to_thread(go_on.wait, 30)
        while (message := await receive())["type"] == "websocket.receive":
            heard.append(len(message["bytes"]))

    message = frame(BINARY, b"x" * 100_000)
    with running(body, ws_max_queue=4) as server, WebSocketClient(server) as client:
        client.socket.settimeout(0.3)
        sent = 0
        data = b""
        with pytest.raises(TimeoutError):
            while sent < 500 * len(message):
                data = data or message
                count = client.socket.send(data)
                sent, data = sent + count, data[count:]
        assert sent < 200 * len(message)
        client.socket.settimeout(30)
        go_on.set()
        client.send(data)
        client.close()
        assert client.read_close()[0] == 1000
        total = (sent + len(data)) // len(message)
    assert heard == [100_000] * total


def test_a_send_that_waits_is_told_when_the_client_goes() -> None:
    raised = threading.Event()

    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            while True:
                await send({"type": "websocket.send", "bytes": b"x" * 1_000_000})
        except ClientDisconnected:
            raised.set()
            raise

    with running(body) as server, WebSocketClient(server) as client:
        client.read_frame()
        client.reset()
        assert raised.wait(10)
    assert list(server.errors) == []
