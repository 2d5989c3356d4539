"""What a program does with the server beside it: wait for it, for something in it, or for quiet."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import outrider
import pytest
from wire_client import WireClient

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK = {"type": "http.response.start", "status": 200, "headers": []}
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def hello(scope: Message, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send(OK)
    await send({"type": "http.response.body", "body": b"hello"})


class Slow:
    """Answers `/slow` when it is let, `/behind` at once but goes on behind it; all else at once."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await self._wait()
        await hello(scope, receive, send)
        if scope["path"] == "/behind":
            await self._wait()

    async def _wait(self) -> None:
        self.has_begun.set()
        while not self.may_end.is_set():
            await asyncio.sleep(0.001)


def serve(app: Any, **options: Any) -> outrider.Server:
    return outrider.serve(app, lifespan="off", **options)


# --- quiesce ---


def test_quiesce_closes_idle_connections_and_goes_on() -> None:
    with serve(hello) as server, WireClient(server) as idle:
        assert idle.get().body == b"hello"
        server.quiesce()
        assert idle.read_to_end() == b""
        with WireClient(server) as client:
            assert client.get().body == b"hello"
            server.quiesce()


@pytest.mark.parametrize("path", [b"/slow", b"/behind"])
def test_quiesce_waits_for_what_runs_while_connections_wait(path: bytes) -> None:
    app = Slow()
    with serve(app) as server, WireClient(server) as idle, WireClient(server) as busy:
        assert idle.get().body == b"hello"
        busy.send(b"GET " + path + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        app.has_begun.wait()
        was_over: list[bool] = []

        def quiesce() -> None:
            server.quiesce(20)
            was_over.append(app.may_end.is_set())

        thread = threading.Thread(target=quiesce)
        thread.start()
        assert idle.read_to_end() == b""  # it is held from here on
        with WireClient(server) as waiting:
            waiting.send(GET)
            app.may_end.set()
            thread.join()
            assert was_over == [True]
            assert waiting.answer().body == b"hello"


def test_quiesce_names_what_it_could_not_wait_for_and_goes_on() -> None:
    app = Slow()
    with serve(app) as server, WireClient(server) as busy:
        busy.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        app.has_begun.wait()
        with pytest.raises(TimeoutError, match=r"GET /slow \(0\.\d s\)"):
            server.quiesce(0.01)
        with WireClient(server) as client:
            assert client.get().body == b"hello"
        app.may_end.set()


def test_quiesce_of_a_server_that_does_not_run_is_refused() -> None:
    server = serve(hello)
    with pytest.raises(outrider.StateError):
        server.quiesce()
    server.start().stop()
    with pytest.raises(outrider.StateError):
        server.quiesce()


# --- wait ---


def test_wait_returns_the_report_when_somebody_stops_the_server() -> None:
    server = serve(hello).start()
    with pytest.raises(TimeoutError):
        server.wait(0.001)
    threading.Thread(target=server.stop).start()
    assert server.wait(20) == server.stop()


def test_wait_raises_why_the_start_failed() -> None:
    async def fails(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        raise OSError("no database")

    server = outrider.serve(fails)
    with pytest.raises(outrider.LifespanError):
        server.start()
    with pytest.raises(outrider.LifespanError, match="no database"):
        server.wait()


def test_wait_until_looks_after_each_request() -> None:
    with serve(hello) as server:

        def ask() -> None:
            with WireClient(server) as client:
                for _ in range(3):
                    client.get()

        thread = threading.Thread(target=ask)
        thread.start()
        assert server.wait_until(lambda: len(server.requests) >= 3 and "enough", 20) == "enough"
        thread.join()
        assert server.wait_until(lambda: server.requests)
        with pytest.raises(TimeoutError):
            server.wait_until(lambda: False, 0.01)


def test_wait_until_is_told_when_the_server_stops() -> None:
    server = serve(hello).start()
    looked = threading.Event()

    def stop() -> None:
        looked.wait()
        server.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(outrider.StateError, match="will not come"):
        server.wait_until(looked.set, 20)
    thread.join()
    with pytest.raises(outrider.StateError):
        server.wait_until(lambda: True)


# --- servers that stop by themselves ---


def test_a_server_for_so_many_requests_answers_them_and_stops() -> None:
    with serve(hello, stop_after=2) as server:
        with WireClient(server) as client:
            assert client.get().body == b"hello"
            assert server.state == "ready"
            assert client.get().body == b"hello"
        server.wait(20)
        assert server.state == "stopped"
        assert len(server.requests) == 2


def test_a_server_that_nobody_asks_stops_after_its_idle_time() -> None:
    with serve(hello, idle_timeout=0.02) as server:
        server.wait(20)
        assert server.state == "stopped"


def test_a_request_that_runs_is_no_idle_time() -> None:
    app = Slow()
    with serve(app, idle_timeout=0.02) as server, WireClient(server) as client:
        client.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        app.has_begun.wait()
        with pytest.raises(TimeoutError):
            server.wait(0.1)
        app.may_end.set()
        assert client.answer().body == b"hello"
        server.wait(20)


# --- who holds it up ---


def test_the_report_names_what_was_running_when_the_grace_was_over() -> None:
    app = Slow()
    server = serve(app).start()
    with WireClient(server) as client:
        client.send(b"GET /slow?a=b HTTP/1.1\r\nhost: a\r\n\r\n")
        app.has_begun.wait()
        report = server.stop(outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=5))
    assert [text.rpartition(" (")[0] for text in report.held_up] == ["GET /slow?a=b"]
    assert report.cancelled == 1


def test_a_stop_that_takes_long_is_logged_with_who_holds_it_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outrider._service.HELD_UP_SECONDS", 0.01)
    app = Slow()
    server = serve(app).start()
    with WireClient(server) as client:
        client.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        app.has_begun.wait()
        server.stop(outrider.StopPolicy(grace=0.1, disconnect=0, cancel=5))
    (message,) = [
        record.message for record in caplog.records if record.levelno == logging.WARNING and "waits" in record.message
    ]
    assert message.startswith("the stop waits for GET /slow (0.")


# --- a start that takes too long ---


def test_a_startup_that_takes_too_long_fails_the_start() -> None:
    async def hangs(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(1000)

    server = outrider.serve(hangs, start_timeout=0.01)
    with pytest.raises(outrider.LifespanError, match=r"start_timeout=0\.01"):
        server.start()
    assert server.state == "failed"


# --- callbacks, and many at once ---


def test_on_ready_and_on_stop_are_called_with_the_server_and_its_report() -> None:
    calls: list[object] = []
    is_called = threading.Event()

    def on_ready(server: outrider.Server) -> None:
        with WireClient(server) as client:  # it may ask the server something
            calls.append(client.get().status)
        is_called.set()

    def on_stop(report: outrider.StopReport) -> None:
        calls.append(report)
        calls.append(server.stop() is report)  # and even stop it

    server = outrider.serve(hello, on_ready=on_ready, on_stop=on_stop)
    for _ in range(2):
        server.start()
        assert is_called.wait(10)
        report = server.stop()
        assert calls == [200, report, True]
        calls.clear()
        is_called.clear()


def test_what_a_callback_raises_is_logged_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: object) -> None:
        raise KeyError("mine")

    server = outrider.serve(hello, on_stop=fails).start()
    server.stop()
    assert isinstance(server.errors[0], KeyError)
    assert [record.getMessage()[:8] for record in caplog.records if record.levelname == "ERROR"] == ["on_stop="]


def test_a_server_can_be_started_again_by_its_on_stop() -> None:
    reports: list[outrider.StopReport] = []

    def again(report: outrider.StopReport) -> None:
        reports.append(report)
        if len(reports) == 1:
            server.start()

    server = outrider.serve(hello, on_stop=again).start()
    assert server.stop() is reports[0]
    with WireClient(server) as client:
        assert client.get().status == 200
    server.stop()
    assert len(reports) == 2


def test_a_callback_that_nobody_would_await_is_refused() -> None:
    async def on_ready(server: outrider.Server) -> None: ...

    with pytest.raises(TypeError, match="nobody would await"):
        outrider.serve(hello, on_ready=on_ready)


def test_quiesce_and_run_coroutine_do_not_wait_for_a_blocked_loop() -> None:
    begun, may_end = threading.Event(), threading.Event()

    async def blocks(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        may_end.wait(20)
        await hello(scope, receive, send)

    with outrider.serve(blocks, lifespan="off") as server, WireClient(server) as client:
        client.send(GET)
        assert begun.wait(10)
        with pytest.raises(TimeoutError):
            server.quiesce(0.01)
        with pytest.raises(TimeoutError):
            server.run_coroutine(asyncio.sleep(0), timeout=0.01)
        may_end.set()
        assert client.answer().body == b"hello"
        server.quiesce()


def test_quiesce_and_restart_cut_no_connection_whose_first_request_is_still_to_come() -> None:
    with outrider.serve(hello) as server, WireClient(server) as fresh, WireClient(server) as begun:
        begun.send(GET[:10])
        with WireClient(server) as other:  # they have been accepted by now
            assert other.get().status == 200
        server.quiesce()
        server.restart()
        fresh.send(GET)
        begun.send(GET[10:])
        assert (fresh.answer().body, begun.answer().body) == (b"hello", b"hello")


def test_on_stop_is_not_called_for_a_start_that_failed() -> None:
    calls: list[object] = []
    with pytest.raises(outrider.AppImportError):
        outrider.serve("no_such_module:app", on_ready=calls.append, on_stop=calls.append).start()
    assert calls == []


def test_on_ready_tells_where_a_server_in_the_foreground_is() -> None:
    seen: list[str] = []

    def on_ready(server: outrider.Server) -> None:
        seen.append(server.url)
        server.request_stop()

    assert outrider.run(hello, port=0, on_ready=on_ready).lifespan == "off"
    assert seen[0].startswith("http://127.0.0.1:")


def test_fifty_servers_in_one_process_are_fifty_servers() -> None:
    def answers(number: int) -> Any:
        async def one(scope: Message, receive: Receive, send: Send) -> None:
            assert scope["type"] == "http"
            await send(OK)
            await send({"type": "http.response.body", "body": str(number).encode()})

        return one

    servers = [outrider.serve(answers(number)).start() for number in range(50)]
    assert len({server.port for server in servers}) == 50
    for number, server in enumerate(servers):
        with WireClient(server) as client:
            assert client.get().body == str(number).encode()
    for server in servers:
        server.request_stop()
    assert {server.stop().aborted for server in servers} == {0}
