"""A start that is called off, and applications that won't end: nothing waits for ever, and everybody is told."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import outrider
import pytest
from outrider import StopPolicy
from wire_client import WireClient

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

NEVER = 1000.0
QUICK = StopPolicy(grace=0.01, disconnect=0.01, cancel=0.01, lifespan=0.01)


class HangingStartup:
    """Its startup doesn't end by itself."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.was_cancelled = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        self.has_begun.set()
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Its shutdown doesn't end by itself."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.sleep(NEVER)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize("call", ["stop", "request_stop"])
def test_a_startup_that_hangs_is_cancelled_by_a_stop_and_the_start_says_so(call: str) -> None:
    application = HangingStartup()
    server = outrider.serve(application)
    raised: list[BaseException] = []

    def start() -> None:
        with pytest.raises(outrider.StateError, match="stopped before it was ready") as caught:
            server.start()
        raised.append(caught.value)

    thread = threading.Thread(target=start)
    thread.start()
    application.has_begun.wait()
    getattr(server, call)()
    thread.join(10)
    assert raised and application.was_cancelled
    assert server.state == "stopped"
    assert server.stop().lifespan == "off"


def test_a_startup_that_hangs_is_cancelled_with_the_task_that_starts_it() -> None:
    application = HangingStartup()

    async def main() -> str:
        server = outrider.serve(application)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                async with server:
                    pass
        await asyncio.to_thread(server.stop)
        return server.state

    assert asyncio.run(main()) == "stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_whose_application_does_not_start_up(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "hanging.py").write_text(
        "import asyncio\n"
        "async def app(scope, receive, send):\n"
        "    print('begun', flush=True)\n"
        "    await asyncio.sleep(1000)\n"
    )
    command = [sys.executable, "-m", "outrider", "hanging:app", "--port", "0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_shutdown_that_hangs_has_the_policys_time_and_no_more() -> None:
    server = outrider.serve(app).start()
    report = server.stop(QUICK)
    assert report.lifespan == "timed out"
    assert report.elapsed < 1.0


def test_a_second_stop_hurries_a_shutdown_that_hangs() -> None:
    server = outrider.serve(app, timeout_lifespan=NEVER).start()
    server.request_stop()
    began = time.monotonic()
    assert server.stop(QUICK).lifespan == "timed out"
    assert time.monotonic() - began < 10


def test_the_option_sets_the_time_of_a_shutdown() -> None:
    server = outrider.serve(app, timeout_lifespan=0.01).start()
    assert server.stop().lifespan == "timed out"


def test_a_startup_that_has_failed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrider._lifespan._END_SECONDS", NEVER)

    async def fails(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        await receive()

    server = outrider.serve(fails)
    with pytest.raises(outrider.LifespanError, match="no database"):
        server.start()
    report = server.stop()
    assert report.lifespan == "failed"
    assert isinstance(report.lifespan_error, outrider.LifespanError)


def test_a_task_that_swallows_its_cancellation_is_reported() -> None:
    ends = threading.Event()

    async def swallows(scope: Message, receive: Receive, send: Send) -> None:
        while not ends.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    server = outrider.serve(swallows, lifespan="off").start()
    with WireClient(server) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        while not server.call(lambda: any(task.get_name() == "/" for task in asyncio.all_tasks())):
            pass
        report = server.stop(QUICK)
    ends.set()
    assert report.abandoned == 1
    assert "1 abandoned" in str(report)


def test_a_stopped_server_is_garbage_whatever_its_application_let_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "outrider")  # pytest would keep the records, these the frames

    async def raises(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/waits":
            await asyncio.sleep(NEVER)
        raise ValueError("no luck")

    server = outrider.serve(raises, lifespan="off").start()
    with WireClient(server) as one, WireClient(server) as other:
        assert one.get().status == 500
        other.send(b"GET /waits HTTP/1.1\r\nhost: a\r\n\r\n")
        while not server.call(lambda: any(task.get_name() == "/waits" for task in asyncio.all_tasks())):
            pass
        server.stop(QUICK)
    assert len(server.errors) == 2
    alive = weakref.ref(server)
    del server
    gc.collect()
    assert alive() is None


def test_the_log_says_that_a_stop_waits_for_a_blocked_loop(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outrider._server.HELD_UP_SECONDS", 0.01)
    begun, may_end = threading.Event(), threading.Event()

    async def blocks(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        may_end.wait(20)

    with outrider.serve(blocks, lifespan="off") as server, WireClient(server) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert begun.wait(10)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        deadline = time.monotonic() + 10
        while "which a handler blocks" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.001)
        may_end.set()
        stopper.join()
    assert "the stop waits for the event loop, which a handler blocks" in caplog.text


def test_elapsed_is_the_whole_time_of_the_stop() -> None:
    has_begun = threading.Event()

    async def blocks(scope: Message, receive: Receive, send: Send) -> None:
        has_begun.set()
        time.sleep(0.1)

    server = outrider.serve(blocks, lifespan="off").start()
    with WireClient(server) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        has_begun.wait()
        began = time.monotonic()
        report = server.stop(QUICK)
        took = time.monotonic() - began
    assert report.elapsed <= took
    assert report.elapsed > took / 2


def test_an_address_that_could_not_be_bound_is_told_with_the_reason() -> None:
    with outrider.serve(app, lifespan="off") as first:
        second = outrider.serve(app, port=first.port)
        with pytest.raises(outrider.BindError):
            second.start()
        with pytest.raises(outrider.StateError, match=f"can't bind 127.0.0.1:{first.port}"):
            assert second.url


@pytest.mark.parametrize("policy", ["now", 3, {"grace": 1}])
def test_what_is_no_policy_is_refused_and_the_server_goes_on(policy: Any) -> None:
    with outrider.serve(app, lifespan="off") as server:
        for stop in (server.stop, server.request_stop):
            with pytest.raises(TypeError, match="StopPolicy"):
                stop(policy)
        with WireClient(server) as client:
            assert client.get().body == b"hello"


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 1e16, 10**400, "x", None, True])
def test_a_policys_times_are_checked(value: Any) -> None:
    for name in ("grace", "disconnect", "cancel", "lifespan"):
        with pytest.raises((TypeError, ValueError), match=f"StopPolicy.{name}"):
            StopPolicy(**{name: value})


def test_who_waits_for_a_coroutine_is_told_that_the_server_stopped() -> None:
    server = outrider.serve(app, lifespan="off").start()
    runs = threading.Event()
    raised: list[BaseException] = []

    async def wait() -> None:
        runs.set()
        await asyncio.sleep(NEVER)

    def ask() -> None:
        with pytest.raises(outrider.StateError, match="stopped") as caught:
            server.run_coroutine(wait())
        raised.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    runs.wait()
    server.stop()
    thread.join(10)
    assert raised


def test_call_and_run_coroutine_say_which_is_meant() -> None:
    async def coroutine() -> None: ...

    with outrider.serve(app, lifespan="off") as server:
        with pytest.raises(TypeError, match=r"run_coroutine\(coroutine\(\.\.\.\)\)"):
            server.call(coroutine)
        with pytest.raises(TypeError, match=r"call it: coroutine\(\)"):
            server.run_coroutine(coroutine)  # type: ignore[arg-type]


def test_a_thread_that_does_not_end_holds_a_stop_up_for_a_second_at_most(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait(60)

    async def in_thread(scope: Message, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(work)

    with outrider.serve(in_thread, lifespan="off", loop=loop) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        report = server.stop(outrider.StopPolicy.immediate())
        end.set()
    assert report.elapsed < 10
    assert [record for record in caplog.records if record.name == "asyncio"] == []
