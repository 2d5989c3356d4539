# SPDX-License-Identifier: MIT
"""Outrider: an HTTP server that rides alongside your program.

::

    with outrider.serve(app) as server:       # beside the program: own thread, own event loop
        httpx.get(server.url)

    outrider.run("shop.main:app", port=8000)  # in the foreground, until a signal

Any ASGI application is served unchanged. Programs written for ``import uvicorn`` run with
``import outrider as uvicorn``.
"""

from __future__ import annotations

from outrider._api import run, serve
from outrider._config import Config
from outrider._exceptions import (
    AppImportError,
    BindError,
    ClientDisconnected,
    LifespanError,
    OutriderError,
    ProcessError,
    ProtocolError,
    StartError,
    StateError,
)
from outrider._handle import RequestRecord
from outrider._server import Server
from outrider._stop import StopPolicy, StopReport

__version__ = "0.1.0"

__all__ = [
    "AppImportError",
    "BindError",
    "ClientDisconnected",
    "Config",
    "LifespanError",
    "OutriderError",
    "ProcessError",
    "ProtocolError",
    "RequestRecord",
    "Server",
    "StartError",
    "StateError",
    "StopPolicy",
    "StopReport",
    "run",
    "serve",
]
