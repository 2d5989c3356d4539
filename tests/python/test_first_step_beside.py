"""What goes on beside the first step of a request: tasks, threads, other requests, waits for messages.

test_first_step.py has the step itself.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apps.probe import Ask, Exchange, Message, Serve, Visit, application, get

anyio = pytest.importorskip("anyio")

Eventually = Callable[[Callable[[], bool]], None]


# Tasks and threads beside the request


def test_child_tasks_and_gather_run_beside_the_request(ask: Ask) -> None:
    async def child(number: int) -> tuple[int, Any]:
        await asyncio.sleep(0)
        return number, asyncio.current_task()

    async def step(exchange: Exchange) -> None:
        parent = asyncio.current_task()
        first = asyncio.create_task(child(1))
        (two, task_two), (three, task_three) = await asyncio.gather(child(2), child(3))
        one, task_one = await first
        assert (one, two, three) == (1, 2, 3)
        assert task_one is first
        assert len({parent, task_one, task_two, task_three}) == 4
        assert asyncio.current_task() is parent

    ask(step)


def test_a_child_task_does_not_run_before_the_request_suspends(ask: Ask) -> None:
    async def step(exchange: Exchange) -> list[str]:
        order: list[str] = []

        async def child() -> None:
            order.append("child")

        task = asyncio.create_task(child())
        asyncio.get_running_loop().call_soon(order.append, "callback")
        order.append("request")
        await task
        return order

    assert ask(step)[0] == "request"


def test_an_asyncio_task_group_cancels_its_children(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        async def fail() -> None:
            raise LookupError("one child failed")

        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(asyncio.Event().wait())
                group.create_task(fail())
        assert caught.group_contains(LookupError)
        assert waiting.cancelled()

    ask(step)


def test_an_anyio_task_group_runs_and_cancels_its_children(ask: Ask) -> None:
    async def step(exchange: Exchange) -> list[str]:
        order: list[str] = []

        async def work(name: str, *, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
            order.append(name)
            task_status.started()
            await anyio.sleep_forever()

        async with anyio.create_task_group() as group:
            await group.start(work, "started")
            group.start_soon(work, "soon")
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        return order

    assert ask(step) == ["started", "soon"]


def test_a_worker_thread_answers_and_can_call_back(ask: Ask) -> None:
    async def step(exchange: Exchange) -> None:
        async def name_of_task() -> str:
            return str(type(asyncio.current_task()).__name__)

        here = threading.get_ident()
        assert await anyio.to_thread.run_sync(threading.get_ident) != here
        assert await asyncio.to_thread(threading.get_ident) != here
        assert await anyio.to_thread.run_sync(anyio.from_thread.run, name_of_task) == "Task"
        assert threading.get_ident() == here

    ask(step)


def test_an_abandoned_async_generator_is_closed_by_the_loop(ask: Ask) -> None:
    async def step(exchange: Exchange) -> bool:
        closed = asyncio.Event()

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.set()

        async for _ in numbers():
            break
        async with asyncio.timeout(5):
            return await closed.wait()

    assert ask(step)


# Requests among themselves


def test_a_request_can_wait_for_another_one(serve: Serve) -> None:
    arrived = threading.Event()
    opened: list[asyncio.Event] = []

    async def step(exchange: Exchange) -> None:
        if exchange.scope["path"] == "/wait":
            opened.append(asyncio.Event())
            arrived.set()
            await opened[0].wait()
        else:
            opened[0].set()
        await exchange.answer(exchange.scope["path"].encode())

    with serve(application(step)) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(get, server, "/wait")
        assert arrived.wait(5)
        assert get(server, "/open") == (200, b"/open")
        assert waiting.result(5) == (200, b"/wait")


def test_requests_in_their_first_steps_share_a_lock(serve: Serve) -> None:
    lock = asyncio.Lock()
    inside: list[int] = []

    async def step(exchange: Exchange) -> None:
        async with lock:
            inside.append(1)
            assert len(inside) == 1
            await asyncio.sleep(0)
            inside.pop()
        await exchange.answer()

    with serve(application(step)) as server, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(get, [server] * 20))
    assert answers == [(200, b"")] * 20
    assert list(server.errors) == []


def test_a_request_can_ask_its_own_server(serve: Serve) -> None:
    httpx = pytest.importorskip("httpx")

    async def step(exchange: Exchange) -> None:
        if exchange.scope["path"] == "/inner":
            await exchange.answer(b"from inside")
            return
        async with httpx.AsyncClient(verify=False, trust_env=False) as client:
            response = await client.get(server.url + "/inner")
        await exchange.answer(response.content)

    with serve(application(step)) as server:
        assert get(server, "/outer") == (200, b"from inside")


# Receiving and sending


def test_a_receive_that_timed_out_loses_nothing_of_the_body(serve: Serve) -> None:
    timed_out = threading.Event()

    async def step(exchange: Exchange) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchange.receive(), 0.005)
        timed_out.set()
        body, more = b"", True
        while more:
            message = await exchange.receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await exchange.answer(body)

    with serve(application(step)) as server, Visit(server) as visit:
        visit.connection.putrequest("POST", "/")
        visit.connection.putheader("content-length", "10")
        visit.connection.endheaders()
        assert timed_out.wait(5)
        visit.connection.send(b"01234")
        visit.connection.send(b"56789")
        assert visit.read_answer() == (200, b"0123456789")


def test_receive_and_send_can_be_tasks(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        received = await asyncio.create_task(_coroutine(exchange.receive()))
        start: Message = {"type": "http.response.start", "status": 201, "headers": []}
        await asyncio.create_task(_coroutine(exchange.send(start)))
        parts = [received["body"], received["type"].encode()]
        for part in parts:
            await asyncio.create_task(_coroutine(exchange.send(body_message(part))))
        await asyncio.gather(exchange.send({"type": "http.response.body"}))

    with serve(application(step)) as server, Visit(server) as visit:
        visit.connection.request("POST", "/", body=b"a body: ")
        assert visit.read_answer() == (201, b"a body: http.request")


def body_message(part: bytes) -> Message:
    return {"type": "http.response.body", "body": part, "more_body": True}


async def _coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def test_what_receive_and_send_return_is_fit_for_asyncio_create_task(serve: Serve) -> None:
    async def step(exchange: Exchange) -> None:
        message: Message = await asyncio.create_task(exchange.receive())  # type: ignore[arg-type]
        assert message["type"] == "http.request"
        start: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await asyncio.create_task(exchange.send(start))  # type: ignore[arg-type]
        end: Message = {"type": "http.response.body", "body": b"sent"}
        await asyncio.create_task(exchange.send(end))  # type: ignore[arg-type]

    with serve(application(step)) as server:
        assert get(server) == (200, b"sent")
    assert list(server.errors) == []


def test_a_receive_waiting_in_a_task_is_told_when_the_client_leaves(serve: Serve, eventually: Eventually) -> None:
    messages: list[str] = []
    waiting = threading.Event()

    async def step(exchange: Exchange) -> None:
        await exchange.receive()
        watcher = asyncio.ensure_future(_coroutine(exchange.receive()))
        asyncio.get_running_loop().call_soon(waiting.set)
        messages.append((await watcher)["type"])

    with serve(application(step)) as server:
        with Visit(server) as visit:
            visit.connection.request("GET", "/")
            assert waiting.wait(5)
        eventually(lambda: messages == ["http.disconnect"])


# Starlette's own machinery


def test_a_streaming_response_of_starlette_streams(serve: Serve) -> None:
    pytest.importorskip("starlette")
    from starlette.responses import StreamingResponse

    async def step(exchange: Exchange) -> None:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(5):
                yield b"%d " % number
                await asyncio.sleep(0)

        await StreamingResponse(parts())(exchange.scope, exchange.receive, exchange.send)

    with serve(application(step)) as server:
        assert get(server) == (200, b"0 1 2 3 4 ")
    assert list(server.errors) == []


def test_a_base_http_middleware_of_starlette_wraps_the_request(serve: Serve) -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def home(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.state.seen_by)

    async def note(request: Any, call_next: Any) -> Any:
        request.state.seen_by = "the middleware"
        response = await call_next(request)
        response.headers["x-task"] = type(asyncio.current_task()).__name__
        return response

    app = Starlette(
        routes=[Route("/", home)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=note)] * 2,
    )
    with serve(app) as server:
        assert get(server) == (200, b"the middleware")
    assert list(server.errors) == []


def test_a_plain_function_of_starlette_runs_in_a_worker_thread(serve: Serve) -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    def home(request: Any) -> PlainTextResponse:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return PlainTextResponse(threading.current_thread().name)

    with serve(Starlette(routes=[Route("/", home)])) as server:
        status, name = get(server)
    assert status == 200
    assert b"worker thread" in name
