# SPDX-License-Identifier: MIT
"""The selector of the event loop that runs beside a program (``python/bindings/polite_poll.h`` says why)."""

from __future__ import annotations

import asyncio
import math
import select
import selectors
from typing import Any

from outrider._engine import Poller


class PoliteSelector(selectors.EpollSelector):
    """An EpollSelector that takes the GIL once for a batch, and asks a computing main thread for it."""

    def __init__(self) -> None:
        super().__init__()
        self._poller = Poller(self.fileno())

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As ``EpollSelector.select``."""
        # Rounded up, so that a short wait doesn't become a busy loop; at most what an int holds.
        milliseconds = -1 if timeout is None else min(max(0, math.ceil(timeout * 1e3)), 2**31 - 1)
        ready = []
        keys: dict[int, Any] = self._fd_to_key  # type: ignore[attr-defined]
        for fd, event in self._poller.poll(milliseconds, max(len(keys), 1)):
            key = keys.get(fd)
            if key is None:
                continue
            events = 0
            if event & ~select.EPOLLIN:
                events |= selectors.EVENT_WRITE
            if event & ~select.EPOLLOUT:
                events |= selectors.EVENT_READ
            ready.append((key, events & key.events))
        return ready


def new_polite_loop() -> asyncio.AbstractEventLoop:
    """asyncio's own event loop, with that selector."""
    return asyncio.SelectorEventLoop(PoliteSelector())
