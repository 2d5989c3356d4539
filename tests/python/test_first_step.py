"""What an application may rely on in the first step of a request, before it has awaited anything.

The engine may take that step inside its own callback instead of leaving it to the event loop, and
nobody may be able to tell: a request is a task like any other. Each probe below is something that a
stand-in for a task may get wrong.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import socket
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest
from apps.probe import Ask, Exchange, Message, Receive, Send, Serve, Visit, application, get

anyio = pytest.importorskip("anyio")

Eventually = Callable[[Callable[[], bool]], None]


# The task itself


def test_the_current_task_is_a_real_one_among_all_tasks(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        task = asyncio.current_task()
        assert isinstance(task, asyncio.Task)
        assert task in asyncio.all_tasks()
        assert task.get_loop() is asyncio.get_running_loop()
        assert not task.done()

    ask(step)


def test_the_current_task_stays_the_same_after_a_suspension(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        task = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is task

    ask(step)


def test_the_task_knows_its_coroutine_and_its_name(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert inspect.iscoroutine(task.get_coro())
        task.set_name("a name of its own")
        assert asyncio.current_task().get_name() == "a name of its own"  # type: ignore[union-attr]
        assert "a name of its own" in repr(task)

    ask(step)


def test_the_stack_of_the_task_can_be_shown(ask: Ask) -> None:
    async def step(exchange: Exchange) -> list[Any]:
        task = asyncio.current_task()
        assert task is not None
        return task.get_stack()

    assert ask(step)


def test_a_done_callback_runs_once_the_request_is_over(serve: Serve, eventually: Eventually) -> None:
    finished: list[Any] = []

    async def step(exchange: Exchange) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(finished.append)
        await exchange.answer()

    with serve(application(step)) as server:
        assert get(server) == (200, b"")
        eventually(lambda: len(finished) == 1)
    assert finished[0].done() and finished[0].exception() is None


def test_a_request_that_never_suspends_leaves_no_task_behind(serve: Serve, eventually: Eventually) -> None:
    seen: list[Any] = []
    left: list[Any] = []

    async def step(exchange: Exchange) -> None:
        left[:] = [task for task in seen if task in asyncio.all_tasks()]
        seen.append(asyncio.current_task())
        await exchange.answer()

    def ask_again() -> bool:
        return get(server) == (200, b"") and not left

    with serve(application(step)) as server:
        assert get(server) == (200, b"")
        eventually(ask_again)
    assert len(set(seen)) == len(seen) >= 2


def test_tasks_of_other_threads_are_registered_as_well(serve: Serve) -> None:
    # On 3.11 the way in which asyncio registers tasks is another one for the length of a task's constructor.
    is_over = threading.Event()
    counts = []

    async def step(exchange: Exchange) -> None:
        await exchange.answer()

    async def make_tasks() -> None:
        while not is_over.is_set():
            tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(20)]
            counts.append(len(asyncio.all_tasks()))
            await asyncio.gather(*tasks)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the threads take turns as often as they can
    thread = threading.Thread(target=asyncio.run, args=[make_tasks()])
    try:
        with serve(application(step)) as server:
            thread.start()
            for _ in range(200):
                assert get(server) == (200, b"")
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert set(counts) == {21}
    assert "add" not in vars(getattr(asyncio.tasks, "_all_tasks", asyncio.tasks))


def test_pipelined_requests_are_tasks_of_their_own_answered_in_order(serve: Serve) -> None:
    tasks = []

    async def step(exchange: Exchange) -> None:
        tasks.append(asyncio.current_task())
        await exchange.answer(exchange.scope["path"].encode())

    def request(path: str, connection: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n\r\n".encode()

    with (
        serve(application(step)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as client,
    ):
        client.sendall(request("/first", "keep-alive") + request("/second", "close"))
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert received.index(b"/first") < received.index(b"/second")
    assert len(set(tasks)) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks start eagerly from Python 3.12 on")
def test_another_task_can_be_started_inside_the_step(ask: Ask) -> None:
    eagerly: Any = {"eager_start": True}

    async def child() -> Any:
        return asyncio.current_task()

    async def step(exchange: Exchange) -> None:
        parent = asyncio.current_task()
        task = asyncio.Task(child(), loop=asyncio.get_running_loop(), **eagerly)
        assert task.done() and task.result() is task
        assert asyncio.current_task() is parent

    ask(step)


def test_the_application_may_be_an_object_with_a_call(serve: Serve) -> None:
    class Application:
        async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
            assert asyncio.current_task() in asyncio.all_tasks()
            await Exchange(scope, receive, send).answer(b"called")

    with serve(Application()) as server:
        assert get(server) == (200, b"called")


def test_the_application_may_be_a_class_whose_objects_are_awaited(serve: Serve) -> None:
    # As Starlette's endpoints are. The attributes are those of a coroutine, and something else.
    class Endpoint:
        def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
            self.scope, self.receive, self.send = scope, receive, send
            self.throw = self.close = None

        def __await__(self) -> Generator[Any, None, None]:
            assert asyncio.current_task() in asyncio.all_tasks()
            return Exchange(self.scope, self.receive, self.send).answer(b"awaited").__await__()

    with serve(Endpoint) as server:
        assert get(server) == (200, b"awaited")


# Time limits and cancellation


def test_asyncio_timeout_cuts_a_wait_short(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]

    ask(step)


def test_asyncio_timeout_leaves_a_quick_block_alone(ask: Ask) -> None:
    async def step(exchange: Exchange) -> str:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
            return "in time"

    assert ask(step) == "in time"


def test_an_anyio_cancel_scope_cuts_a_wait_short(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError), anyio.fail_after(0.001):
            await anyio.sleep_forever()

    ask(step)


def test_an_anyio_cancel_scope_that_was_cancelled_at_once_stops_the_next_wait(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            pytest.fail("the checkpoint went on")
        assert scope.cancelled_caught
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0)

    ask(step)


def test_a_task_that_cancels_itself_is_told_at_its_next_wait(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        task = asyncio.current_task()
        assert task is not None and task.cancel()
        assert task.cancelling() == 1
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        assert task.uncancel() == 0
        await asyncio.sleep(0)

    ask(step)


@pytest.mark.parametrize("suspends", [True, False], ids=["at-a-wait", "at-once"])
def test_a_cancellation_that_is_let_out_is_a_500_and_the_server_goes_on(serve: Serve, suspends: bool) -> None:
    async def step(exchange: Exchange) -> None:
        if exchange.scope["path"] == "/cancel":
            if suspends:
                asyncio.current_task().cancel()  # type: ignore[union-attr]
                await asyncio.sleep(0)
            raise asyncio.CancelledError
        await exchange.answer(b"alive")

    with serve(application(step)) as server:
        assert get(server, "/cancel")[0] == 500
        assert get(server) == (200, b"alive")


def test_shield_lets_the_inner_task_finish(ask: Ask) -> None:
    async def step(exchange: Exchange) -> str:
        release = asyncio.Event()

        async def inner() -> str:
            await release.wait()
            return "finished"

        task = asyncio.ensure_future(inner())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 0.001)
        release.set()
        return await task

    assert ask(step) == "finished"


# Context variables

colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


def test_a_context_variable_of_one_request_is_not_seen_by_the_next(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        before = colour.get()
        colour.set(exchange.scope["path"])
        if exchange.scope["path"] == "/waits":
            await asyncio.sleep(0)
        await exchange.answer(before.encode())

    with serve(application(step)) as server, Visit(server) as visit:
        paths = ["/red", "/waits", "/blue", "/waits", "/red"]
        assert [visit.get(path) for path in paths] == [(200, b"none")] * 5
        assert get(server, "/another-connection") == (200, b"none")


def test_a_context_variable_lives_through_waits_and_can_be_reset(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        token = colour.set("red")
        await asyncio.sleep(0)
        assert colour.get() == "red"
        assert await anyio.to_thread.run_sync(colour.get) == "red"
        colour.reset(token)
        assert colour.get() == "none"

    ask(step)


def test_a_child_task_sees_the_context_of_the_request_and_keeps_its_own(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        async def child() -> str:
            seen = colour.get()
            colour.set("blue")
            return seen

        colour.set("red")
        assert await asyncio.create_task(child()) == "red"
        assert colour.get() == "red"

    ask(step)


def test_the_context_of_the_caller_of_start_is_visible(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        seen = colour.get()
        colour.set("blue")
        await exchange.answer(seen.encode())

    def caller() -> None:
        colour.set("red")
        with serve(application(step)) as server:
            assert [get(server), get(server)] == [(200, b"red")] * 2
        assert colour.get() == "red"

    contextvars.copy_context().run(caller)


def test_what_the_lifespan_set_is_visible_and_what_a_request_set_does_not_reach_it(
    serve: Serve,
) -> None:
    at_shutdown: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen = colour.get()
            colour.set("blue")
            await Exchange(scope, receive, send).answer(seen.encode())
            return
        await receive()
        colour.set("green")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        at_shutdown.append(colour.get())
        await send({"type": "lifespan.shutdown.complete"})

    with serve(app) as server:
        assert [get(server), get(server)] == [(200, b"green")] * 2
    assert at_shutdown == ["green"]
    assert colour.get() == "none"


# When it goes wrong


def test_an_exception_in_the_first_step_is_a_500_and_is_kept(serve: Serve) -> None:
    failure = LookupError("not in this drawer")

    async def step(exchange: Exchange) -> None:
        if exchange.scope["path"] == "/fail":
            raise failure
        await exchange.answer(b"alive")

    with serve(application(step)) as server, Visit(server) as visit:
        assert visit.get("/fail")[0] == 500
        assert get(server) == (200, b"alive")
        assert list(server.errors) == [failure]


def test_a_step_that_returns_without_a_response_is_a_500(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        return None

    with serve(application(step)) as server:
        assert get(server)[0] == 500


def test_the_debug_mode_of_the_loop_finds_nothing_wrong(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        asyncio.get_running_loop().set_debug(exchange.scope["path"] == "/debug")
        await asyncio.sleep(0)
        await exchange.answer()

    with serve(application(step)) as server:
        paths = ["/debug", "/debug", "/debug", "/off", "/off"]
        assert [get(server, path) for path in paths] == [(200, b"")] * 5
    assert list(server.errors) == []
