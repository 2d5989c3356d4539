"""The requests that verifying clients send, each with what must come back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from content import content


@dataclass(frozen=True)
class Expected:
    """A request with its one right outcome."""

    number: int
    kind: str
    method: str
    data: bytes
    status: int = 200
    body: bytes = b""
    is_cut: bool = False  # the response ends in the middle, and what came of its body is the beginning of `body`
    waits: bool = False  # for 100 (Continue)

    def describe(self) -> str:
        return f"{self.kind} {self.number}: {self.data[:300]!r}{'…' if len(self.data) > 300 else ''}"


def _request(method: str, target: str, *lines: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "host: soak", *lines, "", ""]).encode()


class Requests:
    """Thread: one; every choice is that of `choose`."""

    def __init__(self, choose: random.Random, numbers: Iterator[int]) -> None:
        self._choose = choose
        self._numbers = numbers

    def any(self) -> Expected:
        kinds = (self.get, self.stream, self.head, self.echo, self.echo_in_chunks, self.echo_waiting, self.slow)
        return self._choose.choices(kinds, (8, 4, 1, 4, 4, 1, 2))[0]()

    def failing(self) -> Expected:
        kinds = (self.fail_before, self.fail_begun, self.fail_after, self.fail_middle, self.fail_reading)
        return self._choose.choice(kinds)()

    def size(self) -> int:
        """Mostly small, sometimes more than every buffer of the server."""
        most = self._choose.choices((0, 2000, 70_000, 600_000), (1, 12, 4, 1))[0]
        return self._choose.randint(0, most)

    # --- answered in full

    def get(self) -> Expected:
        number, size = next(self._numbers), self.size()
        data = _request("GET", f"/content/{number}?size={size}")
        return Expected(number, "get", "GET", data, body=content(number, size))

    def stream(self) -> Expected:
        number, size = next(self._numbers), self.size()
        data = _request("GET", f"/content/{number}?size={size}&stream=1")
        return Expected(number, "stream", "GET", data, body=content(number, size))

    def head(self) -> Expected:
        number = next(self._numbers)
        return Expected(number, "head", "HEAD", _request("HEAD", f"/content/{number}?size={self.size()}"))

    def slow(self) -> Expected:
        number, size = next(self._numbers), self.size()
        data = _request("GET", f"/slow/{number}?ms={self._choose.randint(0, 30)}&size={size}")
        return Expected(number, "slow", "GET", data, body=content(number, size))

    def echo(self) -> Expected:
        number, body = self._numbered_body()
        data = _request("POST", f"/echo/{number}", f"content-length: {len(body)}") + body
        return Expected(number, "echo", "POST", data, body=body)

    def echo_in_chunks(self) -> Expected:
        number, body = self._numbered_body()
        data = _request("POST", f"/echo/{number}", "transfer-encoding: chunked") + self._chunked(body)
        return Expected(number, "echo in chunks", "POST", data, body=body)

    def echo_waiting(self) -> Expected:
        number, body = self._numbered_body()
        lines = (f"content-length: {len(body)}", "expect: 100-continue")
        return Expected(
            number, "echo waiting", "POST", _request("POST", f"/echo/{number}", *lines) + body, body=body, waits=True
        )

    # --- failing

    def fail_before(self) -> Expected:
        number = next(self._numbers)
        return Expected(number, "fail before", "GET", _request("GET", f"/fail/before/{number}"), status=500)

    def fail_begun(self) -> Expected:
        number = next(self._numbers)
        return Expected(number, "fail begun", "GET", _request("GET", f"/fail/begun/{number}"), status=500)

    def fail_after(self) -> Expected:
        number = next(self._numbers)
        return Expected(number, "fail after", "GET", _request("GET", f"/fail/after/{number}"), is_cut=True)

    def fail_middle(self) -> Expected:
        number, size = next(self._numbers), self._choose.randint(200_000, 600_000)
        data = _request("GET", f"/fail/middle/{number}?size={size}")
        return Expected(number, "fail middle", "GET", data, body=content(number, size), is_cut=True)

    def fail_reading(self) -> Expected:
        number, body = self._numbered_body()
        data = _request("POST", f"/fail/reading/{number}?size={len(body)}", f"content-length: {len(body)}") + body
        return Expected(number, "fail reading", "POST", data, status=500)

    def _numbered_body(self) -> tuple[int, bytes]:
        number = next(self._numbers)
        return number, content(number, self.size())

    def _chunked(self, body: bytes) -> bytes:
        chunks = []
        while body:
            size = self._choose.choice((1, 7, 100, 5000, 100_000))
            extension = self._choose.choice((b"", b"", b";a=b"))
            chunks.append(b"%x%s\r\n%s\r\n" % (min(size, len(body)), extension, body[:size]))
            body = body[size:]
            if len(chunks) > 200:
                size = len(body)
                chunks += [b"%x\r\n%s\r\n" % (size, body)] if size else []
                body = b""
        trailer = self._choose.choice((b"", b"x-trailer: end\r\n"))
        return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"
