"""A WebSocket's messages: what is told, what may be sent when, and what is refused."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import outrider
import pytest
from asgi_app import Receive, Scope, Send, serving
from outrider import ClientDisconnected, ProtocolError
from websocket_client import BINARY, CLOSE, TEXT, WebSocketClient, close_payload, frame

Eventually = Callable[[Callable[[], bool]], None]
Message = dict[str, Any]

ACCEPT = {"type": "websocket.accept"}
CLOSING = {"type": "websocket.close"}
HELLO = {"type": "websocket.send", "text": "hello"}
START = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"because")]}
BODY = {"type": "websocket.http.response.body", "body": b"no"}


def running(body: Callable[[Scope, Receive, Send], Awaitable[None]], **options: Any) -> outrider.Server:
    """A server of a WebSocket application that has been told of the connection already."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "websocket.connect"}
        await body(scope, receive, send)

    return serving(app, **options)


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


# --- what is refused -----------------------------------------------------------------------------------------------


def send(**message: Any) -> Message:
    return {"type": "websocket.send", **message}


def accept(**message: Any) -> Message:
    return {**ACCEPT, **message}


def close(**message: Any) -> Message:
    return {**CLOSING, **message}


WRONG: list[tuple[list[Message], Any, type[Exception], str]] = [
    # Before the accept.
    ([], HELLO, ProtocolError, "'websocket.send' was sent before 'websocket.accept'"),
    ([], BODY, ProtocolError, "was sent before 'websocket.http.response.start'"),
    ([], "text", TypeError, "must be a dict"),
    ([], {}, ValueError, "must have a 'type'"),
    ([], {"type": "http.response.start", "status": 200}, ValueError, "a WebSocket is 'websocket.accept', then"),
    ([], {"type": None}, ValueError, "unknown ASGI message type None"),
    ([], accept(subprotocol="three"), ProtocolError, "must be one of scope\\['subprotocols'\\].*not 'three'"),
    ([], accept(subprotocol="\ud800"), ProtocolError, "must be one of"),
    ([], accept(subprotocol=""), ProtocolError, "must be one of"),
    ([], accept(subprotocol=b"one"), TypeError, "'subprotocol' of 'websocket.accept' must be a str"),
    ([], accept(headers=[(b"Sec-WebSocket-Protocol", b"one")]), ProtocolError, "give 'subprotocol'"),
    ([], accept(headers=[(b"sec-websocket-accept", b"x")]), ProtocolError, "only the server can set"),
    ([], accept(headers=[(b"sec-websocket-extensions", b"x")]), ProtocolError, "only the server can set"),
    ([], accept(headers=[(b"upgrade", b"x")]), ProtocolError, "only the server can set"),
    ([], accept(headers=[(b"x y", b"x")]), ProtocolError, "token"),
    ([], accept(headers=[("x", "y")]), TypeError, "must be bytes"),
    ([], accept(headers=None), TypeError, "headers must be"),
    ([], {**START, "status": 101}, ProtocolError, "101"),
    ([], {**START, "status": "200"}, TypeError, "'status' of 'websocket.http.response.start' must be an int"),
    # Within a response.
    ([START], ACCEPT, ProtocolError, "after 'websocket.http.response.start'"),
    ([START], START, ProtocolError, "after 'websocket.http.response.start'"),
    ([START], CLOSING, ProtocolError, "after 'websocket.http.response.start'"),
    ([START], {**BODY, "body": "no"}, TypeError, "'body' of 'websocket.http.response.body' must be bytes"),
    ([START], {**BODY, "more_body": 1}, TypeError, "'more_body' must be True or False"),
    # After the accept.
    ([ACCEPT], ACCEPT, ProtocolError, "'websocket.accept' was sent after 'websocket.accept'"),
    ([ACCEPT], START, ProtocolError, "after 'websocket.accept'"),
    ([ACCEPT], BODY, ProtocolError, "after 'websocket.accept'"),
    ([ACCEPT], send(), ValueError, "must have 'text' or 'bytes'"),
    ([ACCEPT], send(text=None, bytes=None), ValueError, "must have 'text' or 'bytes'"),
    ([ACCEPT], send(text="a", bytes=b"a"), ValueError, "has both 'text' and 'bytes'"),
    ([ACCEPT], send(text=b"a"), TypeError, "'text' of 'websocket.send' must be a str"),
    ([ACCEPT], send(bytes="a"), TypeError, "'bytes' of 'websocket.send' must be bytes"),
    ([ACCEPT], send(text="\ud800"), ProtocolError, "'text' has a lone surrogate"),
    ([ACCEPT], close(code="1000"), TypeError, "'code' of 'websocket.close' must be an int"),
    ([ACCEPT], close(code=True), TypeError, "'code' of 'websocket.close' must be an int"),
    *(
        ([ACCEPT], close(code=code), ProtocolError, f"RFC 6455 section 7.4.*{code}")
        for code in (-1, 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 2**70)
    ),
    ([ACCEPT], close(reason=b"x"), TypeError, "'reason' of 'websocket.close' must be a str"),
    ([ACCEPT], close(reason="é" * 62), ProtocolError, "more than 123 bytes"),
    ([ACCEPT], close(reason="\udfff"), ProtocolError, "'reason' has a lone surrogate"),
    # After the end.
    ([ACCEPT, CLOSING], HELLO, ProtocolError, "'websocket.send' was sent after 'websocket.close'"),
    ([ACCEPT, CLOSING], CLOSING, ProtocolError, "after 'websocket.close'"),
    ([CLOSING], ACCEPT, ProtocolError, "has refused the handshake"),
    ([START, BODY], BODY, ProtocolError, "after the response was complete"),
]


