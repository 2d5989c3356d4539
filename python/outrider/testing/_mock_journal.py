# SPDX-License-Identifier: MIT
"""What a mock was asked, as far as it is kept, and how that is shown to people."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from outrider.testing._mock_routes import Expected, MockRequest, Route

# What is kept; the oldest goes first.
REQUESTS_MAX = 10_000
BYTES_MAX = 64 * 1024 * 1024
# How many requests, or routes, a message shows.
SHOWN_MAX = 10


class Journal:
    """Thread: any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # for all that follows
        self._requests: deque[MockRequest] = deque()
        self._bytes = 0
        self._dropped = 0  # because there were too many
        self._unexpected: list[str] = []
        self._unexpected_count = 0

    @property
    def requests(self) -> tuple[MockRequest, ...]:
        with self._changed:
            return tuple(self._requests)

    def add(self, request: MockRequest) -> None:
        with self._changed:
            self._requests.append(request)
            self._bytes += len(request.body)
            while len(self._requests) > 1 and (len(self._requests) > REQUESTS_MAX or self._bytes > BYTES_MAX):
                self._bytes -= len(self._requests.popleft().body)
                self._dropped += 1
            self._changed.notify_all()

    def add_unexpected(self, request: MockRequest, routes: str) -> None:
        """One that no route answers: that is told, even when the request itself isn't kept any more."""
        with self._changed:
            self._unexpected_count += 1
            if len(self._unexpected) < SHOWN_MAX:
                self._unexpected.append(f"  {request}\n{_indented(routes, 4)}")

    def forget(self) -> None:
        with self._changed:
            self._requests.clear()
            self._unexpected.clear()
            self._bytes = self._dropped = self._unexpected_count = 0

    def matching(self, expected: Expected) -> tuple[MockRequest, ...]:
        return tuple(request for request in self.requests if not expected.differences(request))

    def wait_for(self, expected: Expected, times: int, timeout: float) -> MockRequest | None:
        """The one that was expected so many times, when it is there; None after that many seconds."""

        def found() -> MockRequest | None:
            matching = self.matching(expected)
            return matching[times - 1] if len(matching) >= times else None

        with self._changed:
            return self._changed.wait_for(found, timeout)

    def unexpected(self) -> str:
        """All that no route answered; empty for none."""
        with self._changed:
            more = self._unexpected_count - len(self._unexpected)
            return "\n".join([*self._unexpected, *([f"  and {more} more"] if more else [])])

    def nearest(self, expected: Expected) -> str:
        """What was asked, with what isn't as expected in each."""
        with self._changed:
            requests, dropped = sorted(self._requests, key=expected.distance), self._dropped
        if not requests:
            return "It was asked for nothing."
        shown = _shown((request, expected.differences(request)) for request in requests)
        too_many = f"\n  ({dropped} older ones are not kept)" if dropped else ""
        return f"It was asked for, the nearest first:\n{shown}{too_many}"


def nearest_routes(routes: Iterable[Route], request: MockRequest) -> str:
    """The routes, with what they would have in a request's place."""
    ordered = sorted(routes, key=lambda route: route.expected.distance(request))
    if not ordered:
        return "It has no routes."
    return f"Its routes, the nearest first:\n{_shown((one, one.expected.differences(request)) for one in ordered)}"


def _shown(entries: Iterable[tuple[object, list[str]]]) -> str:
    lines = ["  ".join([f"  {one}", *([f"({'; '.join(why)})"] if why else [])]) for one, why in entries]
    more = len(lines) - SHOWN_MAX
    return "\n".join([*lines[:SHOWN_MAX], *([f"  and {more} more"] if more > 0 else [])])


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())
