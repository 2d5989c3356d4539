"""What keeps a server from stopping: one path for each kind of request that doesn't end by itself.

The client is in the same process (stop.py): each handler releases `reached` once its request is where it is to be when
the server stops.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from raw_apps import hello

_DOWNLOAD_BYTES = 50_000_000
_PIECE = bytes(64 * 1024)
_EVENT = {"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True}
_EVENT_SECONDS = 0.01
_HELD_UP_SECONDS = 0.1  # without a piece being taken: every buffer on the way is full

reached = threading.Semaphore(0)


async def _start(send: Any, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def _stream(receive: Any, send: Any) -> None:
    """Server-sent events without an end; listens for the disconnect between them, as sse-starlette does."""
    await _start(send, (b"content-type", b"text/event-stream"))
    gone = asyncio.ensure_future(_disconnected(receive))
    while not gone.done():
        await send(_EVENT)
        reached.release()
        await asyncio.wait({gone}, timeout=_EVENT_SECONDS)


async def _send_only_stream(receive: Any, send: Any) -> None:
    """The same, but it only sends, and hears of a disconnect by what that raises: Starlette's StreamingResponse."""
    await _start(send, (b"content-type", b"text/event-stream"))
    while True:
        await send(_EVENT)
        reached.release()
        await asyncio.sleep(_EVENT_SECONDS)


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _upgrade(receive: Any, send: Any) -> None:
    """Never answers and doesn't listen: only its cancellation ends it."""
    reached.release()
    await asyncio.Event().wait()


async def _upload(receive: Any, send: Any) -> None:
    """Answers when it has the whole body; ends without an answer when the client goes before."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        reached.release()
        more = message.get("more_body", False)
    await _start(send, (b"content-length", b"0"))
    await send({"type": "http.response.body"})


async def _download(receive: Any, send: Any) -> None:
    """More than the buffers on the way take, in pieces."""
    await _start(send, (b"content-length", b"%d" % _DOWNLOAD_BYTES))
    left = _DOWNLOAD_BYTES
    while left:
        piece = _PIECE[:left]
        left -= len(piece)
        held_up = asyncio.get_running_loop().call_later(_HELD_UP_SECONDS, reached.release)
        await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        held_up.cancel()


_HANDLERS = {
    "/stream": _stream,
    "/send-only-stream": _send_only_stream,
    "/upgrade": _upgrade,
    "/upload": _upload,
    "/download": _download,
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    handler = _HANDLERS.get(scope.get("path", ""))
    if handler is None:
        return await hello(scope, receive, send)
    await handler(receive, send)
