# SPDX-License-Identifier: MIT
"""Waiting that can't be cut short, for what must have ended when the waiter goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def outlast(task: asyncio.Future[T], on_cancel: Callable[[], object]) -> T:
    """Waits for the end of ``task`` and returns its result, however often the waiter is cancelled meanwhile.

    Each time ``on_cancel()`` is called, which is to hurry the task; the cancellation is raised at the end. (A cancelled
    scope of anyio cancels what waits in it again and again.)
    """
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error
            on_cancel()
    if cancellation is not None:
        if not task.cancelled():
            task.exception()  # has been looked at
        raise cancellation
    return task.result()
