"""FastAPI."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from apps import shared_file

app = FastAPI()
asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()


@app.get("/", response_class=PlainTextResponse)
async def home() -> str:
    return "hello from fastapi"


@app.post("/json")
async def echo(document: dict[str, Any]) -> dict[str, Any]:
    return document


@app.post("/upload")
async def upload(request: Request) -> dict[str, Any]:
    length, digest = 0, hashlib.sha256()
    async for chunk in request.stream():
        length += len(chunk)
        digest.update(chunk)
    return {"length": length, "sha256": digest.hexdigest()}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(100):
            yield f"line {number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/download")
async def download() -> FileResponse:
    return FileResponse(shared_file.PATH, filename=shared_file.NAME)


@app.post("/background", status_code=202)
async def start_work(background: BackgroundTasks) -> dict[str, str]:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    background.add_task(work, work_id)
    return {"id": work_id}


@app.get("/background/{work_id}")
async def look_at_work(work_id: str) -> dict[str, bool]:
    asked[work_id].set()
    return {"finished": work_id in finished}


async def work(work_id: str) -> None:
    await asked[work_id].wait()
    finished.add(work_id)
