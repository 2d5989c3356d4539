"""The application that the recipes test: a shop with items, an event stream and a chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, StreamingResponse

app = FastAPI()
items: dict[int, str] = {}


@app.get("/items")
def list_items() -> dict[int, str]:
    return items


@app.post("/items", status_code=201)
def add_item(name: str) -> dict[str, int]:
    items[len(items) + 1] = name
    return {"id": len(items)}


@app.get("/items/{number}")
def show_item(number: int) -> dict[str, str]:
    if number not in items:
        raise HTTPException(404)
    return {"name": items[number]}


@app.get("/price/{number}")
def price(number: int) -> float:
    return 100 / number  # and so much for the item 0


@app.get("/ticks")
async def ticks() -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        number = 0
        while True:
            number += 1
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.websocket("/chat")
async def chat(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text((await socket.receive_text()).upper())
    except WebSocketDisconnect:
        pass


@app.get("/", response_class=HTMLResponse)
def page() -> str:
    return PAGE


PAGE = """<!doctype html><title>Shop</title>
<style>body { font: 20px sans-serif; margin: 2em } output { font-weight: bold }</style>
<h1>The shop is open</h1>
<p>Ticks by an event stream: <output id=tick></output></p>
<p>The chat's answer: <output id=answer></output></p>
<script>
  const show = (id, text) => { document.getElementById(id).textContent = text }
  const ticks = new EventSource("/ticks")
  ticks.onmessage = event => show("tick", event.data)
  ticks.onerror = () => show("tick", "over")
  const chat = new WebSocket(location.origin.replace("http", "ws") + "/chat")
  chat.onopen = () => chat.send("hello")
  chat.onmessage = event => show("answer", event.data)
  chat.onclose = event => show("answer", "closed with " + event.code)
</script>"""
