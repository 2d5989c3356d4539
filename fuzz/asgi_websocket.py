"""The play of a WebSocket's application and its client, in the world of asgi_world.cpp and after asgi_messages.py.

What the bridge accepted is compared with the frames that the client got, and what the application was told with those
that the client sent.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import Any

import world  # type: ignore[import-not-found]
from asgi_choices import STATUSES, STATUSES_VALID
from asgi_messages import Play, Player, Refused, Request, Wicked, holds

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, COMPRESSED = 0x80, 0x40
END_OF_BLOCK = b"\0\0\xff\xff"  # which permessage-deflate leaves out (RFC 7692 section 7.2.1)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3

HEAD = (
    b"GET /%FF?x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PROTOCOLS = b"Sec-WebSocket-Protocol: one, two\r\n"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
# Handshakes, in pieces that come one after the other; the last ones aren't any.
HANDSHAKES: list[list[bytes]] = [
    [HEAD + b"\r\n"],
    [HEAD + PROTOCOLS + b"\r\n"],
    [HEAD + DEFLATE + b"\r\n"],
    [HEAD + PROTOCOLS, DEFLATE + b"\r\n"],
    [HEAD.replace(b"13", b"12") + b"\r\n"],
    [HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n"],
    [HEAD.replace(b"==", b"") + b"\r\n"],
]
CODES: list[Any] = [1000, 1001, 1013, 3000, 4999, 1005, 1006, 1015, 999, -1, 5000, 2**70, True, "1000", 1.5]
CODES_VALID = 5
REASONS: list[Any] = ["", "away", "\u2603" * 41, "x" * 124, "\ud800", b"x", 7]
REASONS_VALID = 3
SUBPROTOCOLS: list[Any] = [None, "one", "two", "three", "", "\ud800", b"one", 1]
WORDS = ["type", "text", "bytes", "code", "reason", "subprotocol", "headers", "status", "body", "more_body"]
LARGE = 236  # the sizes from here on
# What no client may send: unmasked, of no opcode, with a bit of no extension, cut, not UTF-8, too long, a lone byte.
MISTAKES: list[tuple[int, bytes]] = [
    (FIN | 3, b"x"),
    (FIN | 0x10 | TEXT, b"x"),
    (FIN | CONTINUATION, b"x"),
    (FIN | TEXT, b"\xff"),
    (FIN | BINARY, b"x" * 40001),
    (FIN | CLOSE, b"x"),
    (FIN | CLOSE, b"\x03\xec"),
    (PING, b"x"),
    (FIN | PING, b"x" * 126),
]


def frame(first: int, payload: bytes, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([first]) + length + mask + masked


def compress(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-9)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(END_OF_BLOCK)


class Socket(Request):
    """One call of the application, and what the bridge accepted of its WebSocket."""

    def __init__(self, receive: Any, send: Any) -> None:
        super().__init__(receive, send)
        self.stage = "opening"
        self.subprotocol: str | None = None
        self.sent: list[str | bytes] = []
        self.close: tuple[int, str] | None = None
        self.was_connected = False
        self.task = asyncio.current_task()


class WebSocketPlay(Play):
    takes_websockets = True

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.socket: Socket | None = None
        self.has_begun = False
        self.offers_deflate = False
        self.said: dict[str | bytes, None] = {}  # messages of the client's that weren't told yet
        self.count = 0
        self.pings: list[bytes] = []
        self.is_known = True  # what the client said

    # --- the client ------------------------------------------------------------------------------------------------

    def client_acts(self) -> None:
        source = self.source
        choice = source.byte() % 16
        if not self.has_begun:
            self.has_begun = True
            pieces = HANDSHAKES[choice % len(HANDSHAKES)]
            self.offers_deflate = DEFLATE in b"".join(pieces)
            world.client_send(pieces[0])
            self.later += pieces[1:]
        elif self.later and choice < 12:
            world.client_send(self.later.pop(0))
        elif choice < 6:
            self.says(choice)
        elif choice == 6:
            ping = source.take(source.byte() % 126)
            self.pings.append(ping)
            world.client_send(frame(FIN | PING, ping))
        elif choice == 7:
            world.client_send(frame(FIN | PONG, source.take(source.byte() % 126)))
        elif choice == 8:
            world.client_allow(-1 if self.takes_all or source.byte() % 2 else source.byte() * 4)
        elif choice < 12:
            self.may_end_it(choice)
        else:
            self.is_quiet = self.is_quiet and choice == 12
            [self.does_nothing, world.client_end, world.client_reset, world.drain][choice - 12]()

    def does_nothing(self) -> None:
        pass

    def says(self, choice: int) -> None:
        """A message, whole, or in fragments with a ping in between; a large one takes two turns to come."""
        size = self.source.byte()
        text = f"{self.count}:" + "\u2603" * (size if size < 200 else size * 4)
        if size >= LARGE:
            text = f"{self.count}:" + ("x" * 30000 if size % 2 else "\u2603" * 9000)
        self.count += 1
        payload = text.encode()
        is_text = choice % 2 == 0
        self.said[text if is_text else payload] = None
        first = TEXT if is_text else BINARY
        if self.offers_deflate and choice >= 2:
            first, payload = first | COMPRESSED, compress(payload)
        if choice < 4:
            whole = frame(FIN | first, payload)
            world.client_send(whole[:1000])
            if len(whole) > 1000:
                self.later.append(whole[1000:])
            return
        self.pings.append(b"between")
        middle = self.source.byte()
        world.client_send(frame(first, payload[:middle]) + frame(FIN | PING, b"between"))
        world.client_send(frame(FIN | CONTINUATION, payload[middle:]))

    def may_end_it(self, choice: int) -> None:
        source = self.source
        self.is_quiet = False
        match choice:
            case 9:
                code = source.one_of([None, *CODES[:CODES_VALID]])
                reason = REASONS[source.byte() % REASONS_VALID].encode()
                world.client_send(frame(FIN | CLOSE, b"" if code is None else struct.pack("!H", code) + reason))
            case 10:
                first, payload = source.one_of(MISTAKES)
                world.client_send(frame(first, payload))
                self.is_known = False  # what comes behind may be read otherwise
            case _:
                self.is_known = False
                world.client_send(source.take(source.byte()))

    # --- messages ----------------------------------------------------------------------------------------------------

    def message(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        kind = source.byte() % 16
        if kind < 4:
            return self.accept(request)
        if kind < 9:
            return self.data(request)
        if kind < 11:
            return self.closing(request)
        if kind < 14:
            return self.answer(request)
        types = [
            None,
            {},
            {"type": None},
            {"type": "http.response.start", "status": 200},
            {"type": "websocket.receive"},
        ]
        return source.one_of([*types, {"type": self.wicked(request)}, {self.wicked(request): 1}]), None

    def accept(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        message: dict[Any, Any] = {"type": "".join(["websocket.", "accept"])}
        is_right = True
        subprotocol = None
        if source.byte() % 2:
            subprotocol = message["subprotocol"] = source.one_of(SUBPROTOCOLS)
            is_right = subprotocol in (None, "one", "two")
        if source.byte() % 4 == 0:
            message["headers"], has_fields = self.headers(request)
            is_right = is_right and has_fields
        self.spoils(message, request)
        return message, ("accept", subprotocol) if is_right else None

    def data(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        size = source.byte()
        text = chr(97 + size % 26) * size + "\u2603"
        content: Any = text if size % 2 else text.encode()
        message: dict[Any, Any] = {"type": "".join(["websocket.", "send"])}
        message["text" if size % 2 else "bytes"] = content
        is_right = True
        match source.byte() % 16:
            case 0:
                message = {"type": "websocket.send", "text": None, "bytes": memoryview(text.encode() * 2)[::2]}
                content = (text.encode() * 2)[::2]
            case 1:
                message["bytes" if size % 2 else "text"] = None
            case 2:
                message["text"] = source.one_of(["\ud800", b"x", 5, self.wicked(request)])
                is_right = False
            case 3:
                message["bytes"] = source.one_of(["x", 5, [1], self.wicked(request)])
                is_right = False
            case 4:
                message = {"type": "websocket.send"}
                is_right = False
            case 5:
                message = {"type": "websocket.send", "bytes": bytearray(text.encode() * 20)}
                content = text.encode() * 20
        self.spoils(message, request)
        return message, ("send", content) if is_right else None

    def closing(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        """What it says while there is an answer to give, a 403 is never wrong."""
        source = self.source
        message: dict[Any, Any] = {"type": "".join(["websocket.", "close"])}
        code, reason, is_right = 1000, "", True
        if source.byte() % 2:
            index = source.byte() % len(CODES)
            code = message["code"] = CODES[index]
            is_right = index < CODES_VALID
        if source.byte() % 2:
            index = source.byte() % (len(REASONS) + 1)
            reason = message["reason"] = [*REASONS, self.wicked(request)][index]
            is_right = is_right and index < REASONS_VALID
        self.spoils(message, request)
        return message, ("close", code, reason) if is_right else ("refusal",)

    def answer(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        message: dict[Any, Any]
        if source.byte() % 2:
            index = source.byte() % len(STATUSES)
            message = {"type": "websocket.http.response.start", "status": STATUSES[index]}
            message["headers"], is_right = self.headers(request) if source.byte() % 4 == 0 else ([], True)
            self.spoils(message, request)
            return message, ("start", STATUSES[index]) if is_right and index < STATUSES_VALID else None
        choice = source.byte()
        content = b"n" * (choice % 40)
        message = {"type": "websocket.http.response.body", "body": content, "more_body": choice % 2 == 1}
        if choice >= 240:
            message["body" if choice % 2 else "more_body"] = source.one_of(["x", 5, None, self.wicked(request)])
            return message, None
        self.spoils(message, request)
        return message, ("body", content, choice % 2 == 1)

    def spoils(self, message: dict[Any, Any], request: Request) -> None:
        """A key that runs something when it is met in the search for another."""
        if self.source.byte() % 8 == 0:
            key = Wicked(lambda: self.acts_at_once(request), self.source.one_of(WORDS))
            items = list(message.items())
            message.clear()
            message.update([(key, None), *items])

    def sends(self, request: Request) -> Any:
        """Sends a message; writes down that it was accepted."""
        assert isinstance(request, Socket)
        message, says = self.message(request)
        steps = self.steps
        try:
            awaitable = request.send(message)
        except Refused:
            # Unless it comes from a message that was sent as this one was read.
            is_clear = says is not None and says[0] in ("send", "close") and request.stage == "open"
            is_clear = is_clear and steps == self.steps
            may_be = not is_clear or request.has_ended or not self.is_quiet
            holds(may_be, "a right message on an open WebSocket was refused")
            raise
        if says is None:
            holds(False, f"{message!r:.200} that must be refused was accepted")
            return awaitable
        match says[0], request.stage:
            case "accept", "opening":
                request.stage, request.subprotocol = "open", says[1]
            case "send", "open":
                request.sent.append(says[1])
            case "close", "open":
                request.stage, request.close = "over", (says[1], says[2])
            case "close" | "refusal", "opening":
                request.stage, request.status, request.is_complete = "over", 403, True
            case "start", "opening":
                request.stage, request.status = "responding", says[1]
            case "body", "responding":
                request.content += says[1]
                request.has_content, request.is_complete = True, not says[2]
                request.stage = "responding" if says[2] else "over"
            case what:
                holds(False, f"{what} was accepted")
        return awaitable

    # --- the application ---------------------------------------------------------------------------------------------

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            return  # HTTP/1.0 has no WebSockets
        holds(scope["type"] == "websocket" and self.socket is None, "a scope is one")
        self.socket = Socket(receive, send)
        self.requests.append(self.socket)
        self.socket.swallows = self.source.byte() % 4 != 0
        try:
            await self.acts(self.socket)
        finally:
            self.socket.has_ended = True

    def is_told(self, request: Request, message: Any) -> None:
        assert isinstance(request, Socket)
        match message:
            case {"type": "websocket.connect"}:
                holds(not request.was_connected and len(message) == 1, "websocket.connect comes once")
                request.was_connected = True
            case {"type": "websocket.disconnect", "code": int(), "reason": str()}:
                holds(len(message) == 3, "a disconnection has a code and a reason")
            case {"type": "websocket.receive", "text": str() as content} | {
                "type": "websocket.receive",
                "bytes": bytes() as content,
            }:
                holds(len(message) == 2, "a message is text or bytes")
                holds(content in self.said or not self.is_known, "a message was told that wasn't sent, or twice")
                self.said.pop(content, None)
            case _:
                holds(False, f"there is no such message: {message!r:.200}")

    # --- the whole ---------------------------------------------------------------------------------------------------

    def check_wire(self) -> None:
        wire = world.received()
        if not wire.startswith(b"HTTP/1.1 101 "):
            it = self.socket
            assert it is None or it.stage != "open" or not self.is_quiet, "an accepted WebSocket has its head"
            self.check_answer()
            return
        assert self.socket is not None and self.socket.stage in ("open", "over"), "nobody accepted it"
        head, end, frames = wire.partition(b"\r\n\r\n")
        assert end or not self.is_quiet, "the head is whole"
        if end:
            self.check_head(self.socket, head.lower())
            self.check_frames(self.socket, frames, b"sec-websocket-extensions" in head.lower())

    def check_answer(self) -> None:
        for status, content, _answers_head, _ends_with_close in world.responses(self.is_quiet):
            it = self.socket
            if it is None:
                assert 400 <= status < 600, f"{status} was sent by nobody"
            elif it.status is not None and status == it.status and (it.is_complete or it.has_content):
                has_none = status in (204, 304)
                accepted = b"Forbidden" if it.stage == "over" and not it.has_content else bytes(it.content)
                assert has_none or content == accepted or not self.is_quiet or not it.is_complete, "other content"
            elif status in (500, 503):
                assert it.has_ended, "an error was sent while the application was running"
            else:
                assert 400 <= status < 600, f"{status} was sent by nobody"

    def check_head(self, it: Socket, head: bytes) -> None:
        lines = head.split(b"\r\n")
        assert b"sec-websocket-accept: " + ACCEPT.lower() in lines
        protocol = [line for line in lines if line.startswith(b"sec-websocket-protocol: ")]
        expected = [] if it.subprotocol is None else [f"sec-websocket-protocol: {it.subprotocol}".encode()]
        assert protocol == expected, "another subprotocol was chosen"
        assert self.offers_deflate or b"deflate" not in head, "an extension that wasn't offered"

    def check_frames(self, it: Socket, wire: bytes, has_deflate: bool) -> None:
        heard: list[str | bytes] = []
        pongs: list[bytes] = []
        close: tuple[int, str] | None = None
        inflate = zlib.decompressobj(-15)
        while wire:
            size, skip = (wire[1], 2) if len(wire) > 1 else (0, 2)
            if size == 126 and len(wire) >= 4:
                size, skip = struct.unpack_from("!H", wire, 2)[0], 4
                assert size > 125, "a length is as short as it can be"
            if len(wire) < skip + size:
                assert not self.is_quiet, "a frame is whole"
                break
            assert close is None, "nothing follows a close frame"
            first, payload, wire = wire[0], wire[skip : skip + size], wire[skip + size :]
            if first & COMPRESSED:
                assert has_deflate, "what wasn't negotiated isn't compressed"
                payload = inflate.decompress(payload + END_OF_BLOCK)
            match first & ~COMPRESSED if first & 15 in (TEXT, BINARY) else first:
                case 0x81:
                    heard.append(payload.decode())
                case 0x82:
                    heard.append(payload)
                case 0x8A:
                    pongs.append(payload)
                case 0x88:
                    code = int.from_bytes(payload[:2], "big") if payload else 1005
                    close = (code, payload[2:].decode())
                case _:
                    raise AssertionError(f"a server sends no {first:#x}")
        assert heard == it.sent[: len(heard)], "other messages were sent"
        rest = iter(self.pings)
        assert not self.is_known or all(pong in rest for pong in pongs), "a pong answers a ping"
        if self.is_quiet:
            assert heard == it.sent, "a message wasn't sent"
            assert close == self.expected_close(it), f"{close} isn't how it was closed"

    def expected_close(self, it: Socket) -> tuple[int, str] | None:
        if it.close is not None or not it.has_ended:
            return it.close
        assert it.task is not None and it.task.done()  # which is cancelled, too, where that came as it returned
        return (1011, "") if it.task.cancelled() or it.task.exception() else (1000, "")


run = Player(WebSocketPlay).run
