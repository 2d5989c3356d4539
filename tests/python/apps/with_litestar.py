"""Litestar."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromPath, JSONBody
from litestar.response import File, Stream

from apps import shared_file

asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()


@get("/", media_type=MediaType.TEXT)
async def home() -> str:
    return "hello from litestar"


@post("/json", status_code=200)
async def echo(data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    return data


@post("/upload", status_code=200, request_max_body_size=16 * 1024 * 1024)
async def upload(request: Request[Any, Any, Any]) -> dict[str, Any]:
    length, digest = 0, hashlib.sha256()
    async for chunk in request.stream():
        length += len(chunk)
        digest.update(chunk)
    return {"length": length, "sha256": digest.hexdigest()}


@get("/stream")
async def stream() -> Stream:
    async def lines() -> AsyncIterator[str]:
        for number in range(100):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return Stream(lines(), media_type=MediaType.TEXT)


@get("/download")
async def download() -> File:
    return File(path=shared_file.PATH, filename=shared_file.NAME)


@post("/background", status_code=202)
async def start_work() -> Response[dict[str, str]]:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    return Response({"id": work_id}, background=BackgroundTask(work, work_id))


@get("/background/{work_id:str}")
async def look_at_work(work_id: FromPath[str]) -> dict[str, bool]:
    asked[work_id].set()
    return {"finished": work_id in finished}


async def work(work_id: str) -> None:
    await asked[work_id].wait()
    finished.add(work_id)


# Its own logging has a thread with a queue, whose lock a fork in a later test might find taken.
app = Litestar([home, echo, upload, stream, download, start_work, look_at_work], logging_config=None)
