"""What the tests of WebSockets' messages say again and again: the messages, and an application of one function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import outrider
from asgi_app import Receive, Scope, Send, serving

Message = dict[str, Any]

ACCEPT = {"type": "websocket.accept"}
CLOSING = {"type": "websocket.close"}
HELLO = {"type": "websocket.send", "text": "hello"}
START = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"because")]}
BODY = {"type": "websocket.http.response.body", "body": b"no"}


def running(body: Callable[[Scope, Receive, Send], Awaitable[None]], **options: Any) -> outrider.Server:
    """A server of a WebSocket application that has been told of the connection already."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "websocket.connect"}
        await body(scope, receive, send)

    return serving(app, **options)
