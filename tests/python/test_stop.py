"""The stages of a stop, and who may ask for it."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time

import outrider
import pytest
from apps.hello import OK, Message, Receive, Send, Stream, app
from wire_client import WireClient


def test_stop_reports_the_lifespan_and_can_be_called_again() -> None:
    server = outrider.serve(app).start()
    report = server.stop()
    assert report.lifespan == "completed"
    assert server.stop() is report
    assert "lifespan completed" in str(report)


def test_stop_before_start_and_after_a_failed_start_return() -> None:
    assert outrider.serve(app).stop().completed == 0
    server = outrider.serve("no_such_module:app")
    with pytest.raises(outrider.AppImportError):
        server.start()
    server.stop()


def test_stop_from_many_threads_gives_everyone_the_report() -> None:
    server = outrider.serve(app).start()
    reports: list[outrider.StopReport] = []
    threads = [threading.Thread(target=lambda: reports.append(server.stop())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 8
    assert all(report is reports[0] for report in reports)


def test_an_endless_stream_is_told_at_once_and_the_stop_is_quick() -> None:
    stream = Stream()
    with outrider.serve(stream) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert stream.begun.wait(10)
        report = server.stop()
    assert stream.end == "http.disconnect"
    assert report.disconnected == 1
    assert report.elapsed < outrider.StopPolicy().grace


@pytest.mark.parametrize("reads", [True, False])
def test_a_stream_that_only_sends_is_told_by_send_and_the_stop_is_quick(reads: bool) -> None:
    begun, ends = threading.Event(), []

    async def only_sends(scope: Message, receive: Receive, send: Send) -> None:
        await send(OK)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                begun.set()
                await asyncio.sleep(0)
        except OSError as error:
            ends.append(type(error))
            raise

    with outrider.serve(only_sends, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        reader = threading.Thread(target=client.read_to_end if reads else threading.Event)
        reader.start()
        report = server.stop()
        reader.join()
    assert ends == [outrider.ClientDisconnected]
    assert report.disconnected == 1
    assert report.elapsed < outrider.StopPolicy().grace
    assert server.errors == []


def test_a_stream_that_heard_of_the_stop_may_send_its_last_words() -> None:
    begun = threading.Event()

    async def polite(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send(OK)
        await send({"type": "http.response.body", "body": b"tick ", "more_body": True})
        begun.set()
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"bye ", "more_body": True})
        await send({"type": "http.response.body", "body": b"now"})

    with outrider.serve(polite, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.request_stop()
        assert client.answer().body == b"tick bye now"
        assert server.stop().disconnected == 1


def test_a_request_in_the_grace_is_completed() -> None:
    begun = threading.Event()
    go_on: list[asyncio.Event] = []

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        go_on.append(asyncio.Event())
        begun.set()
        await go_on[0].wait()
        await send(OK)
        await send({"type": "http.response.body", "body": b"late"})

    with outrider.serve(slow, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.request_stop(outrider.StopPolicy(grace=30))
        loop = server._loop
        assert loop is not None
        while server.state != "draining":
            time.sleep(1e-3)
        loop.call_soon_threadsafe(go_on[0].set)
        answer = client.answer()
        assert (answer.body, answer.header("connection")) == (b"late", "close")
        assert server.stop().lifespan == "off"


@pytest.mark.parametrize("swallows", [False, True])
def test_a_handler_that_does_not_listen_is_cancelled_and_then_cut_off(swallows: bool) -> None:
    begun = threading.Event()
    cancelled = []

    async def deaf(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(True)
                if not swallows or len(cancelled) > 2:
                    raise

    with outrider.serve(deaf, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        report = server.stop(outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=0.05))
    assert (report.cancelled, report.aborted) == ((0, 1) if swallows else (1, 0))
    assert cancelled


def test_a_second_stop_makes_the_first_hurry() -> None:
    begun = threading.Event()

    async def deaf(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(3600)

    with outrider.serve(deaf, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.request_stop(outrider.StopPolicy(grace=3600))
        server.request_stop(outrider.StopPolicy.immediate())
        assert server.stop().elapsed < 60


def test_a_background_task_behind_a_complete_response_is_waited_for() -> None:
    done = []

    async def with_background(scope: Message, receive: Receive, send: Send) -> None:
        await send(OK)
        await send({"type": "http.response.body", "body": b"x"})
        await asyncio.sleep(0.05)
        done.append(True)

    with outrider.serve(with_background, lifespan="off") as server, WireClient(server) as client:
        client.get()
    assert done == [True]


def test_an_idle_connection_is_closed_in_order() -> None:
    with outrider.serve(app) as server, WireClient(server) as client:
        client.get()
        server.stop()
        assert client.read_to_end() == b""


def test_stop_in_a_handler_asks_for_the_stop_and_the_handlers_response_is_sent() -> None:
    reports: list[outrider.StopReport] = []

    async def stops(scope: Message, receive: Receive, send: Send) -> None:
        reports.append(server.stop())
        await send(OK)
        await send({"type": "http.response.body", "body": b"bye"})

    server = outrider.serve(stops, lifespan="off").start()
    with WireClient(server) as client:
        assert client.get().body == b"bye"
    assert reports[0].lifespan == "pending"
    assert server.stop().lifespan == "off"


def test_stop_in_a_handler_that_runs_in_a_thread_is_asked_for_as_well() -> None:
    outcome: list[object] = []

    async def stops(scope: Message, receive: Receive, send: Send) -> None:
        for wait in (server.quiesce, server.wait, server.restart):
            with pytest.raises(outrider.StateError, match="wait for itself"):
                await asyncio.to_thread(wait)
        outcome.append((await asyncio.to_thread(server.stop)).lifespan)
        await send(OK)
        await send({"type": "http.response.body", "body": b"bye"})

    server = outrider.serve(stops, lifespan="off").start()
    with WireClient(server) as client:
        assert client.get().body == b"bye"
    assert server.wait(10).lifespan == "off"
    assert outcome == ["pending"]
    assert server.errors == []


def test_a_stop_where_the_servers_loop_does_not_run_says_so() -> None:
    loop = asyncio.new_event_loop()
    server = outrider.serve(app, isolation="none")
    loop.run_until_complete(server.__aenter__())
    with pytest.raises(outrider.StateError, match="isn't running"):
        server.stop()
    loop.run_until_complete(server.__aexit__(None, None, None))
    loop.close()
    assert server.state == "stopped"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_handler_that_stops_the_event_loop_stops_the_server_in_order(loop: str) -> None:
    async def stops(scope: Message, receive: Receive, send: Send) -> None:
        asyncio.get_running_loop().stop()
        await send(OK)
        await send({"type": "http.response.body", "body": b"bye"})

    server = outrider.serve(stops, lifespan="off", loop=loop).start()
    with WireClient(server) as client:
        assert client.get().body == b"bye"
    assert server.wait(10).lifespan == "off"
    assert isinstance(server.errors[0], RuntimeError)


def test_an_exception_in_the_with_block_stops_the_server_and_goes_on() -> None:
    with pytest.raises(KeyError), outrider.serve(app) as server:
        raise KeyError("mine")
    assert server.state == "stopped"


def test_threads_and_descriptors_are_as_before() -> None:
    def count() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with outrider.serve(app) as server, WireClient(server) as client:
        client.get()
    before = count()
    for _ in range(20):
        with outrider.serve(app) as server, WireClient(server) as client:
            client.get()
    assert count() == before
