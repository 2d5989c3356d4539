# SPDX-License-Identifier: MIT
"""What a mock was asked, as far as it is kept, and how that is shown to people."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from outrider.testing._mock_request import MockRequest
from outrider.testing._mock_routes import Expected, Route

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

    def forget(self) -> None:
        with self._changed:
            self._requests.clear()
            self._bytes = self._dropped = 0

    def matching(self, expected: Expected) -> tuple[MockRequest, ...]:
        return tuple(request for request in self.requests if not expected.differences(request))

    def wait_for(self, expected: Expected, times: int, timeout: float) -> MockRequest | None:
        """The one that was expected so many times, when it is there; None after that many seconds."""

        def found() -> MockRequest | None:
            matching = self.matching(expected)
            return matching[times - 1] if len(matching) >= times else None

        with self._changed:
            return self._changed.wait_for(found, timeout)

    def nearest(self, expected: Expected) -> str:
        """What was asked, with what isn't as expected in each."""
        with self._changed:
            requests, dropped = sorted(self._requests, key=expected.distance), self._dropped
        if not requests:
            return "It was asked for nothing."
        shown = _shown((request, expected.differences(request)) for request in requests)
        too_many = f"\n  ({dropped} older ones are not kept)" if dropped else ""
        return f"It was asked for, the nearest first:\n{shown}{too_many}"


class Unexpected(AssertionError):
    """A request that no route answers."""


def merged(failures: Iterable[BaseException]) -> list[BaseException]:
    """The same with all that is unexpected told by one."""
    several = list(failures)
    texts = [str(failure) for failure in several if isinstance(failure, Unexpected)]
    if not texts:
        return several
    more = [f"and {len(texts) - SHOWN_MAX} more requests"] if len(texts) > SHOWN_MAX else []
    others = [failure for failure in several if not isinstance(failure, Unexpected)]
    return [*others, Unexpected("\n".join([*texts[:SHOWN_MAX], *more]))]


def nearest_routes(routes: Iterable[Route], request: MockRequest) -> str:
    """What no route answers, and the routes, with what they would have in its place."""
    ordered = sorted(routes, key=lambda route: route.expected.distance(request))
    shown = _shown((one, one.expected.differences(request)) for one in ordered)
    has = f"Its routes, the nearest first:\n{shown}" if ordered else "It has no routes."
    return f"the mock has no route for {request}. {has}"


def _shown(entries: Iterable[tuple[object, list[str]]]) -> str:
    lines = ["  ".join([f"  {one}", *([f"({'; '.join(why)})"] if why else [])]) for one, why in entries]
    more = len(lines) - SHOWN_MAX
    return "\n".join([*lines[:SHOWN_MAX], *([f"  and {more} more"] if more > 0 else [])])
