"""A WebSocket of FastAPI: says what it was sent, in text or bytes, and closes when asked to."""

from __future__ import annotations

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
codes: list[int] = []


@app.websocket("/echo/{name}")
async def echo(websocket: WebSocket, name: str) -> None:
    offered = websocket.scope["subprotocols"]
    await websocket.accept(subprotocol=offered[-1] if offered else None, headers=[(b"x-name", name.encode())])
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message["reason"])
            if message.get("bytes") is not None:
                await websocket.send_bytes(message["bytes"])
            elif message["text"] == "close":
                await websocket.close(4001, "as asked")
                return
            else:
                await websocket.send_text(message["text"])
    except WebSocketDisconnect as disconnect:
        codes.append(disconnect.code)
