"""How a request of an application ends: early, late, in an exception, without its client; and what uses of receive()
and send() come to around that."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Scope, Send, serving
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]
PART = {"type": "http.response.body", "body": b"part", "more_body": True}
REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EXCEPTIONS = [LookupError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit, BaseException]


def reset(client: WireClient) -> None:
    """Breaks the connection off."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


class Raises:
    """Raises an exception at a moment of its response; at "/" it answers."""

    def __init__(self, kind: type[BaseException], after: list[dict[str, Any]], awaits: bool) -> None:
        self.kind, self.after, self.awaits = kind, after, awaits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await send(OK)
            await send(DONE)
            return
        for message in self.after:
            await send(message)
        if self.awaits:
            await asyncio.sleep(0)
        raise self.kind("gone wrong")


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("kind", EXCEPTIONS)
@pytest.mark.parametrize("after", [[], [OK]])
def test_what_is_raised_before_anything_left_is_a_500_once_and_the_connection_goes_on(
    kind: type[BaseException], after: list[dict[str, Any]], awaits: bool
) -> None:
    with serving(Raises(kind, after, awaits)) as server, WireClient(server) as client:
        client.send("GET /raise HTTP/1.1\r\nHost: a\r\n\r\n" + REQUEST)
        answer = client.answer()
        assert (answer.status, answer.body) == (500, b"Internal Server Error")
        assert answer.header("connection") is None
        assert client.answer().body == b"done"
        assert [type(error) for error in server.errors] == [kind]
        assert [(request.path, request.status) for request in server.requests] == [("/raise", 500), ("/", 200)]


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_what_is_raised_within_a_response_cuts_the_connection(kind: type[BaseException], awaits: bool) -> None:
    with serving(Raises(kind, [OK, PART], awaits)) as server:
        with WireClient(server) as client:
            client.send("GET /raise HTTP/1.1\r\nHost: a\r\n\r\n" + REQUEST)
            raw = client.read_to_end()
            assert raw.count(b"HTTP/1.1") == 1
            assert b"\r\n0\r\n" not in raw
        with WireClient(server) as client:
            assert client.get().body == b"done"
        assert [type(error) for error in server.errors] == [kind]


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_what_is_raised_behind_a_complete_response_changes_nothing_of_it(
    kind: type[BaseException], awaits: bool, eventually: Eventually
) -> None:
    with serving(Raises(kind, [OK, DONE], awaits)) as server, WireClient(server) as client:
        for _ in range(2):
            assert client.get("/raise").body == b"done"
        assert client.get().body == b"done"
        eventually(lambda: [type(error) for error in server.errors] == [kind, kind])


def test_an_exception_is_logged_once_with_its_traceback_and_the_request(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Raises(LookupError, [], False)) as server, WireClient(server) as client:
        client.get("/raise?secret=1")
        assert [str(error) for error in server.errors] == ["gone wrong"]
    records = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [(record.name, record.getMessage()) for record in records] == [
        ("outrider", "the application raised an exception during GET /raise")
    ]
    assert records[0].exc_info is not None and records[0].exc_info[1] is server.errors[0]
    assert "test_asgi_endings.py" in (caplog.text)


