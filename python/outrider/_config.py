# SPDX-License-Identifier: MIT
"""Every option of a server, once: ``Server``, ``serve()``, ``run()`` and the command line derive from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from outrider._logs import LEVELS

LIFESPANS = ("auto", "on", "off")
ISOLATIONS = ("thread", "none")
LOG_LEVELS = tuple(LEVELS)


def option(default: Any, help: str, **metadata: Any) -> Any:
    """A field with its help text; ``metadata`` may hold ``choices`` and ``cli=False``."""
    return field(default=default, metadata={"help": help, **metadata})


@dataclass(frozen=True)
class Config:
    """The options of one server. Immutable; checked when made (``ValueError``, ``TypeError``).

    ``app`` is an ASGI application, or ``"module:attribute"`` to be imported when the server starts.
    Times are seconds, sizes bytes.
    """

    app: Any
    _: KW_ONLY
    # Each default is an immutable value: option() only adds the help text.
    factory: bool = option(False, "APP is a callable that makes the application")
    host: str = option("127.0.0.1", "address or name to listen on")
    port: int = option(8000, "port to listen on; 0 takes a free one")
    uds: str | None = option(None, "path of a Unix socket to listen on instead of host and port")
    fd: int | None = option(None, "descriptor of a bound socket to listen on instead of host and port")
    lifespan: str = option("auto", "whether the application has a lifespan", choices=LIFESPANS)
    loop: str | Callable[[], Any] = option("auto", "event loop: auto, asyncio, uvloop, or module:factory")
    log_level: str | int | None = option(
        None, "level of the logger 'outrider' while the server runs", choices=LOG_LEVELS
    )
    access_log: bool = option(True, "log each request to the logger 'outrider.access' at level info")
    root_path: str = option("", "prefix that a proxy has taken off the path")
    backlog: int = option(2048, "connections that may wait to be accepted")
    server_header: bool = option(True, "send a Server field")
    date_header: bool = option(True, "send a Date field")
    isolation: str = option("thread", "where start() runs the application", choices=ISOLATIONS, cli=False)
    request_log: int = option(256, "how many requests Server.requests keeps", cli=False)

    request_line_bytes_max: int = option(16 * 1024, "bytes of a request line; more is answered 414")
    head_bytes_max: int = option(64 * 1024, "bytes of a request head; more is answered 431")
    header_count_max: int = option(128, "header fields of a request; more is answered 431")
    body_bytes_max: int = option(0, "bytes of a request body; more is answered 413; 0 for no limit")
    connections_max: int = option(0, "open connections; more are closed at once; 0 for no limit")
    exchanges_per_connection_max: int = option(0, "requests on one connection, then it is closed; 0 for no limit")
    timeout_keep_alive: float = option(75.0, "seconds that an idle connection is kept")
    timeout_head: float = option(30.0, "seconds for a request head to arrive; then 408")
    timeout_body: float = option(30.0, "seconds without a byte of an awaited request body; then 408")
    timeout_write: float = option(30.0, "seconds without the client taking a byte; then the connection is cut")
    timeout_graceful_shutdown: float | None = option(
        None, "seconds that running requests have when the server stops; default 30 in run(), 1 beside a program"
    )
    timeout_lifespan: float = option(30.0, "seconds for the lifespan's shutdown")

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            choices = spec.metadata.get("choices")
            value = getattr(self, spec.name)
            if choices and isinstance(value, str) and value not in choices:
                raise ValueError(f"{spec.name}={value!r} is not one of {', '.join(map(repr, choices))}")
            if spec.name.startswith("timeout_") and value is not None and value < 0:
                raise ValueError(f"{spec.name}={value!r} must not be negative")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port={self.port!r} is not between 0 and 65535")
        if self.uds is not None and self.fd is not None:
            raise ValueError("uds and fd can't be used together: choose one place to listen on")

    def limits(self) -> dict[str, Any]:
        """The limits by the engine's names."""
        return {
            "request_line_bytes_max": self.request_line_bytes_max,
            "head_bytes_max": self.head_bytes_max,
            "header_count_max": self.header_count_max,
            "body_bytes_max": self.body_bytes_max,
            "connections_max": self.connections_max,
            "exchanges_per_connection_max": self.exchanges_per_connection_max,
            "keep_alive_timeout": self.timeout_keep_alive,
            "head_timeout": self.timeout_head,
            "body_timeout": self.timeout_body,
            "write_timeout": self.timeout_write,
        }
