"""Views that show what the live server does with them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from urllib.request import urlopen

from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.translation import get_language
from live_django.models import Person

# What a view that waits has come to; the tests run in the same process.
entered = threading.Event()
told = threading.Event()
left = threading.Event()
outcome: list[BaseException] = []


def people(request: HttpRequest) -> HttpResponse:
    found = Person.objects.using(request.GET.get("using", "default")).order_by("pk")
    return HttpResponse("\n".join(person.name for person in found), content_type="text/plain")


def add(request: HttpRequest) -> HttpResponse:
    Person.objects.using(request.GET.get("using", "default")).create(name=request.GET["name"])
    return HttpResponse()


async def add_async(request: HttpRequest) -> HttpResponse:
    await Person.objects.acreate(name=request.GET["name"])
    return HttpResponse()


def add_when_told(request: HttpRequest) -> HttpResponse:
    entered.set()
    told.wait()
    try:
        return add(request)
    except BaseException as error:
        outcome.append(error)
        raise
    finally:
        left.set()


async def add_at_the_end(request: HttpRequest) -> StreamingHttpResponse:
    async def forever() -> AsyncIterator[str]:
        try:
            yield "it begins\n"
            await asyncio.Event().wait()
        finally:
            await Person.objects.acreate(name=request.GET["name"])
            left.set()

    return StreamingHttpResponse(forever(), content_type="text/plain")


def about(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {
            "method": request.method,
            "query": request.META["QUERY_STRING"],
            "q": request.GET.get("q"),
            "host": request.get_host(),
            "is_secure": request.is_secure(),
            "language": get_language(),
            "connection": id(connections["default"]),
        }
    )


def ask_people(request: HttpRequest) -> HttpResponse:
    """Asks the server that it runs on."""
    server = f"{request.scheme}://{request.get_host()}"
    with urlopen(f"{server}/add/?name=emily"), urlopen(f"{server}/people/") as response:
        return HttpResponse(response.read())


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError(request.GET.get("why", "it failed"))


async def ticks(request: HttpRequest) -> StreamingHttpResponse:
    async def events() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0)

    return StreamingHttpResponse(events(), content_type="text/event-stream")
