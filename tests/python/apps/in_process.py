"""Applications for a server with a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says its process's id; `/crash`, `/print`, `/child` and `/hang` do what they say."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                print("shut down", flush=True)
                return
    body = str(os.getpid())
    if scope["path"] == "/crash":
        print("about to crash", flush=True)
        os.kill(os.getpid(), 9)
    if scope["path"] == "/print":
        print("x" * 1_000_000, flush=True)
    if scope["path"] == "/child":
        body = str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid)
    if scope["path"] == "/fork-and-crash" and os.fork() > 0:
        os.kill(os.getpid(), 9)
    if scope["path"] == "/hang":
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


def make() -> Any:
    return app


def greet(text: str) -> Any:
    """An application that says `text`; `/hang` is told of and doesn't end before it is."""

    async def greets(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["path"] == "/raise":
            raise ValueError("mine")
        if scope["path"] == "/hang":
            await receive()
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    return greets


def fail() -> Any:
    raise ValueError("no luck")


async def blocks(scope: Any, receive: Any, send: Any) -> None:
    print("blocks now", flush=True)
    time.sleep(1000)


async def no_startup(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise OSError("no database")


async def never_ready(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    os._exit(7)
