# SPDX-License-Identifier: MIT
"""The ``loop`` option: which event loop a server makes for itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from outrider._importer import import_from_string


def loop_factory(loop: str | Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    """The function that makes the loop. ``"auto"`` is uvloop when it is installed, else asyncio.

    Raises ``ImportError`` when uvloop was asked for and isn't installed, ``AppImportError`` for a bad import string.
    """
    if callable(loop):
        return loop
    if loop == "asyncio":
        return asyncio.SelectorEventLoop
    if loop == "auto":
        try:
            return _uvloop_factory()
        except ImportError:
            return asyncio.SelectorEventLoop
    if loop == "uvloop":
        try:
            return _uvloop_factory()
        except ImportError as error:
            raise ImportError("loop='uvloop' needs the package uvloop: pip install uvloop") from error
    factory: Callable[[], asyncio.AbstractEventLoop] = import_from_string(loop)
    return factory


def _uvloop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
