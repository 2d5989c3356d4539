"""The same with Litestar."""

from __future__ import annotations

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath

codes: list[int] = []


@websocket("/echo/{name:str}")
async def echo(socket: WebSocket, name: FromPath[str]) -> None:
    offered = socket.scope["subprotocols"]
    await socket.accept(subprotocols=offered[-1] if offered else None, headers={"x-name": name})
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                codes.append(message["code"])
                return
            if message.get("bytes") is not None:
                await socket.send_bytes(message["bytes"])
            elif message["text"] == "close":
                await socket.close(4001, "as asked")
                return
            else:
                await socket.send_text(message["text"])
    except WebSocketDisconnect as disconnect:
        codes.append(disconnect.code)


app = Litestar([echo], logging_config=None)  # as in with_litestar.py
