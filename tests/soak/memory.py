"""Memory of a connection, whatever its client does, against the bound of docs/limits.md."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from children import Trouble
from served import Served, raise_descriptors, serving

CONNECTIONS = 200
TIMES = 3
ROOM_BYTES = 16 * 2**20  # for the allocator: what the last time may take more than those before
_HOLD_MS = 120_000  # how long a handler that doesn't read sleeps, unless it hears that its client has gone
_QUIET_SECONDS = 1.0  # in which nobody sends a byte and the server takes no more memory
_MOST_SECONDS = 20.0
_SETTLE_SECONDS = 20.0

# The limits' defaults (include/outrider/limits.h), and what one read takes (src/loop/loop.h).
HEAD, BODY, PIPELINE, WRITE, FIELDS = 64 * 1024, 256 * 1024, 64 * 1024, 256 * 1024, 128
READ = 64 * 1024
PIECE = 64 * 1024  # the soak application's largest
# The terms of the bound. A buffer has up to twice the memory of what is in it.
TERM = {
    "head": 2 * HEAD + 64 * FIELDS,
    "trailers": 2 * HEAD + 64 * FIELDS,
    "body": 2 * (BODY + READ),
    "pipelined": 2 * (PIPELINE + READ),
    "response": 2 * WRITE + PIECE,
}
CONNECTION = 4 * 1024
# A handler under way: its coroutine; in Python its task, and its scope with a copy of the head.
HANDLER = {"cpp": 4 * 1024, "python": 16 * 1024 + HEAD + 256 * FIELDS}


@dataclass(frozen=True)
class Behaviour:
    """What each of the clients sends, and which buffers that can fill."""

    data: Callable[[], bytes]
    terms: tuple[str, ...]
    has_handler: bool = True

    def bound(self, face: str) -> int:
        handler = HANDLER["cpp" if face == "cpp" else "python"] if self.has_handler else 0
        return CONNECTION + handler + sum(TERM[term] for term in self.terms)


def head(target: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: a", *lines, "", ""]).encode()


def filler(size: int) -> list[str]:
    """Fields of so many bytes in all, as many as there may be."""
    count = FIELDS - 8
    return [f"x-{i:03}: {'v' * (size // count - 9)}" for i in range(count)]


def large_head(target: str, *lines: str, method: str = "GET") -> bytes:
    return head(target, *filler(HEAD - 4096), *lines, method=method)


def unread() -> str:
    return f"/unread/1?ms={_HOLD_MS}"


def chunks(count: int, size: int) -> bytes:
    return (b"%x\r\n" % size + b"c" * size + b"\r\n") * count


def trailers() -> bytes:
    return b"0\r\n" + "".join(line + "\r\n" for line in filler(HEAD - 4096)).encode()


LENGTH = "content-length: 100000000"
CHUNKED = "transfer-encoding: chunked"
MANY = 3000

BEHAVIOURS = {
    "a large head that doesn't end": Behaviour(lambda: large_head("/")[:-2], ("head",), has_handler=False),
    "a body that isn't read": Behaviour(
        lambda: head(unread(), LENGTH, method="POST") + b"b" * 2_000_000, ("head", "body")
    ),
    "a body in chunks of a byte": Behaviour(
        lambda: head(unread(), CHUNKED, method="POST") + chunks(400_000, 1), ("head", "body")
    ),
    "trailers that don't end": Behaviour(
        lambda: head(unread(), CHUNKED, method="POST") + chunks(1, 1) + trailers(), ("head", "body", "trailers")
    ),
    "many requests at once": Behaviour(
        lambda: head(f"/slow/1?ms={_HOLD_MS}") + head("/") * 20_000, ("head", "pipelined")
    ),
    "large requests at once": Behaviour(
        lambda: head(f"/slow/1?ms={_HOLD_MS}") + large_head("/") * 20, ("head", "pipelined")
    ),
    "responses that aren't taken": Behaviour(
        lambda: head("/content/1?size=5000") * MANY, ("head", "pipelined", "response")
    ),
    "a stream that isn't taken": Behaviour(lambda: head("/content/1?size=20000000&stream=1"), ("head", "response")),
    "all at once": Behaviour(
        lambda: (
            large_head("/content/1?size=20000000&stream=1", CHUNKED, method="POST")
            + chunks(250, 1000)
            + trailers()
            + b"\r\n"
            + large_head("/") * 20
        ),
        ("head", "body", "trailers", "pipelined", "response"),
    ),
}


def run(face: str) -> str:
    """What was found. Raises Trouble."""
    raise_descriptors()
    found, wrong = [], []
    for name, behaviour in BEHAVIOURS.items():
        with serving(face, "memory", is_measured=True, head_timeout=120, body_timeout=120, write_timeout=120) as server:
            server.warmed_up()
            before = server.figures()
            # The first time the allocator learns what sizes there are, and keeps more the next time.
            most = [measure(server, behaviour, before.descriptors) for _ in range(TIMES)]
            after = server.settled(before.descriptors, _SETTLE_SECONDS)
            server.stop()
        bound = behaviour.bound(face)
        each = (max(most) - before.resident) / CONNECTIONS
        text = f"{name}: {each / 1024:.0f} KiB (bound {bound // 1024})"
        found.append(text)
        if each > bound:
            wrong.append(f"above its bound: {text}")
        if most[-1] > max(most[:-1]) + ROOM_BYTES:
            wrong.append(f"{name}: it grows from time to time: {[resident >> 20 for resident in most]} MiB")
        if after.descriptors > before.descriptors:
            wrong.append(f"{name}: {after.descriptors} descriptors are left, of {before.descriptors}")
    texts = f"{CONNECTIONS} connections; of each: " + "; ".join(found)
    if wrong:
        raise Trouble("\n    ".join([texts, *wrong]))
    return texts


def measure(server: Served, behaviour: Behaviour, descriptors: int) -> int:
    """What is resident at most when all of them have sent what the server takes, and go then."""
    data = memoryview(behaviour.data())
    clients = {connect(server): data for _ in range(CONNECTIONS)}
    most = server.figures().resident
    last_news = began = time.monotonic()
    while (now := time.monotonic()) < last_news + _QUIET_SECONDS and now < began + _MOST_SECONDS:
        for client, left in clients.items():
            if left and (sent := send_some(client, left)):
                clients[client] = left[sent:]
                last_news = now
        if (resident := server.figures().resident) > most:
            most = resident
            last_news = now
        time.sleep(0.02)
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    server.settled(descriptors, _SETTLE_SECONDS)
    return most


def connect(server: Served) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", server.port))
    client.setblocking(False)
    return client


def send_some(client: socket.socket, data: memoryview) -> int:
    try:
        return client.send(data)
    except BlockingIOError:
        return 0
    except OSError as error:
        raise Trouble(f"a connection was cut instead of waiting: {error}") from error
