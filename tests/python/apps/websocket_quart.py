"""The same with Quart, which cancels its handler when the client leaves."""

from __future__ import annotations

import asyncio

from quart import Quart, websocket

app = Quart(__name__)
codes: list[int] = []


@app.websocket("/echo/<name>")
async def echo(name: str) -> None:
    offered = websocket.requested_subprotocols
    await websocket.accept({"x-name": name}, offered[-1] if offered else None)
    try:
        while True:
            data = await websocket.receive()
            if data == "close":
                await websocket.close(4001, "as asked")
                return
            await websocket.send(data)
    except asyncio.CancelledError:
        codes.append(1000)
        raise
