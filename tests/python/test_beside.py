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


# --- another application behind the same address ---


class Named:
    """Answers with its name; says what its lifespan does; `/slow` takes until it is let."""

    def __init__(self, name: str, log: list[str], startup: str = "complete") -> None:
        self.name = name
        self.log = log
        self.startup = startup
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.log.append(f"{self.name} starts")
            await send({"type": f"lifespan.startup.{self.startup}"})
            await receive()
            self.log.append(f"{self.name} ends")
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/slow":
            self.has_begun.set()
            while not self.may_end.is_set():
                await asyncio.sleep(0.001)
        await send(OK)
        await send({"type": "http.response.body", "body": self.name.encode()})


def test_swap_puts_another_application_behind_the_same_connection() -> None:
    log: list[str] = []
    first, second = Named("first", log), Named("second", log)
    with outrider.serve(first) as server, WireClient(server) as client, WireClient(server) as slow:
        assert client.get().body == b"first"
        slow.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        first.has_begun.wait()
        thread = threading.Thread(target=server.swap, args=[second], kwargs={"policy": outrider.StopPolicy(grace=20)})
        thread.start()
        while client.get().body != b"second":
            pass
        assert log == ["first starts", "second starts"]
        first.may_end.set()
        thread.join()
        assert slow.answer().body == b"first"
        assert client.get().body == b"second"
        assert log == ["first starts", "second starts", "first ends"]
    assert log == ["first starts", "second starts", "first ends", "second ends"]


def test_swap_to_an_application_that_does_not_start_up_changes_nothing() -> None:
    log: list[str] = []
    with outrider.serve(Named("first", log)) as server, WireClient(server) as client:
        with pytest.raises(outrider.LifespanError):
            server.swap(Named("second", log, startup="failed"))
        with pytest.raises(outrider.AppImportError):
            server.swap("no.such:app")
        assert client.get().body == b"first"
    assert log == ["first starts", "second starts", "first ends"]


def test_a_swap_cancels_what_does_not_end_in_its_time() -> None:
    log: list[str] = []
    first = Named("first", log)
    with outrider.serve(first) as server, WireClient(server) as slow, WireClient(server) as client:
        slow.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        first.has_begun.wait()
        server.swap(Named("second", log), policy=outrider.StopPolicy(grace=0.01))
        assert slow.answer().status == 500
        assert client.get().body == b"second"


def test_restart_runs_the_lifespan_again_while_connections_wait() -> None:
    log: list[str] = []
    made: list[Named] = []

    def make() -> Named:
        made.append(Named(f"app {len(made)}", log))
        return made[-1]

    with outrider.serve(make, factory=True) as server, WireClient(server) as idle:
        assert idle.get().body == b"app 0"
        server.restart()
        assert idle.read_to_end() == b""
        with WireClient(server) as client:
            assert client.get().body == b"app 1"
    assert log == ["app 0 starts", "app 0 ends", "app 1 starts", "app 1 ends"]


def test_a_restart_that_fails_stops_the_server_and_says_so() -> None:
    log: list[str] = []
    app = Named("app", log)
    server = outrider.serve(app).start()
    app.startup = "failed"
    with pytest.raises(outrider.LifespanError):
        server.restart()
    server.wait(20)
    assert server.state == "stopped"
