"""swap() and restart(): another application behind the same address."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import outrider
import pytest
from outrider import StopPolicy
from wire_client import WireClient

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK = {"type": "http.response.start", "status": 200, "headers": []}


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


def test_a_swap_tells_streams_at_once_and_reports_what_became_of_the_requests() -> None:
    log: list[str] = []

    async def streams(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send(OK)
        while True:
            await send({"type": "http.response.body", "body": b"tick", "more_body": True})
            await asyncio.sleep(0.001)

    with outrider.serve(streams) as server, WireClient(server) as stream, WireClient(server) as client:
        stream.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert stream.socket.recv(1)
        report = server.swap(Named("second", log), policy=StopPolicy(grace=1000, disconnect=1000))
        assert (report.disconnected, report.lifespan) == (1, "off")
        assert client.get().body == b"second"
        assert server.errors == []
        report = server.swap(Named("third", log))
        assert (report.disconnected, report.lifespan) == (0, "completed")
        assert report.elapsed < 1000


@pytest.mark.parametrize("change", ["swap", "restart"])
def test_a_stop_during_a_change_tells_who_changes_and_shuts_everything_down(change: str) -> None:
    log: list[str] = []
    first = Named("first", log)
    outcome: list[object] = []
    server = outrider.serve(first).start()

    def run() -> None:
        policy = StopPolicy(grace=1000)
        try:
            outcome.append(
                server.swap(Named("second", log), policy=policy) if change == "swap" else server.restart(policy)
            )
        except outrider.StateError as error:
            outcome.append(error)

    with WireClient(server) as slow, WireClient(server) as client:
        slow.send(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        first.has_begun.wait()
        client.get()
        thread = threading.Thread(target=run)
        thread.start()
        if change == "swap":
            while client.get().body != b"second":
                pass
        else:
            assert client.read_to_end() == b""  # held from now on
        report = server.stop(StopPolicy(grace=0.01, disconnect=0.01, cancel=5))
        thread.join()
    assert report.cancelled == 1
    assert len(outcome) == 1
    assert sorted(line for line in log if line.endswith("ends")) == sorted(
        line.replace("starts", "ends") for line in log if line.endswith("starts")
    )


def test_two_who_change_the_application_do_it_one_after_the_other() -> None:
    log: list[str] = []
    with outrider.serve(Named("first", log)) as server:
        threads = [threading.Thread(target=server.swap, args=[Named(f"app {i}", log)]) for i in range(4)]
        threads += [threading.Thread(target=server.restart) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with WireClient(server) as client:
            assert client.get().status == 200
    # One more is up, for a moment, while a swap goes from one to the next.
    up = 0
    for line in log:
        up += 1 if line.endswith("starts") else -1
        assert 0 <= up <= 2
    assert up == 0


def test_a_swap_can_be_to_what_a_factory_makes_of_arguments() -> None:
    log: list[str] = []

    def make(name: str) -> Named:
        return Named(name, log)

    with outrider.serve(make, factory=True, factory_arguments={"name": "first"}) as server:
        with WireClient(server) as client:
            assert client.get().body == b"first"
            server.swap(make, factory=True, factory_arguments={"name": "second"})
            assert client.get().body == b"second"
        server.restart()
        with WireClient(server) as client:
            assert client.get().body == b"second"
