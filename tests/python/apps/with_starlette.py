"""Starlette."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from apps import shared_file

asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello from starlette")


async def echo(request: Request) -> JSONResponse:
    return JSONResponse(await request.json())


async def upload(request: Request) -> JSONResponse:
    length, digest = 0, hashlib.sha256()
    async for chunk in request.stream():
        length += len(chunk)
        digest.update(chunk)
    return JSONResponse({"length": length, "sha256": digest.hexdigest()})


async def stream(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(100):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="text/plain")


async def download(request: Request) -> FileResponse:
    return FileResponse(shared_file.PATH, filename=shared_file.NAME)


async def start_work(request: Request) -> JSONResponse:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    return JSONResponse({"id": work_id}, 202, background=BackgroundTask(work, work_id))


async def look_at_work(request: Request) -> JSONResponse:
    work_id = request.path_params["work_id"]
    asked[work_id].set()
    return JSONResponse({"finished": work_id in finished})


async def work(work_id: str) -> None:
    await asked[work_id].wait()
    finished.add(work_id)


app = Starlette(
    routes=[
        Route("/", home),
        Route("/json", echo, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/download", download),
        Route("/background", start_work, methods=["POST"]),
        Route("/background/{work_id}", look_at_work),
    ]
)
