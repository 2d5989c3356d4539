"""The application that the tests of the pytest plugin test, without a framework: what it does is in the path."""

from __future__ import annotations

import asyncio
from typing import Any

# What it has done, in order; the requests of a test that is over must not be behind those of the next one.
events: list[str] = []
background: set[asyncio.Task[None]] = set()


class OutOfStock(Exception):
    pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await DOINGS.get(scope["path"], answer)(receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    events.append("startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    events.append("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
    events.append(f"websocket closed with {message['code']}")


async def answer(receive: Any, send: Any, text: bytes = b"hello") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text})


async def boom(receive: Any, send: Any) -> None:
    raise OutOfStock("no lamps left")


async def late(receive: Any, send: Any) -> None:
    await answer(receive, send)
    await asyncio.sleep(0)
    raise OutOfStock("noticed behind the response")


async def leave(receive: Any, send: Any) -> None:
    raise SystemExit("the application wants to go")


async def task(receive: Any, send: Any) -> None:
    async def fail() -> None:
        raise OutOfStock("in a task that nobody awaits")

    await asyncio.wait([asyncio.create_task(fail())])
    await answer(receive, send)


async def slow(receive: Any, send: Any) -> None:
    events.append("slow began")
    try:
        await asyncio.Event().wait()
    finally:
        events.append("slow ended")


async def ticks(receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    gone = asyncio.ensure_future(until_gone(receive))
    number = 0
    try:
        while not gone.done():
            number += 1
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
            await asyncio.wait([gone], timeout=0.001)
    finally:
        gone.cancel()
        events.append("ticks ended")


async def until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def crash(receive: Any, send: Any) -> None:
    import os

    os._exit(9)


DOINGS = {
    "/boom": boom,
    "/late": late,
    "/leave": leave,
    "/task": task,
    "/slow": slow,
    "/ticks": ticks,
    "/crash": crash,
}


async def broken(scope: Any, receive: Any, send: Any) -> None:
    """Its startup fails."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the database is away"})


async def unclean(scope: Any, receive: Any, send: Any) -> None:
    """Its shutdown fails."""
    if scope["type"] != "lifespan":
        await answer(receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    raise OutOfStock("nobody counted the till")
