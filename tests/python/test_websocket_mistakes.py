"""A WebSocket's messages that are refused: of wrong types, of values that can't be, out of order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgi_app import Receive, Scope, Send
from outrider import ProtocolError
from websocket_app import ACCEPT, BODY, CLOSING, HELLO, START, Message, running
from websocket_client import WebSocketClient


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