@pytest.mark.parametrize("after", [[], [OK], [OK, PART]])
def test_an_application_that_returns_too_early_is_told_of_in_the_errors(
    after: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in after:
            await send(message)

    with serving(app) as server, WireClient(server) as client:
        client.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        raw = client.read_to_end()
        if PART in after:
            assert b"\r\n0\r\n" not in raw
        else:
            assert raw.startswith(b"HTTP/1.1 500 ") and raw.endswith(b"Internal Server Error")
        (error,) = server.errors
    assert isinstance(error, outrider.ProtocolError)
    assert str(error) in caplog.text and "GET /x" in str(error)


@pytest.mark.parametrize(("sent", "left", "goes_on"), [(b"", 10, True), (b"01234", 5, True), (b"", 10**9, False)])
def test_a_500_with_a_body_still_to_come_lets_the_client_read_it(sent: bytes, left: int, goes_on: bool) -> None:
    with serving(Raises(LookupError, [], False), body_bytes_max=0) as server, WireClient(server) as client:
        length = len(sent) + left
        client.send(f"POST /raise HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + sent)
        answer = client.answer()
        assert answer.status == 500
        assert (answer.header("connection") != "close") is goes_on
        if goes_on:
            client.send(b"x" * left)
            assert client.get().body == b"done"


def test_a_handler_that_answers_and_works_on_lets_the_connection_go_on() -> None:
    ends = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        await send(DONE)
        if scope["path"] == "/first":
            await asyncio.to_thread(ends.wait, 10)

    with serving(app) as server, WireClient(server) as client:
        client.get("/first")
        assert client.get("/second").body == b"done"
        ends.set()


def test_receive_behind_the_whole_body_waits_for_the_disconnection() -> None:
    seen: list[Any] = []
    waits, told = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0.01)
        seen.append(waiting.done())
        waits.set()
        seen.append(await waiting)
        seen.append(await receive())
        told.set()

    with serving(app) as server:
        with WireClient(server) as client:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
            assert waits.wait(10)
        assert told.wait(10)
    gone = {"type": "http.disconnect"}
    assert seen == [{"type": "http.request", "body": b"ab", "more_body": False}, False, gone, gone]
    assert server.errors == []  # no response, but nobody who would have had it


def test_receive_that_waits_is_told_when_the_response_is_complete() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = [asyncio.ensure_future(receive()) for _ in range(3)]
        await asyncio.sleep(0)
        await send(OK)
        await send(DONE)
        seen.extend(await asyncio.gather(*waiting))

    with serving(app) as server, WireClient(server) as client:
        client.get()
        client.get()
    assert seen == [{"type": "http.disconnect"}] * 6


def test_a_request_without_a_body_has_one_empty_message_of_it() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.get()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        client.answer()
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}] * 2


def test_a_body_in_parts_is_told_in_parts_as_they_come() -> None:
    seen: list[bytes] = []
    came = threading.Semaphore(0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            seen.append(message["body"])
            more = message["more_body"]
            came.release()
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (b"1\r\na\r\n", b"2;x=y\r\nbc\r\n"):
            client.send(part)
            assert came.acquire(timeout=10)
        client.send(b"0\r\nx-trailer: 1\r\n\r\n")
        assert client.answer().status == 200
    assert seen == [b"a", b"bc", b""]


def test_an_application_that_asks_for_ever_after_the_disconnection_leaves_the_loop_to_others() -> None:
    asked = [0]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await send(OK)
            await send(DONE)
            return
        while True:
            await receive()
            asked[0] += 1

    with serving(app) as server:
        with WireClient(server) as client:
            client.send("GET /forever HTTP/1.1\r\nHost: a\r\n\r\n")
        with WireClient(server) as client:
            while asked[0] < 100:
                assert client.get().body == b"done"
        report = server.stop(outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=1, lifespan=1))
    assert report.abandoned == 0


def test_send_to_a_client_that_has_gone_raises_each_time_and_the_application_may_pass_it_on(
    caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        while (await receive())["type"] != "http.disconnect":
            pass
        for message in (PART, DONE, PART):
            try:
                await send(message)
            except OSError as error:
                raised.append(error)
        try:
            await send(PART)
        finally:
            raised.append(KeyError("cleaned up"))

    with serving(app) as server:
        with WireClient(server) as client:
            client.send(REQUEST)
            eventually(lambda: server.call(lambda: server._engine.exchange_count) == 1)  # type: ignore[union-attr]
            reset(client)
        eventually(lambda: len(raised) == 4)
        assert server.errors == []
    assert [type(error) for error in raised] == [outrider.ClientDisconnected] * 3 + [KeyError]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("cause", ["from", "context"])
def test_an_exception_that_a_disconnection_led_to_is_no_error_of_the_application(
    cause: str, eventually: Eventually
) -> None:
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await send(PART)
        except OSError as error:
            ended.set()
            if cause == "from":
                raise RuntimeError("stream broken") from error
            raise RuntimeError("stream broken")  # noqa: B904

    with serving(app) as server:
        with WireClient(server) as client:
            client.send(REQUEST)
            eventually(lambda: server.call(lambda: server._engine.exchange_count) == 1)  # type: ignore[union-attr]
            reset(client)
        assert ended.wait(10)
        eventually(lambda: server.call(lambda: server._engine.exchange_count) == 0)  # type: ignore[union-attr]
        server.quiesce(10)
        assert server.errors == []


def test_another_exception_after_the_disconnection_is_an_error_of_the_application(eventually: Eventually) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise LookupError("gone wrong")

    with serving(app) as server:
        with WireClient(server) as client:
            client.send(REQUEST)
        eventually(lambda: [type(error) for error in server.errors] == [LookupError])


def test_tasks_that_send_at_once_send_whole_messages() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)

        async def sends(letter: bytes) -> None:
            for _ in range(20):
                await send({"type": "http.response.body", "body": letter * 30_000, "more_body": True})

        await asyncio.gather(*(sends(letter) for letter in (b"a", b"b", b"c")))
        await send({"type": "http.response.body"})

    with serving(app) as server, WireClient(server) as client:
        body = client.get().body
    pieces = [body[i : i + 30_000] for i in range(0, len(body), 30_000)]
    assert sorted(pieces) == [letter * 30_000 for letter in (b"a", b"b", b"c") for _ in range(20)]


