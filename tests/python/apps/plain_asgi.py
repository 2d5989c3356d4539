"""No framework at all: the ASGI messages themselves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from apps import shared_file

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

asked: dict[str, asyncio.Event] = {}
finished: set[str] = set()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    route = (scope["method"], scope["path"].split("/")[1])
    await routes[route](scope, receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def home(scope: Message, receive: Receive, send: Send) -> None:
    await answer(send, b"hello from plain", b"text/plain")


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    body = b"".join([chunk async for chunk in chunks(receive)])
    await answer_json(send, json.loads(body))


async def upload(scope: Message, receive: Receive, send: Send) -> None:
    length, digest = 0, hashlib.sha256()
    async for chunk in chunks(receive):
        length += len(chunk)
        digest.update(chunk)
    await answer_json(send, {"length": length, "sha256": digest.hexdigest()})


async def stream(scope: Message, receive: Receive, send: Send) -> None:
    await start(send, 200, b"text/plain")
    for number in range(100):
        line = f"line {number}\n".encode()
        await send({"type": "http.response.body", "body": line, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body"})


async def download(scope: Message, receive: Receive, send: Send) -> None:
    name = shared_file.NAME.encode()
    await start(
        send,
        200,
        b"application/octet-stream",
        (b"content-length", str(shared_file.PATH.stat().st_size).encode()),
        (b"content-disposition", b'attachment; filename="' + name + b'"'),
    )
    with shared_file.PATH.open("rb") as file:
        while block := file.read(64 * 1024):
            await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body"})


async def start_work(scope: Message, receive: Receive, send: Send) -> None:
    work_id = uuid.uuid4().hex
    asked[work_id] = asyncio.Event()
    await answer_json(send, {"id": work_id}, 202)
    await asked[work_id].wait()  # the response is out; the rest of this call is the background
    finished.add(work_id)


async def look_at_work(scope: Message, receive: Receive, send: Send) -> None:
    work_id = scope["path"].split("/")[2]
    asked[work_id].set()
    await answer_json(send, {"finished": work_id in finished})


routes = {
    ("GET", ""): home,
    ("POST", "json"): echo,
    ("POST", "upload"): upload,
    ("GET", "stream"): stream,
    ("GET", "download"): download,
    ("POST", "background"): start_work,
    ("GET", "background"): look_at_work,
}


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def start(send: Send, status: int, media_type: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", media_type), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def answer(send: Send, body: bytes, media_type: bytes, status: int = 200) -> None:
    await start(send, status, media_type, (b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, document: Any, status: int = 200) -> None:
    await answer(send, json.dumps(document).encode(), b"application/json", status)
