"""What an ASGI application is given, and what is made of what it says (ASGI 3.0, HTTP and lifespan)."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from pathlib import Path
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Recorder, Scope, Send, exception_from_send, scope_of, serving
from wire_client import WireClient


def test_the_scope_has_every_field_of_the_specification() -> None:
    scope = scope_of("PATCH /a%20b/%C3%A9?x=1&y=%20 HTTP/1.1\r\nHost: test:80\r\nX-Two: 1\r\nX-Two:  2 \r\n\r\n")
    assert scope["type"] == "http"
    assert scope["asgi"]["version"] == "3.0"
    assert scope["http_version"] == "1.1"
    assert scope["method"] == "PATCH"
    assert scope["scheme"] == "http"
    assert scope["path"] == "/a b/é"
    assert scope["raw_path"] == b"/a%20b/%C3%A9"
    assert scope["query_string"] == b"x=1&y=%20"
    assert scope["root_path"] == ""
    assert scope["headers"] == [(b"host", b"test:80"), (b"x-two", b"1"), (b"x-two", b"2")]


def test_the_scope_names_both_ends_of_the_connection() -> None:
    app = Recorder()
    with serving(app) as server, WireClient(server) as client:
        client.get()
        assert app.scopes[0]["client"] == client.socket.getsockname()
        assert app.scopes[0]["server"] == server.addresses[0]


def test_a_unix_socket_is_its_path_as_the_server_and_none_as_the_client(tmp_path: Path) -> None:
    app = Recorder()
    path = str(tmp_path / "s")
    with serving(app, uds=path) as server, WireClient(server) as client:
        client.get()
        assert server.url.startswith("http+unix://")
        assert app.scopes[0]["server"] == (path, None)
        assert app.scopes[0]["client"] is None
    assert not Path(path).exists()


def test_root_path_is_in_front_of_path_and_raw_path() -> None:
    scope = scope_of("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", root_path="/api")
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/api", "/api/x", b"/api/x")


def test_http_1_0_is_said_and_needs_no_host() -> None:
    scope = scope_of("GET / HTTP/1.0\r\n\r\n")
    assert scope["http_version"] == "1.0"
    assert scope["headers"] == []


def test_a_path_that_is_not_utf_8_has_replacement_characters() -> None:
    assert scope_of("GET /%FF HTTP/1.1\r\nHost: a\r\n\r\n")["path"] == "/\ufffd"


def test_a_percent_sign_without_two_digits_stays() -> None:
    assert scope_of("GET /100%/%zz HTTP/1.1\r\nHost: a\r\n\r\n")["path"] == "/100%/%zz"


def test_scopes_of_two_requests_are_independent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = repr(sorted(set(scope) - {"type"})).encode()
        scope["leak"] = True
        scope["headers"].clear()
        await send(OK)
        await send({"type": "http.response.body", "body": body})

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == client.get().body


def test_state_of_the_lifespan_is_copied_into_each_scope() -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["shared"] = ["from lifespan"]
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(dict(scope["state"]))
        scope["state"]["mine"] = True
        await send(OK)
        await send(DONE)

    with serving(app, lifespan="on") as server, WireClient(server) as client:
        client.get()
        client.get()
    assert seen == [{"shared": ["from lifespan"]}] * 2


def test_no_state_without_a_lifespan() -> None:
    assert "state" not in scope_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await send(OK)
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        await send({"type": "http.response.body", "body": message["body"], "more_body": message["more_body"]})
        if not message["more_body"]:
            return


def test_a_body_of_known_length_arrives_whole() -> None:
    with serving(echo) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        assert client.answer().body == b"hello"


def test_a_chunked_body_is_decoded() -> None:
    with serving(echo) as server, WireClient(server) as client:
        client.send(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
        )
        assert client.answer().body == b"hello"


def test_a_large_body_goes_both_ways_at_once() -> None:
    body = bytes(range(256)) * 4096 * 8
    with serving(echo) as server, WireClient(server) as client:
        client.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n")
        sender = threading.Thread(target=client.send, args=(body,))
        sender.start()
        assert client.answer().body == body
        sender.join()


def test_expect_100_continue_is_answered_when_the_application_asks_for_the_body() -> None:
    with serving(echo) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send("hi")
        assert client.answer().body == b"hi"


def test_an_application_that_answers_without_the_body_sends_no_100_continue() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.header("connection")) == (403, "close")


def test_pipelined_requests_are_answered_in_order() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.01)
        await send(OK)
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    with serving(app) as server, WireClient(server) as client:
        for path in ("/slow", "/b", "/slow", "/d"):
            client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [client.answer().body for _ in range(4)] == [b"/slow", b"/b", b"/slow", b"/d"]


def test_the_response_has_a_length_when_it_is_sent_in_one_piece() -> None:
    with serving(Recorder()) as server, WireClient(server) as client:
        answer = client.get()
    assert answer.header("content-length") == "4"
    assert answer.header("server") == "outrider"
    assert answer.header("date") is not None


def test_server_and_date_can_be_left_out() -> None:
    with serving(Recorder(), server_header=False, date_header=False) as server, WireClient(server) as client:
        assert client.get().headers == [("content-length", "4")]


def test_a_streamed_response_is_chunked_and_http_1_0_ends_by_closing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        for part in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    with serving(app) as server, WireClient(server) as client:
        answer = client.get()
        assert (answer.body, answer.header("transfer-encoding")) == (b"onetwo", "chunked")
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        raw = client.read_to_end()
    assert raw.endswith(b"\r\n\r\nonetwo")
    assert b"connection: close" in raw


def test_head_sends_the_head_that_get_would_have() -> None:
    with serving(Recorder()) as server, WireClient(server) as client:
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = client.answer("HEAD")
        assert (answer.header("content-length"), answer.body) == ("4", b"")
        assert client.get().body == b"done"


@pytest.mark.parametrize(
    ("messages", "kind", "words"),
    [
        (["text"], TypeError, "must be a dict"),
        ([{}], ValueError, "must have a 'type'"),
        ([{"type": "http.response.bogus"}], ValueError, "unknown ASGI message type"),
        ([DONE], outrider.ProtocolError, "before 'http.response.start'"),
        ([OK, OK], outrider.ProtocolError, "was sent already"),
        ([{"type": "http.response.start"}], TypeError, "'status'"),
        ([{**OK, "status": "200"}], TypeError, "must be an int"),
        ([{**OK, "status": 99}], outrider.ProtocolError, "status code"),
        ([{**OK, "status": 1000}], outrider.ProtocolError, "status code"),
        ([{**OK, "headers": 5}], TypeError, "iterable"),
        ([{**OK, "headers": [(b"a",)]}], ValueError, "pair"),
        ([{**OK, "headers": [("a", "b")]}], TypeError, "must be bytes"),
        ([{**OK, "headers": [(b"a", b"b\r\nc: d")]}], outrider.ProtocolError, "control character"),
        ([{**OK, "headers": [(b"a\nb", b"c")]}], outrider.ProtocolError, "token"),
        ([{**OK, "headers": [(b"content-length", b"x")]}], outrider.ProtocolError, "content-length"),
        ([{**OK, "headers": [(b"content-length", b"3")]}, DONE], outrider.ProtocolError, "longer"),
        ([{**OK, "headers": [(b"content-length", b"5")]}, DONE], outrider.ProtocolError, "shorter"),
        ([OK, {"type": "http.response.body", "body": "text"}], TypeError, "must be bytes"),
    ],
)
def test_a_message_that_breaks_the_rules_is_refused_and_the_client_gets_a_500(
    messages: list[Any], kind: type[BaseException], words: str
) -> None:
    error, status = exception_from_send(*messages)
    assert isinstance(error, kind)
    assert words in str(error)
    assert status == 500


def test_a_message_after_the_end_is_refused_and_the_response_stands() -> None:
    error, status = exception_from_send(OK, DONE, DONE)
    assert isinstance(error, outrider.ProtocolError)
    assert status == 200


def test_a_body_may_be_any_buffer() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        await send({"type": "http.response.body", "body": bytearray(b"one"), "more_body": True})
        await send({"type": "http.response.body", "body": memoryview(b"two")})

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == b"onetwo"


def test_an_exception_before_the_response_is_a_500_and_the_connection_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bad":
            raise LookupError("gone wrong")
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        assert client.get("/bad").status == 500
        assert client.get("/").status == 200
        assert [str(error) for error in server.errors] == ["gone wrong"]


def test_an_exception_within_the_response_cuts_the_connection() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise LookupError("gone wrong")

    with serving(app) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"\r\n0\r\n" not in client.read_to_end()


def test_an_application_that_returns_without_an_answer_is_a_500() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with serving(app) as server, WireClient(server) as client:
        assert client.get().status == 500


def test_an_application_that_is_no_coroutine_function_is_a_500() -> None:
    def app(scope: Scope, receive: Receive, send: Send) -> Any:
        return None

    with serving(app) as server, WireClient(server) as client:
        assert client.get().status == 500
        assert isinstance(server.errors[0], TypeError)


def test_receive_says_disconnect_when_the_client_goes_and_send_then_raises_an_oserror() -> None:
    told = threading.Event()
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        assert (await receive())["type"] == "http.disconnect"
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            raised.append(error)
        told.set()

    with serving(app) as server:
        with WireClient(server) as client:
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.recv(10)
        assert told.wait(10)
        assert isinstance(raised[0], outrider.ClientDisconnected)


def test_receive_after_the_response_says_disconnect() -> None:
    messages: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        await send(DONE)
        messages.append((await receive())["type"])

    with serving(app) as server, WireClient(server) as client:
        client.get()
        client.get()
    assert messages == ["http.disconnect"] * 2


def test_two_receives_at_once_lose_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first, second = await asyncio.gather(receive(), receive())
        await send(OK)
        await send({"type": "http.response.body", "body": first["body"] + second["body"]})

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
        while server.call(lambda: None) or not server._engine.exchange_count:  # type: ignore[union-attr]
            pass
        client.send("b")
        assert client.answer().body == b"ab"


def test_one_result_of_receive_is_awaited_by_one_task() -> None:
    errors: list[BaseException | None] = []
    is_refused = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        result = receive()
        first = asyncio.ensure_future(result)
        await asyncio.sleep(0)
        second = asyncio.ensure_future(as_coroutine(result))
        await asyncio.wait([second], timeout=10)
        errors.append(second.exception())
        is_refused.set()
        await send(OK)
        await send({"type": "http.response.body", "body": (await first)["body"]})

    async def as_coroutine(awaitable: Any) -> Any:
        return await awaitable

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        assert is_refused.wait(20)
        client.send("b")
        assert client.answer().body == b"b"
    assert [type(error) for error in errors] == [RuntimeError]
    assert "awaited already" in str(errors[0])


def test_who_awaits_what_a_cancelled_task_waited_for_is_not_cancelled() -> None:
    is_waiting = threading.Event()

    async def as_coroutine(awaitable: Any) -> Any:
        return await awaitable

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        result = receive()
        first = asyncio.ensure_future(as_coroutine(result))
        await asyncio.sleep(0)
        first.cancel()
        is_waiting.set()
        message = await result  # before the cancellation got to the task
        assert first.cancelled()
        await send(OK)
        await send({"type": "http.response.body", "body": message["body"]})

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        assert is_waiting.wait(20)
        client.send("b")
        assert client.answer().body == b"b"


def test_receive_and_send_are_coroutine_functions_to_those_who_ask() -> None:
    answers: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ask = inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction
        answers.extend([ask(receive), ask(send)])
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.get()
    assert answers == [True, True]


def test_a_slow_reader_suspends_send_and_memory_stays_bounded() -> None:
    sent = [0]
    piece = b"x" * 65536

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        for _ in range(2000):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent[0] += 1
        await send({"type": "http.response.body"})

    with serving(app) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.socket.recv(1)
        last = -1
        while last != sent[0]:  # until nothing moves for a while
            last = sent[0]
            threading.Event().wait(0.05)
        assert sent[0] < 1000
        total = 0
        while chunk := client.socket.recv(1 << 20):
            total += len(chunk)
            if chunk.endswith(b"0\r\n\r\n"):
                break
        assert total > 2000 * 65536


def test_send_from_another_thread_is_refused_with_advice() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(RuntimeError, match="run_coroutine_threadsafe"):
            await asyncio.to_thread(send, OK)
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        assert client.get().status == 200


def test_receive_and_send_are_harmless_when_kept_beyond_the_request() -> None:
    kept: list[tuple[Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept.append((receive, send))
        await send(OK)
        await send(DONE)

    async def use() -> None:
        for receive, send in kept:
            assert (await receive())["type"] == "http.disconnect"
            with pytest.raises(outrider.ProtocolError):
                await send(DONE)
            assert "receive" in repr(receive)
            assert "send" in repr(send)

    with serving(app) as server:
        with WireClient(server) as client:
            client.get()
            client.get()
            server.run_coroutine(use())
        server.run_coroutine(use())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_a_malformed_request_is_refused_and_the_application_not_called(request_bytes: bytes, status: int) -> None:
    app = Recorder()
    with serving(app) as server, WireClient(server) as client:
        client.send(request_bytes)
        raw = client.read_to_end()
        assert int(raw[9:12]) == status
        assert b"connection: close" in raw
    assert app.scopes == []


def test_a_body_above_the_limit_is_answered_413() -> None:
    with serving(echo, body_bytes_max=10) as server:
        with WireClient(server) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
            assert client.answer().status == 413
        with WireClient(server) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789")
            assert client.answer().body == b"0123456789"
