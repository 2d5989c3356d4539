"""Clients that behave, and verify every answer byte for byte: alone, pipelined, in pieces, half-closed, and where the
application raises."""

from __future__ import annotations

import asyncio
import random

from journal import Journal
from known_requests import Expected, Requests
from wire import Cut, Malformed, Wire

_ERROR_BODIES = (b"Internal Server Error", b"Internal Server Error\n")  # of Python, of C++


class Wrong(Exception):
    """An answer that isn't the right one."""


class NormalClient:
    def __init__(self, port: int, name: str, journal: Journal) -> None:
        self._port = port
        self._journal = journal
        self._name = name
        self._choose = random.Random(f"{journal.seed}/{name}")
        self._requests = Requests(self._choose, journal.numbers)
        self._wire: Wire | None = None

    async def run(self) -> None:
        """Until the journal is closed."""
        kinds = (self._single, self._in_pieces, self._pipelined, self._half_closed, self._failing)
        while not self._journal.is_over:
            step = self._choose.choices(kinds, (10, 2, 2, 1, 3))[0]
            asked: list[Expected] = []
            try:
                await step(asked)
            except (Cut, Malformed, Wrong, TimeoutError, OSError) as error:
                self._journal.fail(self._name, error, [expected.data for expected in asked])
                self._close()
        self._close()

    async def _connection(self) -> Wire:
        if self._wire is not None and self._choose.random() < 0.05:
            self._close()
        if self._wire is None:
            self._wire = await Wire.open(self._port)
        return self._wire

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def _single(self, asked: list[Expected]) -> None:
        asked.append(self._requests.any())
        wire = await self._connection()
        await wire.send(asked[0].data)
        await self._verify(wire, asked[0])

    async def _in_pieces(self, asked: list[Expected]) -> None:
        asked.append(self._requests.any())
        wire = await self._connection()
        data = asked[0].data
        while data:
            size = self._choose.choice((1, 3, 17, 300, 20_000, 300_000))
            await wire.send(data[:size])
            data = data[size:]
            await asyncio.sleep(self._choose.choice((0, 0, 0.001)))
        await self._verify(wire, asked[0])

    async def _pipelined(self, asked: list[Expected]) -> None:
        asked += [self._requests.any() for _ in range(self._choose.randint(2, 12))]
        wire = await self._connection()
        # Side by side: a server that takes nothing more until its answers are taken is right.
        sending = asyncio.create_task(wire.send(b"".join(expected.data for expected in asked)))
        try:
            for expected in asked:
                await self._verify(wire, expected, is_last=expected is asked[-1])
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _half_closed(self, asked: list[Expected]) -> None:
        """Says that nothing more will come, right behind the request, and still gets its answer."""
        while not asked or asked[0].kind == "slow":  # who waits is told that the client has probably gone
            asked[:] = [self._requests.any()]
        self._close()
        wire = self._wire = await Wire.open(self._port)
        await wire.send(asked[0].data)
        wire.half_close()
        await self._verify(wire, asked[0], is_kept=True)
        if how := await wire.until_end():
            raise Wrong(f"the connection ended by {how}")
        self._close()

    async def _failing(self, asked: list[Expected]) -> None:
        asked.append(self._requests.failing())
        wire = await self._connection()
        await wire.send(asked[0].data)
        await self._verify(wire, asked[0])

    async def _verify(self, wire: Wire, expected: Expected, is_last: bool = True, is_kept: bool = False) -> None:
        """`is_kept`: also when the answer says that the connection closes."""
        if expected.is_cut:
            await self._verify_cut(wire, expected)
            self._close()
            return
        answer = await wire.answer(expected.method)
        if answer.status != expected.status:
            raise Wrong(f"the status is {answer.status}, not {expected.status}: {answer.body[:200]!r}")
        if answer.status == 500:
            if answer.body not in _ERROR_BODIES:
                raise Wrong(f"the content is {answer.body[:200]!r}")
        elif answer.fields.get("x-number") != str(expected.number):
            raise Wrong(f"the answer is that of {answer.fields.get('x-number')}, not of {expected.number}")
        elif answer.body != expected.body:
            raise Wrong(f"the content isn't right: {describe_difference(answer.body, expected.body)}")
        if is_last and wire.has_surplus:
            raise Wrong("more has come than was asked for")
        self._journal.answers.update([expected.kind])
        if answer.closes and not is_kept:
            if not is_last:
                raise Wrong("the connection closes before all requests are answered")
            self._close()

    async def _verify_cut(self, wire: Wire, expected: Expected) -> None:
        try:
            answer = await wire.answer(expected.method)
        except Cut as cut:
            # Content that was on its way may be lost with the connection, but isn't wrong.
            if cut.status not in (None, 200):
                raise Wrong(f"the status is {cut.status}") from cut
            if cut.status is not None and not expected.body.startswith(cut.body):
                raise Wrong(f"the content isn't right: {describe_difference(cut.body, expected.body)}") from cut
            self._journal.answers.update([expected.kind])
            return
        raise Wrong(f"a failed response looks complete: {answer.status} with {len(answer.body)} bytes")


def describe_difference(found: bytes, wanted: bytes) -> str:
    same = next(
        (i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), min(len(found), len(wanted))
    )
    return (
        f"{len(found)} bytes instead of {len(wanted)}, different from byte {same}: "
        f"{found[same : same + 40]!r} instead of {wanted[same : same + 40]!r}"
    )
