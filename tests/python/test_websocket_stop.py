"""What becomes of WebSockets when their server stops, waits, or changes its application."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Scope, Send, serving
from outrider import StopPolicy
from websocket_client import WebSocketClient
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]
Message = dict[str, Any]

ACCEPT = {"type": "websocket.accept"}
HELLO = {"type": "websocket.send", "text": "hello"}


class Waits:
    """Accepts, says hello, and keeps what it is told then."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.ends: list[str] = []
        self.has_answered = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.has_answered = True
            await send(OK)
            await send(DONE)
            return
        await receive()
        await send(ACCEPT)
        await send(HELLO)
        while True:
            self.told.append(message := await receive())
            if message["type"] == "websocket.disconnect":
                break
        self.ends.append("returned")


@contextlib.contextmanager
def connected(server: outrider.Server, count: int) -> Iterator[list[WebSocketClient]]:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(WebSocketClient(server)) for _ in range(count)]
        for client in clients:
            assert client.hear() == "hello"
        yield clients


def answer_closes(clients: list[WebSocketClient], codes: list[tuple[int, str]]) -> threading.Thread:
    def answer() -> None:
        for client in clients:
            codes.append(client.read_close())
            client.close(codes[-1][0])

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"], indirect=True)
def test_a_stop_closes_hundreds_with_1012_and_tells_the_application(loop: str) -> None:
    app = Waits()
    codes: list[tuple[int, str]] = []
    with serving(app, loop=loop) as server, connected(server, 300) as clients:
        thread = answer_closes(clients, codes)
        report = server.stop()
        thread.join()
    assert [code for code, _ in codes] == [1012] * 300
    assert [(message["type"], message["code"]) for message in app.told] == [("websocket.disconnect", 1012)] * 300
    assert (report.disconnected, report.cancelled, report.aborted, report.abandoned) == (300, 0, 0, 0)
    assert report.elapsed < StopPolicy().grace + StopPolicy().disconnect
    assert list(server.errors) == []


def test_a_stop_of_a_process_closes_hundreds_with_1012() -> None:
    codes: list[tuple[int, str]] = []
    app = "apps.websocket_plain:app"
    with outrider.serve(app, isolation="process", lifespan="off") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(WebSocketClient(server, "/echo/a")) for _ in range(300)]
        thread = answer_closes(clients, codes)
        report = server.stop()
        thread.join()
    assert [code for code, _ in codes] == [1012] * 300
    assert (report.disconnected, report.cancelled, report.aborted, report.abandoned) == (300, 0, 0, 0)


def test_clients_that_do_not_answer_the_close_do_not_hold_the_stop_up_beyond_its_deadlines() -> None:
    app = Waits()
    policy = StopPolicy(grace=0, disconnect=0.1, cancel=0.1)
    with serving(app) as server, connected(server, 3) as clients:
        report = server.stop(policy)
        for client in clients:
            assert client.read_close()[0] == 1012
            assert client.read_to_end() == b""
    assert [message["code"] for message in app.told] == [1012] * 3
    assert app.ends == ["returned"] * 3
    assert report.completed + report.disconnected == 0
    assert report.aborted == 3


