"""What five WebSocket clients have in common: each says what it is told to and tells what it heard."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import ssl
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Message = str | bytes


@dataclass
class Talk:
    """What came of a connection."""

    subprotocol: str | None
    header: str | None  # x-name
    heard: list[Message] = field(default_factory=list)
    code: int | None = None  # of the server's close frame
    reason: str = ""

    @classmethod
    def begin(cls, socket: Any) -> Talk:
        """Of a client that keeps the response to its handshake."""
        assert socket.response is not None
        return cls(socket.subprotocol, socket.response.headers.get("x-name"))


def with_websockets(
    url: str,
    subprotocols: Sequence[str],
    messages: Sequence[Message],
    is_closed: bool,
    context: ssl.SSLContext | None = None,
) -> Talk:
    """Sends each message and waits for one; then waits for the server to close, or closes with 1000."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with connect(url, **_options_of_websockets(subprotocols, context)) as socket:
        talk = Talk.begin(socket)
        for message in messages:
            socket.send(message)
            talk.heard.append(socket.recv())
        if is_closed:
            socket.send("close")
            try:
                socket.recv()
            except ConnectionClosed as closed:
                _take_close(talk, closed)
    return talk


def with_websockets_asyncio(
    url: str,
    subprotocols: Sequence[str],
    messages: Sequence[Message],
    is_closed: bool,
    context: ssl.SSLContext | None = None,
) -> Talk:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async def run() -> Talk:
        async with connect(url, **_options_of_websockets(subprotocols, context)) as socket:
            talk = Talk.begin(socket)
            for message in messages:
                await socket.send(message)
                talk.heard.append(await socket.recv())
            if is_closed:
                await socket.send("close")
                try:
                    await socket.recv()
                except ConnectionClosed as closed:
                    _take_close(talk, closed)
        return talk

    return asyncio.run(run())


def _options_of_websockets(subprotocols: Sequence[str], context: ssl.SSLContext | None) -> dict[str, Any]:
    return {"subprotocols": list(subprotocols) or None, "proxy": None, "ssl": context}


def _take_close(talk: Talk, closed: Any) -> None:
    """Of the library's ConnectionClosed."""
    assert closed.rcvd is not None
    talk.code, talk.reason = closed.rcvd.code, closed.rcvd.reason


def with_aiohttp(
    url: str,
    subprotocols: Sequence[str],
    messages: Sequence[Message],
    is_closed: bool,
    context: ssl.SSLContext | None = None,
) -> Talk:
    import aiohttp

    async def run() -> Talk:
        ws_options: Any = {"protocols": subprotocols, "ssl": context or True}
        async with aiohttp.ClientSession() as session, session.ws_connect(url, **ws_options) as socket:
            talk = Talk(socket.protocol, socket._response.headers.get("x-name"))
            for message in messages:
                await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
                talk.heard.append((await socket.receive()).data)
            if is_closed:
                await socket.send_str("close")
                closed = await socket.receive()
                assert closed.type is aiohttp.WSMsgType.CLOSE
                talk.code, talk.reason = closed.data, closed.extra or ""
        return talk

    # Over TLS it leaves its transport to the garbage collector, where the loop ends before the farewells are over.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        talk = asyncio.run(run())
        gc.collect()
    return talk


def with_httpx_ws(
    url: str,
    subprotocols: Sequence[str],
    messages: Sequence[Message],
    is_closed: bool,
    context: ssl.SSLContext | None = None,
) -> Talk:
    import httpx
    import wsproto.events
    from httpx_ws import WebSocketDisconnect, connect_ws

    with (
        httpx.Client(trust_env=False, verify=context or True) as client,
        connect_ws(url.replace("ws", "http", 1), client, subprotocols=list(subprotocols) or None) as socket,
    ):
        talk = Talk.begin(socket)
        for message in messages:
            (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))  # type: ignore[func-returns-value]
            event = socket.receive()
            assert isinstance(event, wsproto.events.Message)
            talk.heard.append(bytes(event.data) if not isinstance(event.data, str) else event.data)
        if is_closed:
            socket.send_text("close")
            try:
                socket.receive()
            except WebSocketDisconnect as closed:
                talk.code, talk.reason = closed.code, closed.reason or ""
    return talk


def with_wsproto(
    url: str,
    subprotocols: Sequence[str],
    messages: Sequence[Message],
    is_closed: bool,
    context: ssl.SSLContext | None = None,
) -> Talk:
    """wsproto has no I/O of its own."""
    from wsproto import ConnectionType, WSConnection, events

    parts = urlsplit(url)
    host, port = str(parts.hostname), int(parts.port or 0)
    connection = WSConnection(ConnectionType.CLIENT)
    with contextlib.ExitStack() as stack:
        wire = stack.enter_context(socket.create_connection((host, port), timeout=10))
        if context is not None:
            wire = stack.enter_context(context.wrap_socket(wire, server_hostname=host))

        def next_event() -> Any:
            while True:
                for event in connection.events():
                    return event
                connection.receive_data(wire.recv(65536) or None)

        def next_message() -> Message | None:
            """None: the server has closed."""
            pieces: list[Any] = []
            while isinstance(event := next_event(), events.Message):
                pieces.append(event.data)
                if event.message_finished:
                    return "".join(pieces) if isinstance(event, events.TextMessage) else b"".join(pieces)
            assert isinstance(event, events.CloseConnection)
            talk.code, talk.reason = event.code, event.reason or ""
            return None

        wire.sendall(connection.send(events.Request(host=host, target=parts.path, subprotocols=list(subprotocols))))
        accepted = next_event()
        assert isinstance(accepted, events.AcceptConnection)
        names = dict(accepted.extra_headers)
        talk = Talk(accepted.subprotocol, names[b"x-name"].decode() if b"x-name" in names else None)
        for message in messages:
            wire.sendall(connection.send(events.Message(data=message)))
            heard = next_message()
            assert heard is not None
            talk.heard.append(heard)
        if is_closed:
            wire.sendall(connection.send(events.TextMessage(data="close")))
            assert next_message() is None
        else:
            wire.sendall(connection.send(events.CloseConnection(code=1000)))
            assert isinstance(next_event(), events.CloseConnection)
    return talk


Client = Callable[..., Talk]
CLIENTS: dict[str, Client] = {
    "websockets": with_websockets,
    "websockets_asyncio": with_websockets_asyncio,
    "aiohttp": with_aiohttp,
    "httpx_ws": with_httpx_ws,
    "wsproto": with_wsproto,
}
