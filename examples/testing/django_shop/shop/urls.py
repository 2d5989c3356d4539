"""Views: the items, and a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path

from shop.models import Item


def items(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"items": [item.name for item in Item.objects.all()]})


async def ticks(request: HttpRequest) -> StreamingHttpResponse:
    async def events() -> AsyncIterator[str]:
        for number in range(1, 1000):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.01)

    return StreamingHttpResponse(events(), content_type="text/event-stream")


urlpatterns = [path("items", items), path("ticks", ticks)]
