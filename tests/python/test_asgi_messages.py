"""What send() takes and what it refuses, each with an exception that says why and a response that is right."""

from __future__ import annotations

import asyncio
import gc
from collections import UserDict, namedtuple
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Scope, Send, exception_from_send, serving
from wire_client import Answer, WireClient

BODY = "http.response.body"


def answer_to(*messages: dict[str, Any], method: str = "GET") -> Answer:
    """What a client gets of these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with serving(app, server_header=False, date_header=False) as server, WireClient(server) as client:
        answers = []
        for _ in range(2):  # the connection goes on
            client.send(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
            answers.append(client.answer(method))
        assert server.errors == []
        assert answers[0] == answers[1]
        return answers[0]


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("200", TypeError, "must be an int, not '200'"),
        (True, TypeError, "must be an int, not True"),
        (200.0, TypeError, "must be an int, not 200.0"),
        (None, TypeError, "must be an int, not None"),
        (b"200", TypeError, "must be an int"),
        (-1, outrider.ProtocolError, "status code"),
        (0, outrider.ProtocolError, "status code"),
        (100, outrider.ProtocolError, "status code"),
        (101, outrider.ProtocolError, "status code"),
        (199, outrider.ProtocolError, "status code"),
        (1000, outrider.ProtocolError, "status code"),
        (2**40, outrider.ProtocolError, "status code"),
        (2**80, outrider.ProtocolError, "status code"),
        (-(2**80), outrider.ProtocolError, "status code"),
    ],
)
def test_a_status_that_is_none_is_refused(status: Any, kind: type[BaseException], words: str) -> None:
    error, answered = exception_from_send({**OK, "status": status})
    assert type(error) is kind
    assert words in str(error)
    assert answered == 500


@pytest.mark.parametrize("status", [200, HTTPStatus.CREATED, 299, 404, 599, 600, 999])
def test_a_status_of_three_digits_is_sent(status: int) -> None:
    assert answer_to({**OK, "status": status}, DONE).status == status


Pair = namedtuple("Pair", "name value")


def generated() -> Iterator[Any]:
    yield (b"a", b"1")
    yield [b"b", b"2"]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"a", b"1"), (b"b", b"2")],
        ((b"a", b"1"), (b"b", b"2")),
        [[b"a", b"1"], [b"b", b"2"]],
        [Pair(b"a", b"1"), Pair(b"b", b"2")],
        {b"a": b"1", b"b": b"2"}.items(),
        [iter((b"a", b"1")), (b"b", b"2")],
        zip([b"a", b"b"], [b"1", b"2"], strict=True),
    ],
)
def test_headers_may_be_any_iterable_of_pairs(headers: Any) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**OK, "headers": headers})
        await send(DONE)

    with serving(app, server_header=False, date_header=False) as server, WireClient(server) as client:
        assert client.get().headers == [("a", "1"), ("b", "2"), ("content-length", "4")]


def test_headers_may_come_from_a_generator_and_may_be_missing() -> None:
    assert answer_to({"type": OK["type"], "status": 200}, DONE).headers == [("content-length", "4")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**OK, "headers": generated()})
        await send(DONE)

    with serving(app, server_header=False, date_header=False) as server, WireClient(server) as client:
        for _ in range(2):
            assert client.get().headers == [("a", "1"), ("b", "2"), ("content-length", "4")]


@pytest.mark.parametrize(
    ("headers", "kind", "words"),
    [
        (None, TypeError, "iterable of (name, value) pairs"),
        (5, TypeError, "iterable of (name, value) pairs"),
        ("ab", TypeError, "iterable of (name, value) pairs, not 'ab'"),
        (b"ab", TypeError, "iterable of (name, value) pairs, not b'ab'"),
        (bytearray(b"ab"), TypeError, "iterable of (name, value) pairs, not bytearray"),
        ({b"ab": b"cd"}, TypeError, "iterable of (name, value) pairs, not {b'ab'"),
        ([5], TypeError, "a (name, value) pair, not 5"),
        ([None], TypeError, "a (name, value) pair, not None"),
        ([()], ValueError, "a (name, value) pair, not ()"),
        ([(b"a", b"b", b"c")], ValueError, "a (name, value) pair, not (b'a', b'b', b'c')"),
        ([("a", b"b")], TypeError, "must be bytes, not ('a', b'b')"),
        ([(b"a", "b")], TypeError, "must be bytes"),
        ([(b"a", 1)], TypeError, "must be bytes"),
        ([(b"a", None)], TypeError, "must be bytes"),
        ([(bytearray(b"a"), b"b")], TypeError, "must be bytes"),
        ([(b"a", memoryview(b"b"))], TypeError, "must be bytes"),
        (["ab"], TypeError, "must be bytes"),
        ([b"ab"], TypeError, "must be bytes"),
        ([(b"", b"b")], outrider.ProtocolError, "token"),
        ([(b"a b", b"c")], outrider.ProtocolError, "token"),
        ([(b"a:", b"c")], outrider.ProtocolError, "token"),
        ([(b":status", b"200")], outrider.ProtocolError, "token"),
        ([(b"\xc3\xa9", b"c")], outrider.ProtocolError, "token"),
        ([(b"a", b"b\nc: d")], outrider.ProtocolError, "control character"),
        ([(b"a", b"b\r")], outrider.ProtocolError, "control character"),
        ([(b"a", b"b\0")], outrider.ProtocolError, "control character"),
        ([(b"a\r\nb", b"c")], outrider.ProtocolError, "token"),
        ([(b"connection", b"close\r\nx: y")], outrider.ProtocolError, "control character"),
        ([(b"upgrade", b"websocket")], outrider.ProtocolError, "only the server can set"),
        ([(b"content-length", b"4"), (b"content-length", b"4")], outrider.ProtocolError, "content-length"),
        ([(b"content-length", b"+4")], outrider.ProtocolError, "content-length"),
        ([(b"content-length", b"4, 4")], outrider.ProtocolError, "content-length"),
        ([(b"content-length", b"18446744073709551616")], outrider.ProtocolError, "content-length"),
    ],
)
def test_headers_that_are_none_are_refused(headers: Any, kind: type[BaseException], words: str) -> None:
    error, answered = exception_from_send({**OK, "headers": headers})
    assert type(error) is kind
    assert words.lower() in str(error).lower()
    assert answered == 500


def test_an_exception_in_a_generator_of_headers_goes_to_the_application() -> None:
    def headers() -> Iterator[Any]:
        yield (b"a", b"b")
        raise LookupError("no more headers")

    error, answered = exception_from_send({**OK, "headers": headers()})
    assert type(error) is LookupError
    assert answered == 500


@pytest.mark.parametrize(
    ("body", "words"),
    [("text", "must be bytes, not 'text'"), (None, "must be bytes, not None"), (4, "not 4"), ([b"a"], "not [b'a']")],
)
def test_a_body_that_is_none_is_refused(body: Any, words: str) -> None:
    error, answered = exception_from_send(OK, {"type": BODY, "body": body})
    assert type(error) is TypeError
    assert words in str(error)
    assert answered == 500


@pytest.mark.parametrize("more_body", ["false", "", 1, 0, None, [], b""])
def test_more_body_that_is_no_bool_is_refused(more_body: Any) -> None:
    error, answered = exception_from_send(OK, {"type": BODY, "body": b"a", "more_body": more_body})
    assert type(error) is TypeError
    assert "'more_body' must be True or False" in str(error)
    assert answered == 500


def test_a_body_may_be_missing_or_empty_or_a_buffer_of_any_shape() -> None:
    assert answer_to(OK, {"type": BODY}).body == b""
    assert answer_to(OK, {"type": BODY, "body": b""}).body == b""
    assert answer_to(OK, {"type": BODY, "body": memoryview(b"abcdef")[::2]}).body == b"ace"
    assert answer_to(OK, {"type": BODY, "body": memoryview(b"abcd").cast("H")}).body == b"abcd"


def test_a_buffer_that_changes_after_send_was_sent_as_it_was() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        buffer = bytearray(b"a" * 100_000)
        await send({"type": BODY, "body": buffer, "more_body": True})
        buffer[:] = b"b" * 100_000
        await send({"type": BODY})

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == b"a" * 100_000


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        (None, TypeError, "must be a dict, not None"),
        ([], TypeError, "must be a dict, not []"),
        (UserDict(OK), TypeError, "must be a dict"),
        ({"status": 200}, ValueError, "must have a 'type'"),
        ({"type": None}, ValueError, "unknown ASGI message type None"),
        ({"type": b"http.response.start", "status": 200}, ValueError, "unknown ASGI message type b'http"),
        ({"type": "http.request"}, ValueError, "unknown ASGI message type 'http.request'"),
        ({"type": "websocket.accept"}, ValueError, "unknown ASGI message type 'websocket.accept'"),
        ({"type": "http.response.start"}, TypeError, "must have a 'status'"),
    ],
)
def test_what_is_no_message_is_refused(message: Any, kind: type[BaseException], words: str) -> None:
    error, answered = exception_from_send(message)
    assert type(error) is kind
    assert words in str(error)
    assert answered == 500


def test_keys_that_are_not_known_change_nothing() -> None:
    start = {**OK, "reason": "Fine", 5: 6}
    assert answer_to(start, {**DONE, "more_trailers": True, None: ()}).body == b"done"


def test_a_subclass_of_dict_and_types_made_at_run_time_are_messages() -> None:
    class Message(dict[str, Any]):
        pass

    start = Message(type="".join(["http.", "response.start"]), status=200)
    assert answer_to(start, Message(type="".join(["http.", "response.body"]), body=b"x")).body == b"x"


def test_the_message_may_be_given_by_name_and_nothing_else_may_be_given() -> None:
    raised: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Any) -> None:
        for arguments, keywords in [((), {}), ((OK, DONE), {}), ((), {"msg": OK}), ((OK,), {"message": OK})]:
            try:
                await send(*arguments, **keywords)
            except TypeError as error:
                raised.append(str(error))
        try:
            await receive(1)  # type: ignore[call-arg]
        except TypeError as error:
            raised.append(str(error))
        await send(message=OK)
        await send(message=DONE)

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == b"done"
    assert raised == ["send() takes one argument, the message"] * 4 + ["receive() takes no arguments"]


def test_what_was_refused_leaves_nothing_behind_when_the_application_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for bad in (
            DONE,
            {**OK, "status": 99},
            {**OK, "headers": [(b"x-left", b"1"), (b"x", b"\n")]},
            {**OK, "status": 404, "headers": [(b"x-left", b"1"), ("x", b"")]},
        ):
            with pytest.raises((outrider.ProtocolError, TypeError)):
                await send(bad)
        await send({**OK, "headers": [(b"content-length", b"5")]})
        for content, more in ((b"toolong", False), (b"toolong", True), (b"shor", False)):
            with pytest.raises(outrider.ProtocolError):
                await send({"type": BODY, "body": content, "more_body": more})
        with pytest.raises(TypeError):
            await send({"type": BODY, "body": "12345"})
        await send({"type": BODY, "body": b"right"})

    with serving(app, server_header=False, date_header=False) as server, WireClient(server) as client:
        for _ in range(2):
            answer = client.get()
            assert (answer.status, answer.headers, answer.body) == (200, [("content-length", "5")], b"right")
        assert server.errors == []


@pytest.mark.parametrize(("length", "pieces"), [(3, [b"ab", b"cd"]), (5, [b"ab", b"cd"]), (0, [b"a"]), (1, [b""])])
def test_content_of_another_length_cuts_a_response_that_has_begun(length: int, pieces: list[bytes]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**OK, "headers": [(b"content-length", str(length).encode())]})
        await send({"type": BODY, "body": b"", "more_body": True})  # the head leaves
        for piece in pieces:
            await send({"type": BODY, "body": piece, "more_body": True})
        await send({"type": BODY})

    with serving(app) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        raw = client.read_to_end()
        head, _, content = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and raw.count(b"HTTP/1.1") == 1
        assert len(content) <= length and b"".join(pieces).startswith(content)
        assert isinstance(server.errors[0], outrider.ProtocolError)
        assert len(server.errors) == 1


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD"), (404, "HEAD")])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_response_without_content_has_none_whatever_was_sent(status: int, method: str, is_streamed: bool) -> None:
    start = {**OK, "status": status}
    pieces = [{"type": BODY, "body": b"content", "more_body": True}] if is_streamed else []
    answer = answer_to(start, *pieces, {"type": BODY, "body": b"content"}, method=method)
    assert answer.body == b""
    assert answer.status == status
    if status in (204, 304):
        assert answer.header("content-length") is answer.header("transfer-encoding") is None


def test_the_length_of_content_that_is_not_sent_may_be_told_for_head_and_304() -> None:
    start = {**OK, "headers": [(b"content-length", b"7")]}
    assert answer_to(start, {"type": BODY}, method="HEAD").header("content-length") == "7"
    assert answer_to({**start, "status": 304}, {"type": BODY}).header("content-length") == "7"
    assert answer_to({**start, "status": 204}, {"type": BODY}).header("content-length") is None


@pytest.mark.parametrize("coding", [b"chunked", b"gzip, chunked", b"identity", b"gzip"])
def test_a_transfer_encoding_of_the_applications_is_ignored(coding: bytes) -> None:
    start = {**OK, "headers": [(b"Transfer-Encoding", coding), (b"content-encoding", b"x")]}
    assert answer_to(start, DONE).headers == [("content-encoding", "x"), ("content-length", "4")]
    streamed = answer_to(start, {**DONE, "more_body": True}, {"type": BODY})
    assert streamed.headers == [("content-encoding", "x"), ("transfer-encoding", "chunked")]
    assert streamed.body == b"done"


def test_fields_go_out_in_their_order_and_as_often_as_they_were_given() -> None:
    fields = [(b"set-cookie", b"a=1"), (b"x", b"1"), (b"set-cookie", b"b=2"), (b"X", b"\xe9"), (b"y", b"")]
    answer = answer_to({**OK, "headers": fields}, DONE)
    assert [(n.encode(), v.encode("latin-1")) for n, v in answer.headers[:5]] == fields


def test_an_error_shows_enough_of_the_culprit_and_no_more() -> None:
    error, _ = exception_from_send({**OK, "headers": [(b"content-length", b"1")]}, {"type": BODY, "body": b"x" * 10**6})
    assert len(str(error)) < 400
    error, _ = exception_from_send({**OK, "headers": [(b"a", "x" * 10**6)]})
    assert len(str(error)) < 400


class Sends:
    """Runs some code wherever the reading of a message can run any."""

    def __init__(self, code: Any) -> None:
        self._code = code
        self._has_run = False

    def _run(self) -> None:
        if not self._has_run:
            self._has_run = True
            self._code()

    def __iter__(self) -> Iterator[Any]:
        self._run()
        return iter([(b"x-outer", b"1")])

    def __repr__(self) -> str:
        self._run()
        return "Sends"

    def __hash__(self) -> int:
        return hash("type")

    def __eq__(self, other: object) -> bool:
        self._run()
        return False


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    "outer",
    [
        lambda it: {**OK, "headers": it},
        lambda it: {**OK, "headers": [(b"a", b"b"), it]},
        lambda it: {**OK, "status": it},
        lambda it: {**OK, "headers": [(b"a", it)]},
        lambda it: {it: 1, **OK},
        lambda it: {"type": it},
        lambda it: {"type": BODY, "body": it},
        lambda it: {"type": BODY, "more_body": it},
    ],
)
def test_a_message_that_sends_another_one_while_it_is_read_comes_after_it(outer: Any, ends: bool) -> None:
    inner = [{**OK, "status": 201}] + ([{**DONE, "body": b"inner"}] if ends else [])
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        def code() -> None:
            for message in inner:
                send(message)  # what it does, it does when it is called

        try:
            await send(outer(Sends(code)))
        except Exception as error:
            raised.append(error)
        if not ends:
            await send({**DONE, "body": b"inner"})

    with serving(app) as server, WireClient(server) as client:
        for _ in range(2):
            answer = client.get()
            assert (answer.status, answer.body, answer.header("x-outer")) == (201, b"inner", None)
        assert server.errors == []
    assert [type(error) for error in raised] in ([type(raised[0])] * 2, [outrider.ProtocolError] * 2)


def test_a_finalizer_that_sends_while_a_message_is_made_is_harmless() -> None:
    class Finalizer:
        def __init__(self, send: Send) -> None:
            self.send, self.me = send, self

        def __del__(self) -> None:
            self.send(OK)
            self.send(DONE)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        Finalizer(send)
        await asyncio.sleep(0)
        gc.collect()
        assert (await receive())["type"] == "http.disconnect"

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == b"done"
        assert server.errors == []


def test_an_application_that_sends_without_end_lets_others_have_their_turn() -> None:
    turns = 0

    async def sends(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal turns

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counter = asyncio.create_task(count())
        await send({"type": "http.response.start", "status": 200})
        while turns < 10:  # for ever, if no send lets the counter run
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body"})
        counter.cancel()

    with outrider.serve(sends, lifespan="off") as server, WireClient(server) as client:
        body = client.get().body
    assert set(body) == {ord("x")}