@pytest.mark.parametrize(("before", "wrong", "kind", "words"), WRONG)
def test_a_wrong_message_is_refused_clearly_and_the_websocket_stays_usable(
    before: list[Message], wrong: Any, kind: type[Exception], words: str
) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        for message in before:
            await send(message)
        with pytest.raises(kind, match=words):
            await send(wrong)
        rest: dict[str, list[Message]] = {
            "": [accept(subprotocol="one"), HELLO, CLOSING],
            "websocket.accept": [HELLO, CLOSING],
            "websocket.http.response.start": [BODY],
        }
        for message in rest.get(before[-1]["type"] if before else "", []):
            await send(message)

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask("/", "Sec-WebSocket-Protocol: one, two")
        if answer.status == 101:
            if len(before) < 2:
                assert client.hear() == "hello"
            assert client.read_close()[0] == 1000
            client.close()
            client.read_to_end()
        else:
            assert answer.status in (401, 403)
    assert list(server.errors) == []


@pytest.mark.parametrize("wrong", [HELLO, accept(subprotocol="three"), {**START, "status": 1}])
def test_a_refused_message_that_the_application_lets_out_before_the_accept_is_a_500(wrong: Message) -> None:
    async def body(scope: Scope, receive: Receive, send: Send) -> None:
        await send(wrong)

    with running(body) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask()
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert [type(error) for error in server.errors] == [ProtocolError]


def test_a_message_that_sends_another_while_it_is_read_comes_after_it() -> None:
    class Text(str):
        def __repr__(self) -> str:
            sends.append(self)
            return "a text"

    class Key(str):
        """Compares equal to 'text', and sends when it is compared."""

        def __hash__(self) -> int:
            return hash("text")

        def __eq__(self, other: object) -> bool:
            if not sends:
                sends.append("in between")
                inner_send(send(text="inner"))
            return other == "text"

    sends: list[str] = []
    inner_send: Callable[[Message], Any]

    async def body(scope: Scope, receive: Receive, application_send: Send) -> None:
        nonlocal inner_send
        inner_send = application_send
        await application_send(ACCEPT)
        await application_send({"type": "websocket.send", Key("text"): "outer"})

    with running(body) as server, WebSocketClient(server) as client:
        assert [client.hear(), client.hear()] == ["inner", "outer"]


# --- exceptions and ends -------------------------------------------------------------------------------------------


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
