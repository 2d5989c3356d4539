"""A program that computes and never lets go of the GIL by itself: prints its URL, ends after `?last`."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import outrider

_over = threading.Event()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Says which process answers."""
    if scope["query_string"] == b"fork":
        pid = os.fork()
        if pid == 0:
            # The child of a busy program: what was asked of its parent must not hang it.
            for _ in range(100_000):
                pass
            os._exit(7)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == 7
    if scope["query_string"] == b"last":
        _over.set()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


if __name__ == "__main__":
    with outrider.serve(app, lifespan="off") as server:
        print(server.url, flush=True)
        # So long that nobody could wait for it a hundred times. The first answer has to.
        sys.setswitchinterval(0.5)
        while not _over.is_set():
            pass
    assert sys.getswitchinterval() == 0.5