def test_sends_that_wait_for_the_client_all_go_on_and_one_that_is_cancelled_has_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        piece = {"type": "http.response.body", "body": b"x" * 8_000_000, "more_body": True}
        await send(OK)
        waiting = [asyncio.ensure_future(send(piece)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        waiting[1].cancel()
        await asyncio.wait(waiting)
        assert [task.cancelled() for task in waiting] == [False, True, False]
        await send({"type": "http.response.body"})

    with serving(app) as server, WireClient(server) as client:
        assert len(client.get().body) == 24_000_000
        assert server.errors == []


def test_a_send_that_waits_is_told_when_the_client_goes(eventually: Eventually) -> None:
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(OK)
        waiting = [
            asyncio.ensure_future(send({"type": "http.response.body", "body": b"x" * 8_000_000, "more_body": True}))
            for _ in range(2)
        ]
        await asyncio.wait(waiting)
        raised.extend(error for task in waiting if (error := task.exception()))

    with serving(app) as server:
        with WireClient(server) as client:
            client.send(REQUEST)
            client.socket.recv(1)
            reset(client)
        eventually(lambda: len(raised) == 2)
    assert {type(error) for error in raised} == {outrider.ClientDisconnected}


def test_send_works_when_called_and_need_not_be_awaited() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        receive()  # takes nothing: it wasn't awaited
        later = receive()
        send(OK)
        send({**PART, "body": (await receive())["body"]})
        send(DONE)
        assert (await later)["type"] == "http.disconnect"
        assert (await later)["type"] == "http.disconnect"

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        assert client.answer().body == b"bodydone"
        assert server.errors == []


def test_a_task_that_outlives_its_application_is_told_that_the_request_is_over() -> None:
    seen: list[Any] = []
    ended = threading.Event()

    async def outlive(receive: Receive, send: Send) -> None:
        seen.append(await receive())
        seen.append(await receive())
        for message in (OK, PART):
            with pytest.raises(outrider.ProtocolError, match="after the application had ended"):
                await send(message)
        ended.set()

    tasks: list[asyncio.Task[None]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.ensure_future(outlive(receive, send)))

    with serving(app) as server, WireClient(server) as client:
        assert client.get().status == 500
        assert ended.wait(10)
        assert len(server.errors) == 1
    assert [message["type"] for message in seen] == ["http.disconnect"] * 2


def test_receive_and_send_of_one_request_used_by_the_next_say_that_theirs_is_over() -> None:
    kept: list[tuple[Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for old_receive, old_send in kept:
            assert (await old_receive())["type"] == "http.disconnect"
            for message in (OK, PART, DONE):
                with pytest.raises(outrider.ProtocolError, match="after the response was complete"):
                    await old_send(message)
        kept.append((receive, send))
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        for _ in range(3):
            assert client.get().body == b"done"
        assert server.errors == []


def test_a_client_that_stops_sending_still_gets_its_response() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.send(REQUEST)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_to_end().endswith(b"\r\n\r\ndone")
