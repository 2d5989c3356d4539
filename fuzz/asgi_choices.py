"""What the play of asgi_messages.py chooses from: right values, and wrong ones."""

from __future__ import annotations

import asyncio
from typing import Any

START, BODY, TRAILERS, HINT, ABORT = (
    "http.response.start",
    "http.response.body",
    "http.response.trailers",
    "http.response.early_hint",
    "outrider.abort",
)
# A file to be sent: this one.
FILE = open(__file__, "rb", buffering=0)  # noqa: SIM115
FILE_CONTENT = FILE.read()
LINKS: list[Any] = [[b"</a>"], (b"</a>", b"<b>"), [], [b"a\r\nb"], [1], b"</a>", "text", None]
LINKS_VALID = 3
# What a client says, in pieces that come one after the other.
REQUESTS: list[list[bytes]] = [
    [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    [b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"],
    [b"GET /%FF%41?x HTTP/1.0\r\n\r\n"],
    [b"get / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    [b"GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"],
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", b"llo"],
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", b"abc"],
    [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"0\r\n\r\n"],
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n" + b"x" * 200, b"y" * 100],
    [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n"],
]
STATUSES: list[Any] = [
    200,
    200,
    200,
    204,
    304,
    404,
    500,
    999,
    100,
    101,
    199,
    1000,
    -1,
    0,
    2**70,
    True,
    "200",
    2.5,
    None,
]
STATUSES_VALID = 8
NAMES: list[Any] = [
    b"x-a",
    b"content-length",
    b"Content-Length",
    b"transfer-encoding",
    b"connection",
    b"date",
    b"server",
    b"upgrade",
    b"keep-alive",
    b"trailer",
    b"",
    b"a b",
    b":status",
    b"x\r\ny",
    "text",
    None,
]
VALUES: list[Any] = [
    b"",
    b"0",
    b"3",
    b"4",
    b"300",
    b"close",
    b"keep-alive",
    b"chunked",
    b"gzip",
    b"a\r\nb: c",
    b"\0",
    "t",
    7,
]
EXCEPTIONS: list[type[BaseException]] = [
    LookupError,
    OSError,
    StopAsyncIteration,
    asyncio.CancelledError,
    GeneratorExit,
    SystemExit,
    KeyboardInterrupt,
    BaseException,
]
