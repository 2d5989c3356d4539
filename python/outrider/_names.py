# SPDX-License-Identifier: MIT
"""Servers by name (``Config.name``): of each name one runs at a time in this process. Thread: any."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, cast

from outrider._exceptions import StateError

if TYPE_CHECKING:
    from outrider._handle import Handle
    from outrider._server import Server

# Never held while a server's own lock is waited for: servers ask here with theirs held.
_lock = threading.Lock()
# Those that run, from the begin of their start to their end.
_holders: weakref.WeakValueDictionary[str, Handle] = weakref.WeakValueDictionary()
# Where the last one of each name was, for those that replace it.
_ports: dict[str, int] = {}


def make_way(server: Handle) -> None:
    """Stops the server that has this one's name, by its policy, and returns when it has stopped.

    Raises ``StateError`` when this one isn't to replace it, or can't wait for it: in one of its handlers, or on its
    event loop; and what ``stop()`` raises.
    """
    holder = holder_of(server)
    if holder is None:
        return
    where = f"the server {holder.config.name!r} is {holder._state.value}" + (
        f" on {holder._urls[0]}" if holder._urls else ""
    )
    if not server.config.replace:
        raise StateError(f"{where}: stop it first, or start this one with replace=True, which does that")
    if holder._is_inside():
        raise StateError(f"{where}, and this is one of its handlers or its event loop: replace it from elsewhere")
    holder._logger.info("is replaced by another server of that name")
    holder.stop()


def holder_of(server: Handle) -> Server | None:
    """The other server that has this one's name."""
    with _lock:
        holder = _holders.get(server.config.name) if server.config.name is not None else None
    return cast("Server", holder) if holder is not server else None


def take(server: Handle) -> bool:
    """Gives a server its name; whether it has it now, and not another one."""
    name = server.config.name
    if name is None:
        return True
    with _lock:
        return _holders.setdefault(name, server) is server


def release(server: Handle) -> None:
    """It has stopped. Does nothing when it doesn't have its name."""
    name = server.config.name
    with _lock:
        if name is not None and _holders.get(name) is server:
            del _holders[name]


def last_port(server: Handle) -> int:
    """The port to try first where any free one would do."""
    name = server.config.name
    return _ports.get(name, 0) if name is not None and server.config.replace else 0


def remember_port(server: Handle, port: int) -> None:
    if server.config.name is not None and port:
        _ports[server.config.name] = port


def abandon_all() -> None:
    """In a forked child: the servers are the parent's, and so may be the lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _holders.clear()
