"""The table of workloads: what is asked, what must come back, and on how many connections."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Workload:
    """One row of the benchmark; each of its connection counts is measured on its own."""

    name: str
    title: str
    app: str = ""  # module:attribute in bench/apps; native servers answer only `hello`
    path: str = "/"
    body_bytes: int = 0  # above 0: POST, and the same bytes must come back; the size of a WebSocket's messages
    expect: str = "hello"  # the body of the answer to a GET
    connections: tuple[int, ...] = (1, 64)
    depth: int = 1
    is_fresh: bool = False  # a new connection for every request
    protocol: str = "http"  # or "websocket", "websocket-deflate"
    transport: str = "plain"  # or "tls", "tls-resumed": every connection takes up the session of the one before
    servers: str = "asgi"  # which face's servers take part
    floor: str = ""  # the face of the program that does only what no server can do without; "" for none

    @property
    def is_tls(self) -> bool:
        return self.transport != "plain"


_HELLO = Workload(name="hello", title="Raw ASGI hello", app="raw_apps:hello", floor="floor")


def _websocket(suffix: str, title: str) -> tuple[Workload, ...]:
    """Echo of three sizes, with the protocol `websocket` or `websocket-deflate`."""
    return tuple(
        Workload(
            name=f"websocket{suffix}-{name}",
            title=f"WebSocket{title}: echo of {size}",
            app="raw_apps:websocket_echo",
            body_bytes=body_bytes,
            protocol=f"websocket{suffix}",
            servers="websocket",
            floor="" if suffix else "websocket-floor",
        )
        for name, size, body_bytes in (("64", "64 B", 64), ("4k", "4 KiB", 4096), ("1m", "1 MiB", 2**20))
    )


_HTTPS = replace(_HELLO, name="https", title="Raw ASGI hello over TLS 1.3", transport="tls", servers="https", floor="")
_HANDSHAKE = replace(_HTTPS, connections=(16,), is_fresh=True)

# The argument of run.py → what it measures.
PARTS: dict[str, tuple[Workload, ...]] = {
    "hello": (_HELLO,),
    "fastapi": (
        Workload(
            name="fastapi",
            title="FastAPI route with a path and a query parameter",
            app="fastapi_app:app",
            path="/items/42?q=tea",
            expect='{"item_id":42,"q":"tea"}',
        ),
    ),
    "echo": (
        Workload(name="echo-1k", title="Echo of 1 KiB", app="raw_apps:echo", body_bytes=1024),
        Workload(name="echo-1m", title="Echo of 1 MiB", app="raw_apps:echo", body_bytes=1024 * 1024),
    ),
    "sleep": (Workload(name="sleep", title="A handler that awaits 10 ms", app="raw_apps:sleep"),),
    "pipelined": (
        replace(_HELLO, name="pipelined", title="Raw ASGI hello, 16 requests in flight on each connection", depth=16),
    ),
    "access-log": (
        replace(_HELLO, name="access-log", title="Raw ASGI hello, with access logs", servers="access-log", floor=""),
    ),
    "websocket": _websocket("", ""),
    "websocket-deflate": _websocket("-deflate", " with permessage-deflate"),
    "https": (_HTTPS,),
    "handshake": (
        replace(_HANDSHAKE, name="handshake", title="TLS handshakes"),
        replace(_HANDSHAKE, name="handshake-resumed", title="TLS handshakes, resumed", transport="tls-resumed"),
    ),
    "cpp": (replace(_HELLO, name="cpp", title="The C++ face: hello", app="", servers="native"),),
}
