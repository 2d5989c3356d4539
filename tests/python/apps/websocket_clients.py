"""What four WebSocket clients have in common: each says what it is told to and tells what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Message = str | bytes


@dataclass
class Talk:
    """What came of a connection."""

    subprotocol: str | None
    header: str | None  # x-name
    heard: list[Message] = field(default_factory=list)
    code: int | None = None  # of the server's close frame
    reason: str = ""


def with_websockets(url: str, subprotocols: Sequence[str], messages: Sequence[Message], is_closed: bool) -> Talk:
    """Sends each message and waits for one; then waits for the server to close, or closes with 1000."""
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect
    from websockets.typing import Subprotocol

    with connect(url, subprotocols=[Subprotocol(name) for name in subprotocols] or None, proxy=None) as socket:
        assert socket.response is not None
        talk = Talk(socket.subprotocol, socket.response.headers.get("x-name"))
        for message in messages:
            socket.send(message)
            talk.heard.append(socket.recv())
        if is_closed:
            socket.send("close")
            try:
                socket.recv()
            except ConnectionClosed as closed:
                assert closed.rcvd is not None
                talk.code, talk.reason = closed.rcvd.code, closed.rcvd.reason
    return talk


def with_websockets_asyncio(
    url: str, subprotocols: Sequence[str], messages: Sequence[Message], is_closed: bool
) -> Talk:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed
    from websockets.typing import Subprotocol

    async def run() -> Talk:
        offered = [Subprotocol(name) for name in subprotocols] or None
        async with connect(url, subprotocols=offered, proxy=None) as socket:
            assert socket.response is not None
            talk = Talk(socket.subprotocol, socket.response.headers.get("x-name"))
            for message in messages:
                await socket.send(message)
                talk.heard.append(await socket.recv())
            if is_closed:
                await socket.send("close")
                try:
                    await socket.recv()
                except ConnectionClosed as closed:
                    assert closed.rcvd is not None
                    talk.code, talk.reason = closed.rcvd.code, closed.rcvd.reason
        return talk

    return asyncio.run(run())


def with_aiohttp(url: str, subprotocols: Sequence[str], messages: Sequence[Message], is_closed: bool) -> Talk:
    import aiohttp

    async def run() -> Talk:
        async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=subprotocols) as socket:
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

    return asyncio.run(run())


def with_httpx_ws(url: str, subprotocols: Sequence[str], messages: Sequence[Message], is_closed: bool) -> Talk:
    import httpx
    import wsproto.events
    from httpx_ws import WebSocketDisconnect, connect_ws

    with (
        httpx.Client(trust_env=False) as client,
        connect_ws(url.replace("ws://", "http://"), client, subprotocols=list(subprotocols) or None) as socket,
    ):
        assert socket.response is not None
        talk = Talk(socket.subprotocol, socket.response.headers.get("x-name"))
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


Client = Callable[[str, Sequence[str], Sequence[Message], bool], Talk]
CLIENTS: dict[str, Client] = {
    "websockets": with_websockets,
    "websockets_asyncio": with_websockets_asyncio,
    "aiohttp": with_aiohttp,
    "httpx_ws": with_httpx_ws,
}
