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
    body_bytes: int = 0  # above 0: POST, and the same bytes must come back
    expect: str = "hello"  # the body of the answer to a GET
    connections: tuple[int, ...] = (1, 64)
    depth: int = 1
    is_fresh: bool = False  # a new connection for every request
    servers: str = "asgi"  # which face's servers take part
    has_floor: bool = False  # whether the floor's constant answer is comparable


_HELLO = Workload(name="hello", title="Raw ASGI hello", app="raw_apps:hello", has_floor=True)

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
        replace(
            _HELLO, name="access-log", title="Raw ASGI hello, with access logs", servers="access-log", has_floor=False
        ),
    ),
    "cpp": (replace(_HELLO, name="cpp", title="The C++ face: hello", app="", servers="native"),),
}
