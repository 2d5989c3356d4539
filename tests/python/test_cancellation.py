"""On the caller's event loop: whatever is cancelled, when, and how often, nothing of the server is left."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import anyio
import outrider
import pytest
from apps.hello import OK, Message, Receive, Send

ISOLATIONS = ["none", "thread"]


class App:
    """Counts its lifespan; `/` waits for ever."""

    def __init__(self, startup: float = 0.0, shutdown: float = 0.0) -> None:
        self.startup, self.shutdown = startup, shutdown
        self.log: list[str] = []
        self.begun = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.log.append("startup")
            await asyncio.sleep(self.startup)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await asyncio.sleep(self.shutdown)
            self.log.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
        else:
            self.begun.set()
            await asyncio.sleep(1000)
            await send(OK)


class FailAfter:
    """anyio.fail_after() as an asynchronous context manager."""

    def __init__(self, seconds: float) -> None:
        self.scope = anyio.fail_after(seconds)

    async def __aenter__(self) -> None:
        self.scope.__enter__()

    async def __aexit__(self, *error: Any) -> Any:
        return self.scope.__exit__(*error)


def is_gone(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def run(main: Callable[[], Any]) -> Any:
    """Fails when a task is left."""

    async def checked() -> Any:
        async with asyncio.timeout(30):
            result = await main()
        await asyncio.sleep(0)  # what has been cancelled ends in the loop's next turn
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    return asyncio.run(checked())


async def ask(server: outrider.Server) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    return writer


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_block_that_is_cancelled_leaves_a_stopped_server(isolation: str) -> None:
    app = App()

    async def main() -> outrider.Server:
        async def block() -> None:
            async with server:
                inside.set()
                await asyncio.sleep(1000)

        server, inside = outrider.serve(app, isolation=isolation), asyncio.Event()
        task = asyncio.create_task(block())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return server

    server = run(main)
    assert (server.state, app.log, is_gone(server.port)) == ("stopped", ["startup", "shutdown"], True)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_scope_of_anyio_that_is_cancelled_leaves_a_stopped_server(isolation: str) -> None:
    app = App()

    async def main() -> outrider.Server:
        async with anyio.create_task_group() as group, outrider.serve(app, isolation=isolation) as server:
            group.cancel_scope.cancel()
            await anyio.sleep(1000)
        assert group.cancel_scope.cancelled_caught
        return server

    server = run(main)
    assert (server.state, app.log, is_gone(server.port)) == ("stopped", ["startup", "shutdown"], True)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_stop_that_is_cancelled_hurries_and_ends_before_the_block_does(isolation: str) -> None:
    async def main() -> outrider.Server:
        app = App()
        server = outrider.serve(app, isolation=isolation, timeout_graceful_shutdown=1000.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as timeout, server:
                writer = await ask(server)
                while not app.begun.is_set():
                    await asyncio.sleep(0.001)
                timeout.reschedule(asyncio.get_running_loop().time() + 0.05)
        writer.close()
        return server

    server = run(main)
    report = server.stop()
    assert (server.state, report.lifespan) == ("stopped", "completed")
    assert report.elapsed < 20
    assert report.cancelled + report.aborted == 1


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("scope", ["asyncio", "anyio"])
def test_a_start_that_is_cancelled_leaves_nothing(isolation: str, scope: str) -> None:
    app = App(startup=1000)

    async def main() -> outrider.Server:
        server = outrider.serve(app, isolation=isolation)
        with pytest.raises(TimeoutError):
            async with (asyncio.timeout if scope == "asyncio" else FailAfter)(0.05), server:
                raise AssertionError("it started up")
        return server

    server = run(main)
    assert server.state == "stopped"
    assert is_gone(server.port)
    assert app.log == ["startup"]


def test_serve_that_is_cancelled_stops_by_the_policy_and_at_once_when_it_is_cancelled_again() -> None:
    app = App()

    async def main() -> outrider.Server:
        server = outrider.serve(app, timeout_graceful_shutdown=1000.0)
        serving = asyncio.create_task(server.serve())
        while server.state != "ready":
            await asyncio.sleep(0.001)
        writer = await ask(server)
        await app.begun.wait()
        serving.cancel()
        while server.state != "draining":
            await asyncio.sleep(0.001)
        assert not serving.done()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        writer.close()
        return server

    server = run(main)
    assert server.stop().lifespan == "completed"
    assert server.stop().elapsed < 20


def test_a_task_group_of_anyio_serves_until_it_is_cancelled() -> None:
    app = App()

    async def main() -> outrider.Server:
        server = outrider.serve(app)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            while server.state != "ready":
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        return server

    server = run(main)
    assert (server.state, app.log, is_gone(server.port)) == ("stopped", ["startup", "shutdown"], True)
