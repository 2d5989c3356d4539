"""A server in a background thread of this very process, for lifecycle.py, busy.py and stop.py; run by the environment's interpreter.

Both are context managers that yield the port, so that their three phases, start, use and stop, can be timed alike.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any


def hello() -> Any:
    """The trivial application; its folder is on the path of whoever is started with it."""
    return importlib.import_module("raw_apps").hello


@contextlib.contextmanager
def outrider_in_thread(app: Any, loop: str, **options: Any) -> Iterator[int]:
    import outrider

    if loop != "default":
        options["loop"] = loop
    server = outrider.serve(app, **options).start()
    try:
        yield int(urllib.parse.urlsplit(server.url).port or 0)
    finally:
        server.stop()


@contextlib.contextmanager
def uvicorn_in_thread(app: Any, loop: Any, **options: Any) -> Iterator[int]:
    """The recipe that projects copy from each other: a thread, a poll of `started`, a flag to stop."""
    import uvicorn
    from process import free_port

    class Server(uvicorn.Server):
        def install_signal_handlers(self) -> None:
            pass

    port = free_port()
    options.update(host="127.0.0.1", port=port, loop=loop, log_level="warning", access_log=False)
    server = Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("uvicorn did not start")
        time.sleep(0.001)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


IN_THREAD: dict[str, Callable[..., contextlib.AbstractContextManager[int]]] = {
    "outrider": outrider_in_thread,
    "uvicorn": uvicorn_in_thread,
}
