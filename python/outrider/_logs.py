# SPDX-License-Identifier: MIT
"""The loggers: ``outrider`` and, one line a request, ``outrider.access``. No other logger is touched."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any, TextIO

logger = logging.getLogger("outrider")
access_logger = logging.getLogger("outrider.access")

LEVELS = {"critical": 50, "error": 40, "warning": 30, "info": 20, "debug": 10, "trace": 5}


# What servers that run have asked for; the last one's is in force. Before the first of them the logger had `_level`.
_asked: weakref.WeakKeyDictionary[object, int] = weakref.WeakKeyDictionary()
_level = logging.NOTSET
_lock = threading.Lock()


def set_level(owner: object, level: str | int | None) -> None:
    """Gives the logger ``outrider`` the level that ``owner`` wants, until ``restore_level()``; None wants none."""
    global _level  # noqa: PLW0603
    if level is None:
        return
    with _lock:
        if not _asked:
            _level = logger.level
        _asked[owner] = level if isinstance(level, int) else LEVELS[level]
        logger.setLevel(_asked[owner])


def restore_level(owner: object) -> None:
    """Gives the logger the level that is asked for without ``owner``, in whatever order servers end."""
    with _lock:
        if _asked.pop(owner, None) is not None:
            logger.setLevel(list(_asked.values())[-1] if _asked else _level)


class NamedLogger(logging.LoggerAdapter[logging.Logger]):
    """The logger ``outrider``, for one server: with its name before each line, if it has one."""

    def __init__(self, name: str | None) -> None:
        super().__init__(logger)
        self._name = name

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1  # the record is of who calls this
        if self._name is None:
            self.logger.log(level, msg, *args, **kwargs)
        elif args:
            self.logger.log(level, f"%s: {msg}", self._name, *args, **kwargs)
        else:
            self.logger.log(level, "%s: %s", self._name, msg, **kwargs)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Whatever the application has done to stderr: the server goes on."""


@contextlib.contextmanager
def to_stderr() -> Iterator[None]:
    """Makes the logger ``outrider`` write to stderr for a while, unless the program has set up logging itself."""
    if logger.handlers or logging.getLogger().handlers:
        yield
        return
    handler = _Handler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    previous = logger.level
    logger.addHandler(handler)
    if previous == logging.NOTSET:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(previous)
