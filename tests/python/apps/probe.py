"""An application made of one function, and a visitor that asks it over one connection."""

from __future__ import annotations

import http.client
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import outrider

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Exchange:
    scope: Message
    receive: Receive
    send: Send

    async def answer(self, body: bytes = b"", status: int = 200) -> None:
        length = (b"content-length", str(len(body)).encode())
        await self.send({"type": "http.response.start", "status": status, "headers": [length]})
        await self.send({"type": "http.response.body", "body": body})


Step = Callable[[Exchange], Awaitable[Any]]
# The fixtures `serve` and `ask`.
Serve = Callable[[Any], outrider.Server]
Ask = Callable[[Step], Any]


def application(step: Step) -> Any:
    """The application whose requests are `step`, called without a suspension before it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError("this application has no lifespan")
        await step(Exchange(scope, receive, send))

    return app


class Visit:
    """One keep-alive connection to a server."""

    def __init__(self, server: outrider.Server) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

    def __enter__(self) -> Visit:
        self.connection.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str = "/") -> Answer:
        self.connection.request("GET", path)
        return self.read_answer()

    def read_answer(self) -> Answer:
        response = self.connection.getresponse()
        return response.status, response.read()


def get(server: outrider.Server, path: str = "/") -> Answer:
    with Visit(server) as visit:
        return visit.get(path)
