"""The same without a framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

codes: list[int] = []


async def app(scope: Message, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket", scope["type"]
    assert await receive() == {"type": "websocket.connect"}
    offered, name = scope["subprotocols"], scope["path"].removeprefix("/echo/")
    subprotocol = offered[-1] if offered else None
    headers = [(b"x-name", name.encode())]
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "close":
            await send({"type": "websocket.close", "code": 4001, "reason": "as asked"})
            return
        await send({**message, "type": "websocket.send"})
    codes.append(message["code"])
