"""Django, and beside it a WebSocket that adds who is named in it to the database."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from live_django.models import Person

django = ASGIHandler()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        await django(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await Person.objects.acreate(name=message["text"])
        await send({"type": "websocket.send", "text": str(await sync_to_async(Person.objects.count)())})
