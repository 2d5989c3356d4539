"""receive() and send() in threads that aren't the event loop's: refused, and nothing is harmed by it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Scope, Send, serving
from wire_client import WireClient

PART = {"type": "http.response.body", "body": b"part", "more_body": True}


def in_a_thread(function: Callable[[], Any]) -> BaseException | Any:
    """What the function returned or raised in a thread of its own, which has ended."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(function())
        except BaseException as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


def step(awaitable: Any) -> Any:
    """Awaits it as far as it goes without an event loop."""
    return awaitable.__await__().send(None)


@pytest.fixture
def contention() -> Iterator[None]:
    """Threads that compute, and an interpreter that switches between them as often as it can."""
    interval = sys.getswitchinterval()
    ends = threading.Event()

    def compute() -> None:
        while not ends.is_set():
            sum(range(100))

    threads = [threading.Thread(target=compute) for _ in range(2)]
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    yield
    ends.set()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)


def test_a_call_in_another_thread_is_refused_with_advice_and_changes_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for call in (receive, lambda: send(OK), lambda: send({"type": "bogus"})):
            error = in_a_thread(call)
            assert type(error) is RuntimeError
            assert "was called in another thread than the event loop's" in str(error)
            assert "asyncio.run_coroutine_threadsafe()" in str(error)
        await send(OK)
        assert type(in_a_thread(lambda: send(DONE))) is RuntimeError
        await send({**DONE, "body": (await receive())["body"]})

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        assert client.answer().body == b"body"
        assert server.errors == []


def test_what_was_called_in_the_loops_thread_cannot_be_awaited_in_another() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting = receive()
        error = in_a_thread(lambda: step(waiting))
        assert type(error) is RuntimeError
        assert "receive() was awaited in another thread" in str(error)
        await send(OK)
        sending = send({"type": "http.response.body", "body": b"x" * 8_000_000, "more_body": True})
        error = in_a_thread(lambda: step(sending))
        assert "send() was awaited in another thread" in str(error)
        await sending
        await send({"type": "http.response.body", "body": (await waiting)["body"]})  # nothing of it was lost

    with serving(app) as server, WireClient(server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        body = client.answer().body
        assert (len(body), body[-4:]) == (8_000_004, b"body")
        assert server.errors == []


def test_an_event_loop_of_another_thread_is_refused_as_well() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def uses() -> None:
            await receive()

        error = await asyncio.to_thread(lambda: in_a_thread(lambda: asyncio.run(uses())))
        assert type(error) is RuntimeError
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        assert client.get().status == 200


def test_a_thread_may_send_by_way_of_the_event_loop() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()

        async def send_all(*messages: dict[str, Any]) -> None:
            for message in messages:
                await send(message)

        def work() -> None:
            asyncio.run_coroutine_threadsafe(send_all(OK, PART, DONE), loop).result(10)

        await asyncio.to_thread(work)

    with serving(app) as server, WireClient(server) as client:
        assert client.get().body == b"partdone"


def test_what_the_application_lets_out_of_such_a_call_is_a_500() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(send, OK)

    with serving(app) as server, WireClient(server) as client:
        for _ in range(2):
            assert client.get().status == 500
        assert [type(error) for error in server.errors] == [RuntimeError] * 2


def test_on_the_callers_loop_other_threads_are_refused_too() -> None:
    errors: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        errors.append(in_a_thread(lambda: send(OK)))
        await send(OK)
        await send(DONE)

    async def main() -> None:
        async with serving(app, isolation="none") as server:
            with await asyncio.to_thread(WireClient, server) as client:
                assert (await asyncio.to_thread(client.get)).status == 200

    asyncio.run(main())
    assert [type(error) for error in errors] == [RuntimeError]


def test_calls_from_many_threads_at_once_are_refused_while_the_server_answers(contention: None) -> None:
    kept: list[tuple[Receive, Send]] = []
    ends = threading.Event()
    refused, accepted = [0], [0]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept[:] = [(receive, send)]
        message = await receive()
        await asyncio.sleep(0)
        await send(OK)
        await send({**PART, "body": message["body"]})
        await asyncio.sleep(0)
        await send(DONE)

    def meddle() -> None:
        while not ends.is_set():
            for receive, send in list(kept):
                for call in (receive, lambda send=send: send(OK), lambda send=send: send(DONE)):
                    try:
                        call()
                        accepted[0] += 1
                    except RuntimeError:
                        refused[0] += 1

    threads = [threading.Thread(target=meddle) for _ in range(3)]
    with serving(app) as server, WireClient(server) as client:
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        answered = 0
        while (answered < 20 or refused[0] < 100) and time.monotonic() < deadline:
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
            assert client.answer().body == b"bodydone"
            answered += 1
        ends.set()
        for thread in threads:
            thread.join()
        assert server.errors == []
    assert answered >= 20 and refused[0] >= 100
    assert accepted[0] == 0


def test_the_last_reference_to_a_request_may_be_dropped_in_any_thread(contention: None) -> None:
    kept: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept.append((receive, send, receive(), scope))
        await send(OK)
        await send(DONE)

    def drop() -> int:
        dropped = 0
        while kept:
            kept.pop()
            dropped += 1
        return dropped

    with serving(app) as server, WireClient(server) as client:
        for _ in range(20):
            for _ in range(10):
                client.get()
            assert in_a_thread(drop) == 10
        assert client.get().status == 200
    assert in_a_thread(drop) == 1  # the server is gone


def test_a_call_after_the_server_has_stopped_is_refused_whoever_makes_it() -> None:
    kept: list[tuple[Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kept.append((receive, send))
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client:
        client.get()
    ((receive, send),) = kept
    for call in (receive, lambda: send(OK), lambda: send(DONE)):
        with pytest.raises((RuntimeError, outrider.ProtocolError)):
            step(call())
