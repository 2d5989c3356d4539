"""Django, and a WebSocket on which the names of new items are said."""

from __future__ import annotations

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django = get_asgi_application()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await take_items(receive, send)
    else:
        await django(scope, receive, send)


async def take_items(receive: Any, send: Any) -> None:
    from shop.models import Item  # Django is set up

    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        item = await Item.objects.acreate(name=message["text"])
        await send({"type": "websocket.send", "text": f"{item.name} is number {item.id}"})
