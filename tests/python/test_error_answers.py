"""What the server itself answers to a mistake, over a real socket: small, correct, and read by whoever made it.

The connection ends in order: our side first, after the answer; then what the client still sends is read and dropped,
because a reset would take the answer away from a client that sends all before it reads (RFC 9112 §9.6).
"""

from __future__ import annotations

import email.utils
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import outrider
import pytest
from wire_client import WireClient

LARGE = 16 * 1024 * 1024

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Mistake(NamedTuple):
    request: bytes
    status: int
    sentence: str
    options: dict[str, Any] = {}


POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
MISTAKES = {
    "400 head": Mistake(b"GET / HTTP/1.1\r\n\r\n", 400, "the Host field is missing"),
    "400 chunk": Mistake(
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello",
        400,
        "a line ends in LF without CR",
    ),
    "408 head": Mistake(b"GET / HT", 408, "the request head took too long", {"timeout_head": 0.05}),
    "408 body": Mistake(
        POST + b"Content-Length: 5\r\n\r\nhel", 408, "the request body took too long", {"timeout_body": 0.05}
    ),
    "413 length": Mistake(
        POST + b"Content-Length: 9\r\n\r\n", 413, "the body is larger than this server accepts", {"body_bytes_max": 5}
    ),
    "413 chunks": Mistake(
        POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n4\r\n",
        413,
        "the body is larger than this server accepts",
        {"body_bytes_max": 5},
    ),
    "414": Mistake(
        b"GET /" + b"a" * 100,
        414,
        "the request line is longer than this server accepts",
        {"request_line_bytes_max": 60},
    ),
    "417": Mistake(POST + b"Expect: tea\r\n", 417, "an expectation other than 100-continue can't be met"),
    "421": Mistake(
        b"GET https://a/ HTTP/1.1\r\n",
        421,
        "the request is for an https resource, but the connection is not secured",
    ),
    "431 bytes": Mistake(
        POST + b"X: " + b"x" * 200,
        431,
        "the header section is larger than this server accepts",
        {"head_bytes_max": 100},
    ),
    "431 count": Mistake(
        POST + b"A: b\r\nC: d\r\n",
        431,
        "there are more header fields than this server accepts",
        {"header_count_max": 2},
    ),
    "501 method": Mistake(b"CONNECT a:80 HTTP/1.1\r\n", 501, "this server is no proxy: CONNECT is not implemented"),
    "501 long method": Mistake(
        b"M" * 100, 501, "the method is longer than any that this server knows", {"request_line_bytes_max": 60}
    ),
    "501 coding": Mistake(
        POST + b"Transfer-Encoding: gzip, chunked\r\n", 501, "a transfer coding other than chunked is not implemented"
    ),
    "505": Mistake(b"GET / HTTP/2.0\r\n", 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
}
PHRASES = {
    400: "Bad Request", 408: "Request Timeout", 413: "Content Too Large", 414: "URI Too Long",
    417: "Expectation Failed", 421: "Misdirected Request", 431: "Request Header Fields Too Large",
    501: "Not Implemented", 505: "HTTP Version Not Supported",
}  # fmt: skip


class Application:
    """Reads the whole body, then answers."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        self.answered += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})


def read_in_order(client: WireClient) -> bytes:
    """All that comes until the server ends its side; a reset raises."""
    received = b""
    while chunk := client.socket.recv(65536):
        received += chunk
    return received


def check(answer: bytes, mistake: Mistake, is_head: bool = False) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    assert lines[0] == f"HTTP/1.1 {mistake.status} {PHRASES[mistake.status]}"
    assert list(fields) == ["content-type", "date", "server", "content-length", "connection"]
    assert fields["content-type"] == "text/plain; charset=utf-8"
    assert fields["connection"] == "close"
    date = email.utils.parsedate_to_datetime(fields["date"])
    assert email.utils.format_datetime(date, usegmt=True) == fields["date"]
    assert abs(date.timestamp() - time.time()) < 60
    assert int(fields["content-length"]) == len(mistake.sentence) + 1
    assert body == (b"" if is_head else mistake.sentence.encode() + b"\n")
    assert len(answer) < 320


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_in_full_and_the_connection_ends_in_order(mistake: Mistake) -> None:
    app = Application()
    with outrider.serve(app, lifespan="off", **mistake.options) as server, WireClient(server) as client:
        client.send(mistake.request)
        check(read_in_order(client), mistake)
        # Our side goes on sending: nothing of that is a request, and it isn't answered with a reset.
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.socket.recv(1) == b""
    assert app.answered == 0


@pytest.mark.parametrize(
    "mistake",
    [mistake for mistake in MISTAKES.values() if mistake.request.startswith((b"GET ", b"POST "))],
    ids=[name for name, mistake in MISTAKES.items() if mistake.request.startswith((b"GET ", b"POST "))],
)
def test_a_mistake_of_head_is_answered_without_content(mistake: Mistake) -> None:
    request = b"HEAD" + mistake.request[mistake.request.index(b" ") :]
    if mistake.request == b"GET / HT":
        request = b"HEAD / HTTP/1.1\r\nHo"  # the method of a line that never ended isn't one
    with outrider.serve(Application(), lifespan="off", **mistake.options) as server, WireClient(server) as client:
        client.send(request)
        check(read_in_order(client), mistake, is_head=True)


TOO_LARGE = Mistake(b"", 413, "the body is larger than this server accepts", {"body_bytes_max": 1000})
LARGE_BODIES = {
    "413 length": TOO_LARGE._replace(request=POST + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE),
    "413 chunks": TOO_LARGE._replace(
        request=POST + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 256
    ),
    "400 chunk": MISTAKES["400 chunk"]._replace(request=MISTAKES["400 chunk"].request + b"x" * LARGE),
    "417": MISTAKES["417"]._replace(request=MISTAKES["417"].request + b"\r\n" + b"x" * LARGE),
    "431 bytes": MISTAKES["431 bytes"]._replace(request=POST + b"X: " + b"x" * LARGE),
}


@pytest.mark.parametrize("mistake", LARGE_BODIES.values(), ids=LARGE_BODIES)
def test_a_client_that_sends_a_large_body_before_it_reads_gets_the_whole_answer(mistake: Mistake) -> None:
    with outrider.serve(Application(), lifespan="off", **mistake.options) as server, WireClient(server) as client:
        client.send(mistake.request)  # all of it: a reset would end this with an exception
        check(read_in_order(client), mistake)


@pytest.mark.parametrize("status", [200, 500])
def test_an_application_that_answers_before_a_large_body_has_come_is_read_too(status: int) -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if status == 500:
            raise RuntimeError("before anything was read")
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"early"})

    with outrider.serve(app, lifespan="off") as server, WireClient(server) as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE)
        head, _, body = read_in_order(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"connection: close" in head
        assert body == (b"early" if status == 200 else b"Internal Server Error")
