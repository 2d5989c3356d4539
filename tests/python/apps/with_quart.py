"""Quart."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, request, send_file

from apps import shared_file

app = Quart(__name__)
asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()


@app.get("/")
async def home() -> Response:
    return Response("hello from quart", content_type="text/plain")


@app.post("/json")
async def echo() -> Any:
    return await request.get_json()


@app.post("/upload")
async def upload() -> dict[str, Any]:
    length, digest = 0, hashlib.sha256()
    async for chunk in request.body:
        length += len(chunk)
        digest.update(chunk)
    return {"length": length, "sha256": digest.hexdigest()}


@app.get("/stream")
async def stream() -> Response:
    async def lines() -> AsyncIterator[str]:
        for number in range(100):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return Response(lines(), content_type="text/plain")


@app.get("/download")
async def download() -> Response:
    return await send_file(shared_file.PATH, as_attachment=True, attachment_filename=shared_file.NAME)


@app.post("/background")
async def start_work() -> tuple[dict[str, str], int]:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    app.add_background_task(work, work_id)
    return {"id": work_id}, 202


@app.get("/background/<work_id>")
async def look_at_work(work_id: str) -> dict[str, bool]:
    asked[work_id].set()
    return {"finished": work_id in finished}


async def work(work_id: str) -> None:
    await asked[work_id].wait()
    finished.add(work_id)
