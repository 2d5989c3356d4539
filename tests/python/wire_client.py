"""A client that says exactly what a test tells it to, and shows exactly what comes back."""

from __future__ import annotations

import http.client
import io
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import outrider


@dataclass
class Answer:
    """One response as it was on the wire."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


class KeptOpen(io.BufferedReader):
    """What an HTTPResponse reads from: it closes what it has read, and pipelined answers behind it must not go."""

    def makefile(self, *_: Any, **__: Any) -> KeptOpen:
        return self

    def close(self) -> None:
        pass


class WireClient:
    """One connection to a server."""

    def __init__(self, server: outrider.Server) -> None:
        host, port = server.addresses[0]
        if port is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(host)
        else:
            self.socket = socket.create_connection((host, port))
        self.socket.settimeout(10)
        self._reader = KeptOpen(socket.SocketIO(self.socket, "r"))

    def __enter__(self) -> WireClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode("latin-1") if isinstance(text, str) else text)

    def get(self, target: str = "/", *lines: str) -> Answer:
        self.send("".join([f"GET {target} HTTP/1.1\r\n", "Host: test\r\n", *[f"{line}\r\n" for line in lines], "\r\n"]))
        return self.answer()

    def answer(self, method: str = "GET") -> Answer:
        """Reads one response."""
        response = http.client.HTTPResponse(self._reader, method=method)  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        return Answer(response.status, response.getheaders(), body)

    def read_to_end(self) -> bytes:
        """Everything until the server closes; a reset counts as the end."""
        received = b""
        try:
            while chunk := self._reader.read1(65536):
                received += chunk
        except ConnectionResetError:
            pass
        return received
