"""The demo's application: a page about the program beside it, a JSON API, a stream of ticks and a WebSocket.

`demo.py` serves it next to a program that goes on counting. On its own it works as well:
`python -m outrider demo_app:app`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, Field

PAGE = (Path(__file__).parent / "demo_page.html").read_text(encoding="utf-8")
TICKS_PER_SECOND = 20


@dataclass
class Program:
    """The work of the main program: it looks for primes and never waits for anybody.

    Written by the main thread alone; the server's thread only reads.
    """

    numbers: int = 0
    primes: int = 0
    latest_prime: int = 0
    largest_gap: float = 0.0  # seconds between the ends of two steps
    last_step: float = 0.0

    def step(self) -> None:
        self.numbers += 1
        if is_prime(self.numbers):
            self.primes += 1
            self.latest_prime = self.numbers
        now = time.perf_counter()
        if self.numbers > 1:
            self.largest_gap = max(self.largest_gap, now - self.last_step)
        self.last_step = now


def is_prime(number: int) -> bool:
    if number < 4:
        return number > 1
    return number % 2 == 1 and all(number % d for d in range(3, math.isqrt(number) + 1, 2))


@dataclass
class Journal:
    """What the server has answered; only the server's thread touches it."""

    answered: int = 0
    streams: int = 0
    lines: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=200))

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        self.answered += 1
        entry = {"method": method, "path": path, "status": status, "ms": round(seconds * 1e3, 2)}
        self.lines.append({"number": self.answered, **entry})

    def since(self, number: int) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["number"] > number]


class Journalled:
    """ASGI middleware: every request is noted when its response starts."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        began = time.perf_counter()

        async def send_and_note(message: Any) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"]
                if scope["query_string"]:
                    path += "?" + scope["query_string"].decode("latin-1")
                journal.note(scope["method"], path, message["status"], time.perf_counter() - began)
            await send(message)

        await self.app(scope, receive, send_and_note if scope["type"] == "http" else send)


class NewItem(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=24)]


class Item(NewItem):
    id: int


@dataclass
class Wire:
    """The pages that have a WebSocket open; only the server's thread touches it."""

    pages: dict[int, WebSocket] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def say(self, number: int, text: str) -> None:
        news = json.dumps({"from": number, "text": text})
        for page in list(self.pages.values()):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has just gone
                await page.send_text(news)


program = Program()
wire = Wire()
journal = Journal()
names = ["lantern", "compass", "map of the pass", "canteen", "rope"]
kit = {number: Item(id=number, name=name) for number, name in enumerate(names, start=1)}
next_id = itertools.count(len(kit) + 1)

app = FastAPI(title="Outrider's demo")
app.add_middleware(Journalled)


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE


@app.get("/api/state")
async def state() -> dict[str, Any]:
    return {
        "numbers": program.numbers,
        "primes": program.primes,
        "latest_prime": program.latest_prime,
        "largest_gap_ms": round(program.largest_gap * 1e3, 1),
        "answered": journal.answered,
        "streams": journal.streams,
    }


@app.get("/api/items")
async def items() -> list[Item]:
    return list(kit.values())


@app.get("/api/items/{id}")
async def item(id: int, q: str = "") -> dict[str, Any]:
    if id not in kit:
        raise HTTPException(404, f"there is no item {id} in the kit")
    found = kit[id]
    return {"id": id, "name": found.name, "q": q, "matches": q in found.name, "of": len(kit)}


@app.post("/api/items", status_code=201)
async def add_item(new: NewItem) -> Item:
    added = Item(id=next(next_id), name=new.name)
    kit[added.id] = added
    if len(kit) > 12:  # what was there from the first is kept, of the rest the latest
        del kit[min(id for id in kit if id > len(names))]
    return added


@app.get("/api/ticks")
async def ticks(request: Request) -> StreamingResponse:
    """The state, and the requests since the tick before, until the listener leaves or has to."""

    async def events() -> AsyncIterator[str]:
        journal.streams += 1
        try:
            seen = max(0, journal.answered - 12)
            while not await request.is_disconnected():
                tick = {**await state(), "time": time.time(), "requests": journal.since(seen)}
                seen = journal.answered
                yield f"data: {json.dumps(tick)}\n\n"
                await asyncio.sleep(1 / TICKS_PER_SECOND)
        finally:
            journal.streams -= 1

    return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@app.websocket("/api/wire")
async def ride_wire(socket: WebSocket) -> None:
    """To one page what the program found last, and to all of them what any of them says."""
    await socket.accept()
    number = next(wire.numbers)
    wire.pages[number] = socket
    primes = asyncio.create_task(send_primes(socket, number))
    try:
        async for text in socket.iter_text():
            if len(text) <= 80:
                await wire.say(number, text)
    finally:
        del wire.pages[number]
        primes.cancel()


async def send_primes(socket: WebSocket, number: int) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has just gone
        while True:
            await socket.send_json({"you": number, "riders": len(wire.pages), "prime": program.latest_prime})
            await asyncio.sleep(1 / TICKS_PER_SECOND)
