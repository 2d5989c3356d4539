"""Waiting for a WebSocket's message: the task goes on within the pass that reads it, and nothing of asyncio notices."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import outrider
import pytest
from asgi_app import Receive, Scope, Send, serving
from websocket_client import WebSocketClient

Message = dict[str, Any]

ACCEPT = {"type": "websocket.accept"}


def text(value: object) -> Message:
    return {"type": "websocket.send", "text": str(value)}


def running(body: Callable[[Receive, Send], Awaitable[None]], **options: Any) -> outrider.Server:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        await body(receive, send)

    return serving(app, **options)


def test_a_woken_task_is_the_current_one_in_its_own_context(loop: str) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    async def body(receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        variable.set((await receive())["text"])
        for _ in range(3):
            message = await receive()
            assert asyncio.current_task() is task and task in asyncio.all_tasks()
            await send(text(f"{variable.get()} {message['text']}"))

    with running(body, loop=loop) as server, WebSocketClient(server) as one, WebSocketClient(server) as two:
        one.say("one")
        two.say("two")
        for word in ("a", "b", "c"):
            one.say(word)
            two.say(word)
            assert [one.hear(), two.hear()] == [f"one {word}", f"two {word}"]
    assert list(server.errors) == []


def test_waits_with_a_time_out_end_in_time_and_lose_nothing(loop: str) -> None:
    async def body(receive: Receive, send: Send) -> None:
        for wait in (
            lambda: asyncio.wait_for(receive(), 0.01),
            lambda: asyncio.wait_for(asyncio.shield(asyncio.ensure_future(receive())), 0.01),  # type: ignore[arg-type]
        ):
            with pytest.raises(TimeoutError):
                await wait()
        for _ in range(50):
            try:
                async with asyncio.timeout(0.001):
                    await receive()
            except TimeoutError:
                continue
        await send(text("ready"))
        # What the shielded receive() takes is its own.
        await send(text((await receive())["text"]))

    with running(body, loop=loop) as server, WebSocketClient(server) as client:
        assert client.hear() == "ready"
        client.say("one")
        client.say("two")
        assert client.hear() == "two"
    assert list(server.errors) == []


def test_anyio_waits_and_cancels(loop: str) -> None:
    anyio = pytest.importorskip("anyio")

    async def body(receive: Receive, send: Send) -> None:
        with anyio.move_on_after(0.01) as scope:
            await receive()
        assert scope.cancelled_caught
        await send(text("ready"))
        heard: list[str] = []

        async def listen() -> None:
            while True:
                heard.append((await receive())["text"])
                await send(text(len(heard)))

        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            group.start_soon(listen)
            while len(heard) < 3:
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        await send(text(" ".join(heard)))

    with running(body, loop=loop) as server, WebSocketClient(server) as client:
        assert client.hear() == "ready"
        for number in range(3):
            client.say(str(number))
        assert [client.hear() for _ in range(4)] == ["1", "2", "3", "0 1 2"]
    assert list(server.errors) == []


def test_the_first_of_several_things_awaited(loop: str) -> None:
    async def body(receive: Receive, send: Send) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        receiving = asyncio.create_task(receive())  # type: ignore[arg-type]
        for number in range(3):
            asyncio.get_running_loop().call_soon(queue.put_nowait, str(number))
            getting = asyncio.create_task(queue.get())
            done, _ = await asyncio.wait({receiving, getting}, return_when=asyncio.FIRST_COMPLETED)
            assert done == {getting}
            await send(text(getting.result()))
        await send(text((await receiving)["text"]))

    with running(body, loop=loop) as server, WebSocketClient(server) as client:
        assert [client.hear() for _ in range(3)] == ["0", "1", "2"]
        client.say("last")
        assert client.hear() == "last"


def test_a_task_that_is_cancelled_while_it_waits(loop: str) -> None:
    ends: list[object] = []

    async def body(receive: Receive, send: Send) -> None:
        async def listen() -> None:
            try:
                await receive()
            except asyncio.CancelledError as error:
                ends.append(error.args)
                raise

        task = asyncio.create_task(listen())
        await asyncio.sleep(0)
        assert task.cancel("enough") and not task.done()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await send(text("ready"))
        await send(text((await receive())["text"]))

    with running(body, loop=loop) as server, WebSocketClient(server) as client:
        assert client.hear() == "ready"
        client.say("hello")
        assert client.hear() == "hello"
    assert ends == [("enough",)]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, LookupError])
def test_what_a_woken_task_raises_ends_its_websocket_alone(kind: type[BaseException], loop: str) -> None:
    async def body(receive: Receive, send: Send) -> None:
        message = await receive()
        if message["text"] == "raise":
            raise kind("gone wrong")
        await send(text(message["text"]))

    with running(body, loop=loop) as server, WebSocketClient(server) as one, WebSocketClient(server) as two:
        one.say("raise")
        assert one.read_close()[0] == 1011
        two.say("hello")
        assert two.hear() == "hello"
        assert two.read_close()[0] == 1000
    assert [type(error) for error in server.errors] == [kind]


def test_a_task_may_close_and_end_within_the_pass_that_wakes_it(loop: str) -> None:
    async def body(receive: Receive, send: Send) -> None:
        await receive()
        await send(text("bye"))
        await send({"type": "websocket.close", "code": 4000})

    with running(body, loop=loop) as server:
        for _ in range(50):
            with WebSocketClient(server) as client:
                client.say("x")
                client.say("y")
                assert client.hear() == "bye"
                assert client.read_close()[0] == 4000
    assert list(server.errors) == []


def test_tasks_that_are_written_in_python_wait_as_well() -> None:
    """A debugger or a tracer may have put them in the place of asyncio's own."""

    async def body(receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.tasks._PyTask(receive(), loop=loop)  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        await send(text("ready"))
        await send(text((await task)["text"]))
        task = asyncio.tasks._PyTask(receive(), loop=loop)  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await send(text("cancelled"))

    with running(body, loop="asyncio") as server, WebSocketClient(server) as client:
        assert client.hear() == "ready"
        client.say("hello")
        assert [client.hear(), client.hear()] == ["hello", "cancelled"]
    assert list(server.errors) == []


def test_a_pass_within_another_tasks_step_leaves_the_waiting_task_to_the_loop() -> None:
    """As nested event loops do it."""

    async def body(receive: Receive, send: Send) -> None:
        await send(text((await receive())["text"]))

    async def main() -> None:
        async with running(body, isolation="none") as server:
            said = threading.Event()
            heard: list[str | bytes] = []

            def talk() -> None:
                with WebSocketClient(server) as client:
                    said.set()
                    client.say("hello")
                    heard.append(client.hear())

            loop: Any = asyncio.get_running_loop()
            handles = [key.data[0] for key in loop._selector.get_map().values() if "outrider_pass" in repr(key.data[0])]
            assert len(handles) == 1
            thread = threading.Thread(target=talk)
            thread.start()
            while thread.is_alive():
                await asyncio.sleep(0.001)
                if said.is_set():
                    handles[0]._callback()  # a pass, in this task's step
            thread.join()
            assert heard == ["hello"]
            assert list(server.errors) == []

    asyncio.run(main())
