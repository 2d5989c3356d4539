"""Django, in one file: settings, asynchronous views, urls and the ASGI application."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

from apps import shared_file

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="for the tests only",
)

asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()
running: set[asyncio.Task[None]] = set()


async def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello from django", content_type="text/plain")


async def echo(request: HttpRequest) -> JsonResponse:
    return JsonResponse(json.loads(request.body))


async def upload(request: HttpRequest) -> JsonResponse:
    length, digest = 0, hashlib.sha256()
    while chunk := request.read(64 * 1024):
        length += len(chunk)
        digest.update(chunk)
    return JsonResponse({"length": length, "sha256": digest.hexdigest()})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(100):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingHttpResponse(lines(), content_type="text/plain")


async def download(request: HttpRequest) -> FileResponse:
    return FileResponse(shared_file.PATH.open("rb"), filename=shared_file.NAME, as_attachment=True)


async def start_work(request: HttpRequest) -> JsonResponse:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    task = asyncio.create_task(work(work_id))
    running.add(task)
    task.add_done_callback(running.discard)
    return JsonResponse({"id": work_id}, status=202)


async def look_at_work(request: HttpRequest, work_id: str) -> JsonResponse:
    asked[work_id].set()
    return JsonResponse({"finished": work_id in finished})


async def work(work_id: str) -> None:
    await asked[work_id].wait()
    finished.add(work_id)


urlpatterns = [
    path("", home),
    path("json", echo),
    path("upload", upload),
    path("stream", stream),
    path("download", download),
    path("background", start_work),
    path("background/<str:work_id>", look_at_work),
]

app = get_asgi_application()
