"""A connection that says what it is told to, and reads responses strictly: for clients that verify every byte."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from dataclasses import dataclass

ANSWER_SECONDS = 30.0  # what takes longer is lost
_TCP_REPAIR = 19


class Cut(Exception):
    """The connection ended before the response did."""

    def __init__(self, how: str, status: int | None, body: bytes) -> None:
        super().__init__(f"{how} after {'no status' if status is None else status} and {len(body)} bytes of content")
        self.status = status
        self.body = body


class Malformed(Exception):
    """What the server sent is no response."""


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.fields.get("connection") == "close"


class Wire:
    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = b""
        self._end = ""  # how the connection ended

    @classmethod
    async def open(cls, port: int, receive_buffer: int = 0) -> Wire:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    # --- saying

    async def send(self, data: bytes) -> None:
        """All of it. An end of the connection isn't told here, but where an answer is read."""
        try:
            await asyncio.get_running_loop().sock_sendall(self._socket, data)
        except OSError as error:
            self._end = self._end or repr(error)

    def send_some(self, data: bytes) -> int:
        """As much as fits, without waiting."""
        try:
            return self._socket.send(data)
        except OSError:
            return 0

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def vanish(self) -> bool:
        """Goes without a word, as when a cable is cut; False where the system doesn't allow that."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
        except OSError:
            return False
        self._socket.close()
        return True

    def is_cut(self) -> bool:
        """The server has reset or closed the connection; seen without reading."""
        poll = select.poll()
        poll.register(self._socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    # --- hearing

    async def answer(self, method: str = "GET") -> Answer:
        """The next final response. Raises Cut, Malformed, TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                status, fields = await self._head()
                if status >= 200:
                    break
            if method == "HEAD" or status in (204, 304):
                return Answer(status, fields, b"")
            return Answer(status, fields, await self._body(status, fields))

    async def until_end(self) -> str:
        """Waits for the end: "" when it came in order, else how. Raises Malformed when more than that comes."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while await self._more():
                pass
        if self._received:
            raise Malformed(f"after the last response: {self._received[:200]!r}")
        return "" if self._end == "closed" else self._end

    async def take(self, most: int) -> None:
        """Reads a little, whatever it is."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(self._received) < most and await self._more():
                pass

    @property
    def has_surplus(self) -> bool:
        return bool(self._received)

    async def _head(self) -> tuple[int, dict[str, str]]:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not await self._more():
                raise Cut(self._end, None, self._received)
        head, self._received = self._received[:end].decode("latin-1"), self._received[end + 4 :]
        first, *lines = head.split("\r\n")
        version, _, rest = first.partition(" ")
        if version != "HTTP/1.1" or not rest[:3].isdigit() or rest[3:4] != " ":
            raise Malformed(f"no status line: {first[:200]!r}")
        fields: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            if not colon or name in fields:
                raise Malformed(f"no header field, or a second one: {line[:200]!r}")
            fields[name.lower()] = value
        return int(rest[:3]), fields

    async def _body(self, status: int, fields: dict[str, str]) -> bytes:
        if fields.get("transfer-encoding") == "chunked":
            return await self._chunks(status)
        if "content-length" not in fields:
            raise Malformed(f"{status} has neither content-length nor chunks: {fields}")
        return await self._exactly(int(fields["content-length"]), status, b"")

    async def _chunks(self, status: int) -> bytes:
        body = b""
        while True:
            while (end := self._received.find(b"\r\n")) < 0:
                if not await self._more():
                    raise Cut(self._end, status, body)
            size = int(self._received[:end], 16)
            self._received = self._received[end + 2 :]
            chunk = await self._exactly(size + 2, status, body)
            if not chunk.endswith(b"\r\n"):
                raise Malformed(f"a chunk that doesn't end: {chunk[-20:]!r}")
            body += chunk[:-2]
            if size == 0:
                return body

    async def _exactly(self, size: int, status: int, before: bytes) -> bytes:
        while len(self._received) < size:
            if not await self._more():
                raise Cut(self._end, status, before + self._received[:size])
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    async def _more(self) -> bool:
        try:
            chunk = await asyncio.get_running_loop().sock_recv(self._socket, 256 * 1024)
        except OSError as error:
            self._end = repr(error)
            return False
        if not chunk:
            self._end = "closed"
        self._received += chunk
        return bool(chunk)
