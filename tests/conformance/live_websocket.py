"""Starlette's WebSocketTestSession over a real connection to a live Outrider.

A test speaks of the messages that the application is sent and sends: here they become frames and are made from frames.
Where the in-process session knows more than a client does:

- an exception that the application let out is in ``Server.errors``, and raised when the session ends, or where the
  handshake has failed;
- a close before the accept is a 403, which doesn't say the code: 1000 is told;
- a close with 1006, which no frame may have, is a connection that breaks;
- the key of the handshake, and what else a client must choose itself, isn't the test's;
- the application isn't cancelled at the session's end: that waits for it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Self

from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession, httpx
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    import asyncio

    from live_client import LiveServer

# What the client makes itself of each handshake, and the server of each answer to one.
CLIENT_OWN = {"connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol", "host"}
SERVER_OWN = {"connection", "upgrade", "sec-websocket-accept", "sec-websocket-protocol", "date", "server"}

# RFC 6455 §7.4.1: no close frame has it, it means that there was none.
ABNORMAL = 1006


class LiveWebSocket(WebSocketTestSession):
    def __init__(self, live: LiveServer, request: httpx.Request, seconds_max: float) -> None:
        self._live = live
        self._request = request
        self._seconds_max = seconds_max
        self._tasks: set[asyncio.Task[Any]] = set()
        self.accepted_subprotocol = None
        self.extra_headers = None

    def __enter__(self) -> Self:
        self._live.count()
        before = self._live.running_tasks()
        try:
            self._connection = self._connect()
        except InvalidHandshake as failure:
            self._raise_error()
            if isinstance(failure, InvalidStatus):
                self._raise_refused(failure.response)
            raise
        # Where it has ended already there is none.
        self._tasks = self._live.running_tasks() - before
        self._live.websocket_tasks |= self._tasks
        self.accepted_subprotocol = self._connection.subprotocol
        self.extra_headers = [
            (key.encode(), value.encode())
            for key, value in self._connection.response.headers.raw_items()
            if key.lower() not in SERVER_OWN
        ]
        return self

    def _connect(self) -> ClientConnection:
        headers = self._request.headers
        offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",") if name.strip()]
        url = self._live.url(self._request.url)
        return connect(
            f"ws://{headers['host']}{url.raw_path.decode()}",
            sock=socket.create_connection(("127.0.0.1", url.port), self._seconds_max),
            additional_headers=[item for item in headers.multi_items() if item[0].lower() not in CLIENT_OWN],
            subprotocols=offered or None,
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=None,
            open_timeout=self._seconds_max,
            close_timeout=self._seconds_max,
        ).__enter__()

    def _raise_refused(self, response: Response) -> None:
        body = bytes(response.body)
        if response.status_code == 403 and body == b"Forbidden":  # what websocket.close has become
            raise WebSocketDisconnect(1000)
        # The body has been read: its framing says nothing any more.
        items = [item for item in response.headers.raw_items() if item[0].lower() != "transfer-encoding"]
        headers = [(key.encode(), value.encode()) for key, value in items]
        raise WebSocketDenialResponse(status_code=response.status_code, headers=headers, content=body)

    def _raise_error(self) -> None:
        error = self._live.settle()
        if error is not None:
            raise error

    def __exit__(self, *exception: object) -> None:
        self.close(1000)
        self._live.websocket_tasks -= self._tasks
        self._raise_error()

    def send(self, message: Any) -> None:
        if message["type"] == "websocket.receive":
            self._connection.send(message["text"] if message.get("text") is not None else message["bytes"])
        elif message["type"] != "websocket.disconnect":
            raise ValueError(f"there is no frame that an application is told of as {message!r}")
        elif message["code"] == ABNORMAL:
            self._connection.socket.shutdown(socket.SHUT_RDWR)
        else:
            self._connection.close(message["code"], message["reason"] or "")

    def receive(self) -> Any:
        try:
            data = self._connection.recv(self._seconds_max)
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (ABNORMAL, "")
            return {"type": "websocket.close", "code": code, "reason": reason}
        return {"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data}
