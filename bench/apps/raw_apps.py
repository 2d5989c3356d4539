"""The raw ASGI applications: what a server costs when there is no framework."""

from __future__ import annotations

import asyncio
from typing import Any

_HELLO_HEADERS = [(b"content-type", b"text/plain"), (b"content-length", b"5")]


async def _complete_lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Two sends, as every framework does, and a length, so that no server has to chunk."""
    if scope["type"] == "lifespan":
        return await _complete_lifespan(receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": _HELLO_HEADERS})
    await send({"type": "http.response.body", "body": b"hello"})


async def sleep(scope: Any, receive: Any, send: Any) -> None:
    """A handler that waits 10 ms: the request can't complete in its first step."""
    if scope["type"] == "lifespan":
        return await _complete_lifespan(receive, send)
    await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": _HELLO_HEADERS})
    await send({"type": "http.response.body", "body": b"hello"})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body, then sends it back in one piece."""
    if scope["type"] == "lifespan":
        return await _complete_lifespan(receive, send)
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(pieces)
    headers = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def websocket_echo(scope: Any, receive: Any, send: Any) -> None:
    """Sends every message back. Over HTTP it says hello, so that a server can be seen to be ready."""
    if scope["type"] != "websocket":
        return await hello(scope, receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
