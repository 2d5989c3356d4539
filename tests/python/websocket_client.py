"""A WebSocket's client that sends exactly the frames that a test tells it to, and shows exactly what comes back."""

from __future__ import annotations

import socket
import struct

import outrider
from wire_client import Answer, WireClient

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3


def frame(opcode: int, payload: bytes | str = b"", *, fin: bool = True, mask: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    elif len(data) < 65536:
        head += struct.pack("!BH", 0x80 | 126, len(data))
    else:
        head += struct.pack("!BQ", 0x80 | 127, len(data))
    pattern = (mask * (len(data) // 4 + 1))[: len(data)]
    masked = int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")
    return head + mask + masked.to_bytes(len(data), "big")


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


def handshake(target: str = "/", *lines: str) -> str:
    own = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n{own}" + "".join(f"{line}\r\n" for line in lines) + "\r\n"


class WebSocketClient(WireClient):
    """One connection, which is a WebSocket after `open()`."""

    def __init__(self, server: outrider.Server, target: str = "/", *lines: str, opens: bool = True) -> None:
        super().__init__(server)
        if opens:
            answer = self.ask(target, *lines)
            assert answer.status == 101, answer

    def ask(self, target: str = "/", *lines: str) -> Answer:
        """Asks for a WebSocket, and reads the answer."""
        self.send(handshake(target, *lines))
        return self.answer()

    def say(self, payload: bytes | str) -> None:
        self.send(frame(TEXT if isinstance(payload, str) else BINARY, payload))

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._reader.read(size - len(data))
            assert more, f"the connection ended after {data!r}"
            data += more
        return data

    def read_frame(self) -> tuple[int, bytes]:
        """The opcode and payload of the next frame, which must be whole and unmasked."""
        first, size = self.read_exactly(2)
        assert first & 0x80, "a fragment"
        assert not size & 0x80, "a server doesn't mask"
        if size == 126:
            (size,) = struct.unpack("!H", self.read_exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read_exactly(8))
        return first & 0x0F, self.read_exactly(size)

    def hear(self) -> str | bytes:
        """The next message."""
        opcode, payload = self.read_frame()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return payload.decode() if opcode == TEXT else payload

    def read_close(self) -> tuple[int, str]:
        """Code and reason of the close frame that comes next."""
        opcode, payload = self.read_frame()
        assert opcode == CLOSE, (opcode, payload)
        return (int.from_bytes(payload[:2], "big") if payload else 1005), payload[2:].decode()

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begins the closing handshake, or answers the server's."""
        self.send(frame(CLOSE, b"" if code is None else close_payload(code, reason)))

    def reset(self) -> None:
        """Breaks the connection off."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
