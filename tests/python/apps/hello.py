"""The application of most tests: a lifespan, and hello. And an endless stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK = {"type": "http.response.start", "status": 200, "headers": []}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send(OK)
    await send({"type": "http.response.body", "body": b"hello"})


class Stream:
    """An endless response; says when it has begun, and how it ended."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("no lifespan")
        await receive()
        await send(OK)
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        self.begun.set()
        try:
            self.end = (await receive())["type"]
        except asyncio.CancelledError:
            self.end = "cancelled"
            raise
