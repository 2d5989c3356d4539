"""The Python face's server for `./dev soak`; soak_server.cpp is the same in C++.

Usage: asgi_server.py LOOP [limit=milliseconds]... Prints `{"port": …}`, then answers each line of its input with a line
of JSON: `state` with what its application has raised, what of it the server has reported, and its tasks; `stop` with
the report of the stop and what of threads and descriptors is left, and ends.

Routes, each with a number that its answer is made of (content.py) and has as `x-number`:
  GET /content/N?size=B            so many bytes in one piece; with &stream=1 block by block. POST: the body isn't read
  POST /echo/N                     its body
  GET /slow/N, POST /unread/N      the same content after ?ms=; the body isn't read
  GET /fail/before/N               raises before the head
  GET /fail/begun/N                raises when the head was given to the server, and hasn't left
  GET /fail/after/N                raises when the head has left, before any content
  GET /fail/middle/N?size=B        raises when half of a stream has been sent
  POST /fail/reading/N?size=B      raises when it has read half of the body
  GET /fail/gone/N                 waits, and raises when its client has gone
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from typing import Any
from urllib.parse import parse_qs

import outrider
from content import BLOCK_BYTES, block, content, prepare

# The engine's names of limits, which the C++ server takes, and Config's.
LIMITS = {
    "head_timeout": "timeout_head",
    "body_timeout": "timeout_body",
    "keep_alive_timeout": "timeout_keep_alive",
    "write_timeout": "timeout_write",
}
LOGGED_MAX = 20  # tracebacks that are shown; all are counted

raised: list[str] = []


class Wanted(RuntimeError):
    """What the application raises on purpose."""


def fail(where: str) -> None:
    raised.append(where)
    raise Wanted(where)


class Request:
    """A scope, with what the routes need of it, and the response."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        _, *self.route, number = scope["path"].split("/")
        self.number = int(number)
        self._query = parse_qs(scope["query_string"].decode())
        self.receive = receive
        self._send = send

    def query(self, name: str) -> int:
        return int(self._query.get(name, ["0"])[0])

    async def start(self, size: int | None = None) -> None:
        headers = [(b"x-number", b"%d" % self.number), (b"content-type", b"text/plain")]
        if size is not None:
            headers.append((b"content-length", b"%d" % size))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(self, body: bytes, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def answer(self, body: bytes) -> None:
        await self.start(len(body))
        await self.write(body, more=False)

    async def body(self, until: int = sys.maxsize) -> bytes:
        """At least so much of it, or all."""
        body = b""
        while len(body) < until:
            message = await self.receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return body

    async def stream(self, size: int, fails_after: int = sys.maxsize) -> None:
        await self.start()
        sent = 0
        while sent < size:
            if sent >= fails_after:
                fail("in the middle of a stream")
            piece = block(self.number, sent // BLOCK_BYTES, min(BLOCK_BYTES, size - sent))
            sent += len(piece)
            await self.write(piece)
        await self.write(b"", more=False)


async def give_content(request: Request) -> None:
    if request.query("stream"):
        await request.stream(request.query("size"))
    else:
        await request.answer(content(request.number, request.query("size")))


async def echo(request: Request) -> None:
    await request.answer(await request.body())


async def wait(request: Request) -> None:
    await asyncio.sleep(request.query("ms") / 1000)
    await request.answer(content(request.number, request.query("size")))


async def fail_before(_: Request) -> None:
    fail("before the head")


async def fail_begun(request: Request) -> None:
    await request.start()
    fail("before the head has left")


async def fail_after(request: Request) -> None:
    await request.start()
    await request.write(b"")
    fail("after the head")


async def fail_middle(request: Request) -> None:
    await request.stream(request.query("size"), request.query("size") // 2)


async def fail_reading(request: Request) -> None:
    await request.body(request.query("size") // 2)
    fail("while reading the body")


async def fail_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    fail("because the client has gone")


ROUTES = {
    ("content",): give_content,
    ("echo",): echo,
    ("slow",): wait,
    ("unread",): wait,
    ("fail", "before"): fail_before,
    ("fail", "begun"): fail_begun,
    ("fail", "after"): fail_after,
    ("fail", "middle"): fail_middle,
    ("fail", "reading"): fail_reading,
    ("fail", "gone"): fail_gone,
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})
    else:
        request = Request(scope, receive, send)
        await ROUTES[tuple(request.route)](request)


class Counter(logging.Handler):
    """Counts the exceptions that the server reports, and shows the first."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        is_report = record.exc_info is not None
        self.count += is_report
        if not is_report or self.count < LOGGED_MAX:
            print(self.format(record), file=sys.stderr, flush=True)


def measure() -> tuple[int, int]:
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def tell(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def main(loop: str, words: list[str]) -> None:
    reported = Counter()
    logging.getLogger("outrider").addHandler(reported)
    logging.getLogger("outrider").propagate = False
    limits = {LIMITS[name]: float(value) / 1000 for name, _, value in (word.partition("=") for word in words)}
    prepare()
    with outrider.serve(app, loop=loop, access_log=False):
        pass  # what libuv makes once for the process stays
    threads, descriptors = measure()
    server = outrider.serve(app, loop=loop, access_log=False, **limits).start()
    tell(port=server.port)

    async def count_tasks() -> int:
        return len(asyncio.all_tasks())

    for line in sys.stdin:
        if line.strip() == "stop":
            break
        tell(raised=len(raised), reported=reported.count, tasks=server.run_coroutine(count_tasks()))
    report = server.stop()
    left = measure()
    tell(
        elapsed=report.elapsed,
        completed=report.completed,
        disconnected=report.disconnected,
        cancelled=report.cancelled,
        aborted=report.aborted,
        abandoned=report.abandoned,
        lifespan=report.lifespan,
        tasks=0,
        threads=left[0] - threads,
        descriptors=left[1] - descriptors,
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