def test_an_application_that_does_not_listen_is_cancelled_when_the_stop_comes_to_that() -> None:
    ends: list[type[BaseException]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await send(HELLO)
        try:
            await asyncio.sleep(60)
        except BaseException as error:
            ends.append(type(error))
            raise

    codes: list[tuple[int, str]] = []
    with serving(app) as server, connected(server, 2) as clients:
        thread = answer_closes(clients, codes)
        server.stop(StopPolicy(grace=0, disconnect=0.1, cancel=5))
        thread.join()
    assert ends == [asyncio.CancelledError] * 2
    assert [code for code, _ in codes] == [1012] * 2


def test_sends_after_the_stop_began_are_told_of_it() -> None:
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        try:
            while True:
                await send(HELLO)
                await asyncio.sleep(0.001)
        except OSError as error:
            raised.append(error)
            raise

    with serving(app) as server, WebSocketClient(server) as client:
        assert client.hear() == "hello"
        report = server.stop(StopPolicy(grace=0, disconnect=0.2))
        frames = [client.read_frame()]
        while frames[-1][0] == 1:
            frames.append(client.read_frame())
        assert frames[-1][1][:2] == (1012).to_bytes(2, "big")
    assert [type(error) for error in raised] == [outrider.ClientDisconnected]
    assert list(server.errors) == []
    assert report.cancelled == 0


def test_what_the_client_said_before_the_stop_is_told_before_it() -> None:
    told: list[Message] = []
    begun, go_on = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        told.append(await receive())
        begun.set()
        await asyncio.to_thread(go_on.wait, 10)
        while told[-1]["type"] != "websocket.disconnect":
            told.append(await receive())

    with serving(app) as server, WebSocketClient(server) as client:
        client.say("one")
        assert begun.wait(10)
        client.say("two")
        client.send(b"\x89\x80\0\0\0\0")  # a ping, whose answer shows that what came before has been read
        assert client.read_frame() == (10, b"")
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        assert client.read_close()[0] == 1012
        go_on.set()
        client.close(1012)
        stopping.join()
    assert [message.get("text", message.get("code")) for message in told] == ["one", "two", 1012]


def test_a_stop_before_the_accept_is_told_and_answered_by_a_503() -> None:
    told: list[Message] = []
    begun = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        begun.set()
        told.append(await receive())
        await send(ACCEPT)

    with serving(app) as server, WebSocketClient(server, opens=False) as client:
        stopping = threading.Thread(target=lambda: begun.wait(10) and server.stop(StopPolicy(grace=0)))
        stopping.start()
        assert client.ask().status == 503
        stopping.join()
    assert told == [{"type": "websocket.disconnect", "code": 1012, "reason": ""}]
    assert list(server.errors) == []


def test_quiesce_waits_for_websockets_and_names_those_that_stay() -> None:
    app = Waits()
    with serving(app) as server, connected(server, 1) as [client]:
        with pytest.raises(TimeoutError, match="GET /"):
            server.quiesce(0.05)
        client.say("still open")
        waiting = threading.Thread(target=server.quiesce, args=[10])
        waiting.start()
        client.close()
        assert client.read_close()[0] == 1000
        waiting.join()
    assert app.ends == ["returned"]


def test_swap_ends_the_websockets_of_the_application_before_by_its_policy() -> None:
    first, second = Waits(), Waits()
    codes: list[tuple[int, str]] = []
    with serving(first) as server, connected(server, 2) as clients:
        thread = answer_closes(clients, codes)
        report = server.swap(second, policy=StopPolicy(grace=0))
        thread.join()
        assert [code for code, _ in codes] == [1012, 1012]
        assert report.disconnected == 2
        with connected(server, 1) as [other]:
            other.close(4000)
            assert other.read_close()[0] == 4000
    assert [message["code"] for message in first.told] == [1012, 1012]
    assert [message["code"] for message in second.told] == [4000]


def test_a_websocket_goes_on_with_its_application_during_the_grace_of_a_swap(eventually: Eventually) -> None:
    first, second = Waits(), Waits()
    policy = StopPolicy(grace=10, streams_have_grace=True)
    with serving(first) as server, connected(server, 1) as [old]:
        swapping = threading.Thread(target=server.swap, args=[second], kwargs={"policy": policy})
        swapping.start()
        with WireClient(server) as client:
            eventually(lambda: client.get().body == b"done" and second.has_answered)
        with connected(server, 1) as [new]:
            new.say("new")
            eventually(lambda: bool(second.told))
            old.say("old")
            eventually(lambda: bool(first.told))
            old.close()
            assert old.read_close()[0] == 1000
            swapping.join()
    assert [message.get("text") for message in first.told] == ["old", None]
    assert second.told[0] == {"type": "websocket.receive", "text": "new"}


def test_restart_ends_websockets_and_the_next_application_takes_new_ones() -> None:
    app = Waits()
    codes: list[tuple[int, str]] = []
    with serving(app) as server, connected(server, 2) as clients:
        thread = answer_closes(clients, codes)
        server.restart(policy=StopPolicy(grace=0))
        thread.join()
        assert [code for code, _ in codes] == [1012, 1012]
        with connected(server, 1) as [client]:
            client.close()
            assert client.read_close()[0] == 1000


def test_stop_reports_name_a_websocket_that_holds_them_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await send(HELLO)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(0)

    with serving(app) as server, connected(server, 1):
        report = server.stop(StopPolicy(grace=0, disconnect=0.05, cancel=0.2))
    assert any("GET /" in line for line in report.held_up)


def test_a_client_that_does_not_answer_a_close_is_cut_off_in_time() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)

    with serving(app, ws_close_timeout=0.05) as server, WebSocketClient(server) as client:
        assert client.read_close()[0] == 1000
        assert client.read_to_end() == b""


def test_a_stop_tells_websockets_at_once_under_any_policy() -> None:
    app = Waits()
    with serving(app) as server, connected(server, 2) as clients:
        answering = answer_closes(clients, codes := [])
        report = server.stop(StopPolicy(grace=3600.0, disconnect=3600.0, cancel=3600.0, streams_have_grace=True))
        answering.join()
    assert [code for code, _ in codes] == [1012, 1012]
    assert report.disconnected == 2
    assert app.ends == ["returned", "returned"]
