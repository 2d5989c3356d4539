"""What the tests of the ASGI bridge say again and again: its types, two messages, and ways to serve an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import outrider
from wire_client import WireClient

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OK = {"type": "http.response.start", "status": 200, "headers": []}
DONE = {"type": "http.response.body", "body": b"done"}


def serving(app: App, **options: Any) -> outrider.Server:
    options.setdefault("lifespan", "off")
    return outrider.serve(app, **options)


class Recorder:
    """An application that answers 200 and keeps the scopes it was called with."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await send(OK)
        await send(DONE)


def scope_of(request: str | bytes, **options: Any) -> Scope:
    app = Recorder()
    with serving(app, **options) as server, WireClient(server) as client:
        client.send(request)
        assert client.answer().status == 200
    return app.scopes[0]


def exception_from_send(*messages: Any) -> tuple[BaseException, int]:
    """What send() raised for the last message, and the status that the client got."""
    raised: list[BaseException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages[:-1]:
            await send(message)
        try:
            await send(messages[-1])
        except BaseException as error:
            raised.append(error)
            raise

    with serving(app) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        raw = client.read_to_end()
        assert server.errors == raised
    return raised[0], int(raw[9:12]) if raw else 0
