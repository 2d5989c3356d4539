"""The same with Starlette's endpoint class."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

codes: list[int] = []


class Echo(WebSocketEndpoint):
    async def on_connect(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        name = websocket.path_params["name"]
        await websocket.accept(offered[-1] if offered else None, [(b"x-name", name.encode())])

    async def decode(self, websocket: WebSocket, message: Any) -> Any:
        return message.get("bytes") if message.get("bytes") is not None else message["text"]

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        if isinstance(data, bytes):
            await websocket.send_bytes(data)
        elif data == "close":
            await websocket.close(4001, "as asked")
        else:
            await websocket.send_text(data)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        codes.append(close_code)


app = Starlette(routes=[WebSocketRoute("/echo/{name}", Echo)])
