# SPDX-License-Identifier: MIT
"""The ``loop`` option: which event loop a server makes for itself."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from outrider._exceptions import StartError
from outrider._importer import import_from_string

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory(loop: str | LoopFactory, *, is_beside_program: bool) -> LoopFactory:
    """The function that makes the loop.

    ``"auto"`` is asyncio's loop for a server beside a program, because that one can share the GIL well
    (``_selector.py``), and uvloop in the foreground when it is installed. Raises ``ImportError`` when uvloop was
    asked for and isn't installed, ``ValueError`` for another name, ``AppImportError`` for a bad import string.
    """
    if callable(loop):
        return loop
    if loop == "asyncio" or (loop == "auto" and is_beside_program):
        return _asyncio_factory(is_beside_program)
    if loop == "auto":
        try:
            return _uvloop_factory()
        except ImportError:
            return _asyncio_factory(is_beside_program)
    if loop == "uvloop":
        try:
            return _uvloop_factory()
        except ImportError as error:
            raise ImportError("loop='uvloop' needs the package uvloop: pip install uvloop") from error
    if ":" not in loop:
        raise ValueError(f"loop={loop!r} is not 'auto', 'asyncio', 'uvloop', or a factory's 'module:attribute'")
    factory: LoopFactory = import_from_string(loop)
    return factory


def check_can_run(factory: LoopFactory) -> None:
    """Raises ``StartError`` where an event loop runs already, as in a notebook's cell, and so no other one can."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    loop = factory()
    try:
        done = loop.create_future()
        done.set_result(None)
        loop.run_until_complete(done)  # tried, because with nest_asyncio it can
    except RuntimeError as error:
        raise StartError(
            "run() needs an event loop of its own, and one is running here: use 'with outrider.serve(app)', "
            "serve(app).start() or 'await server.serve()'"
        ) from error
    finally:
        loop.close()


def _asyncio_factory(is_beside_program: bool) -> LoopFactory:
    # Elsewhere than on Linux there is no epoll, and asyncio's own selector it is.
    if is_beside_program and hasattr(select, "epoll"):
        from outrider._selector import new_polite_loop

        return new_polite_loop
    return asyncio.SelectorEventLoop


def _uvloop_factory() -> LoopFactory:
    import uvloop

    factory: LoopFactory = uvloop.new_event_loop
    return factory
