"""Clients that don't behave, one fault after the other. What they are answered, if they are, is checked, too."""

from __future__ import annotations

import asyncio
import random

from content import content
from journal import Journal
from wire import ANSWER_SECONDS, Answer, Cut, Malformed, Wire

SECOND = 1.0  # between the bytes of those who send a byte a second
_ERRORS = (400, 408, 414, 431, 501, 505)  # what a client's mistake may be answered with


class Wrong(Exception):
    """The server did what it must not."""


class FaultyClient:
    def __init__(self, port: int, name: str, journal: Journal) -> None:
        self._port = port
        self._name = name
        self._journal = journal
        self._choose = random.Random(f"{journal.seed}/{name}")
        self._said: list[bytes] = []

    async def run(self) -> None:
        """Until the journal is closed."""
        while not self._journal.is_over:
            kind, weight = zip(*KINDS, strict=True)
            fault = self._choose.choices(kind, weight)[0]
            self._said = []
            try:
                await fault(self)
                self._journal.faults.update([fault.__name__.replace("_", " ")])
            except (Cut, Malformed, Wrong, TimeoutError, OSError) as error:
                self._journal.fail(f"{self._name} ({fault.__name__})", error, self._said)

    async def _say(self, wire: Wire, data: bytes) -> None:
        self._said.append(data)
        await wire.send(data)

    def _number(self) -> int:
        return next(self._journal.numbers)

    def _request(self, size: int = 0, stream: bool = False) -> bytes:
        target = f"/content/{self._number()}?size={size}&stream={int(stream)}"
        return f"GET {target} HTTP/1.1\r\nhost: soak\r\n\r\n".encode()

    def _large_request(self) -> bytes:
        """In one piece it is the application's memory, so that is less."""
        return self._request(*self._choose.choice(((1_000_000, False), (20_000_000, True))))

    def _post(self, size: int) -> bytes:
        number = self._number()
        head = f"POST /echo/{number} HTTP/1.1\r\nhost: soak\r\ncontent-length: {size}\r\n\r\n"
        return head.encode() + content(number, size)

    def _cut(self, data: bytes) -> bytes:
        """A beginning of it."""
        return data[: self._choose.randrange(len(data))]

    async def _pause(self) -> None:
        await asyncio.sleep(self._choose.choice((0, 0.001, 0.02)))

    # --- those who go

    async def reset_in_the_head(self) -> None:
        wire = await Wire.open(self._port)
        await self._say(wire, self._cut(self._request()))
        await self._pause()
        wire.reset()

    async def reset_in_the_body(self) -> None:
        wire = await Wire.open(self._port)
        await self._say(wire, self._cut(self._post(self._choose.choice((10, 5000, 500_000)))))
        await self._pause()
        wire.reset()

    async def reset_in_the_response(self) -> None:
        wire = await Wire.open(self._port, self._choose.choice((0, 4096)))
        await self._say(wire, self._large_request())
        await wire.take(self._choose.choice((1, 1000, 200_000)))
        wire.reset()

    async def half_close_in_the_request(self) -> None:
        """The request can't become whole any more: there is no answer, or an error, and the connection ends."""
        wire = await Wire.open(self._port)
        await self._say(wire, self._cut(self._post(1000)))
        wire.half_close()
        try:
            self._check_error(await wire.answer())
        except Cut as cut:
            if cut.status is not None:
                raise
        finally:
            wire.close()

    async def disappear(self) -> None:
        """Without a word, in the head, in the body or in the response."""
        wire = await Wire.open(self._port)
        kind = self._choose.randrange(3)
        data = (self._cut(self._request()), self._cut(self._post(100_000)), self._request(5_000_000, True))[kind]
        await self._say(wire, data)
        await self._pause()
        if not wire.vanish():
            await self._be_cut(wire)  # the same for the server: nothing comes any more

    async def go_while_it_is_waited(self) -> None:
        """The application hears of it, and raises."""
        wire = await Wire.open(self._port)
        await self._say(wire, f"GET /fail/gone/{self._number()} HTTP/1.1\r\nhost: soak\r\n\r\n".encode())
        await asyncio.sleep(self._choose.choice((0.001, 0.05)))
        wire.reset()

    # --- those who stay

    async def never_read(self) -> None:
        """More than the kernel takes for a client: what has left, the server doesn't wait for."""
        wire = await Wire.open(self._port, 4096)
        await self._say(wire, self._request(20_000_000, True))
        await self._be_cut(wire)

    async def pipeline_and_never_read(self) -> None:
        wire = await Wire.open(self._port, 4096)
        flood = b"".join(self._request(5000) for _ in range(2000))
        self._said.append(flood)
        end = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while flood and not wire.is_cut() and asyncio.get_running_loop().time() < end:
            flood = flood[wire.send_some(flood) :]
            await asyncio.sleep(0.05)
        await self._be_cut(wire)

    async def say_nothing(self) -> None:
        await self._be_cut(await Wire.open(self._port))

    async def send_a_byte_a_second_of_a_head(self) -> None:
        wire = await Wire.open(self._port)
        await self._hear_408_while_sending(wire, self._request())

    async def send_a_byte_a_second_of_a_body(self) -> None:
        """Which is less than body_rate_min."""
        wire = await Wire.open(self._port)
        data = self._post(100)
        await self._say(wire, data[:-100])
        await self._hear_408_while_sending(wire, data[-100:])

    async def send_garbage(self) -> None:
        garbage = self._choose.randbytes(self._choose.choice((10, 1000, 100_000)))
        await self._be_refused(b"\x00" + garbage)

    async def send_a_control_byte(self) -> None:
        """One byte of a good request is none that may be there."""
        data = bytearray(self._request())
        data[self._choose.randrange(len(data) - 4)] = self._choose.choice((0x00, 0x01, 0x7F))
        await self._be_refused(bytes(data))

    async def send_a_wrong_chunk(self) -> None:
        head = f"POST /echo/{self._number()} HTTP/1.1\r\nhost: soak\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
        wrong = (b"g\r\n", b"-1\r\n", b"5\nhello\r\n", b"5\r\nhelloX", b"fffffffffffffffff\r\n", b"0x5\r\nhello\r\n")
        await self._be_refused(head.encode() + self._choose.choice(wrong))

    async def send_good_and_bad(self) -> None:
        """A good request is answered, whatever comes behind it."""
        wire = await Wire.open(self._port)
        number = self._number()
        good = f"GET /content/{number}?size=5000 HTTP/1.1\r\nhost: soak\r\n\r\n".encode()
        await self._say(wire, good + b"\x00\r\n" + self._choose.randbytes(100))
        answer = await wire.answer()
        if answer.status != 200 or answer.body != content(number, 5000):
            raise Wrong(f"the answer to the good request is {answer.status}")
        await self._hear_refusal(wire)

    async def _hear_408_while_sending(self, wire: Wire, data: bytes) -> None:
        for byte in data:
            await self._say(wire, bytes([byte]))
            await asyncio.sleep(SECOND)
            if wire.is_cut():
                break
        answer = await wire.answer()
        if answer.status != 408:
            raise Wrong(f"the status is {answer.status}, not 408")
        wire.close()

    async def _be_refused(self, data: bytes) -> None:
        wire = await Wire.open(self._port)
        await self._say(wire, data)
        await self._hear_refusal(wire)

    async def _hear_refusal(self, wire: Wire) -> None:
        """The answer is complete, says that the connection closes, and it does, in order."""
        self._check_error(await wire.answer())
        wire.half_close()
        if how := await wire.until_end():
            raise Wrong(f"the connection ended by {how} after the error")
        wire.close()

    @staticmethod
    def _check_error(answer: Answer) -> None:
        if answer.status not in _ERRORS:
            raise Wrong(f"the status is {answer.status}, which is none of {_ERRORS}")
        if not answer.closes:
            raise Wrong(f"{answer.status} doesn't say that the connection closes: {answer.fields}")

    async def _be_cut(self, wire: Wire) -> None:
        """By a timeout of the server; what it has sent isn't read."""
        end = asyncio.get_running_loop().time() + ANSWER_SECONDS
        while not wire.is_cut():
            if asyncio.get_running_loop().time() > end:
                raise Wrong(f"the server hasn't cut this client off within {ANSWER_SECONDS:g} s")
            await asyncio.sleep(0.05)
        wire.close()


# Each with how often it is chosen. Those that take seconds of waiting are as frequent in time as the others.
KINDS = (
    (FaultyClient.reset_in_the_head, 5),
    (FaultyClient.reset_in_the_body, 5),
    (FaultyClient.reset_in_the_response, 3),
    (FaultyClient.half_close_in_the_request, 3),
    (FaultyClient.disappear, 3),
    (FaultyClient.go_while_it_is_waited, 3),
    (FaultyClient.never_read, 1),
    (FaultyClient.pipeline_and_never_read, 1),
    (FaultyClient.say_nothing, 1),
    (FaultyClient.send_a_byte_a_second_of_a_head, 1),
    (FaultyClient.send_a_byte_a_second_of_a_body, 1),
    (FaultyClient.send_garbage, 3),
    (FaultyClient.send_a_control_byte, 3),
    (FaultyClient.send_a_wrong_chunk, 3),
    (FaultyClient.send_good_and_bad, 3),
)
