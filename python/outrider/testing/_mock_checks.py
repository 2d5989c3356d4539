# SPDX-License-Identifier: MIT
"""What can't be is refused where a test says it, and not when a client asks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# What the engine sends in no value: all control characters but the tab.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_token(what: str, value: Any) -> None:
    """Raises ``TypeError`` and ``ValueError`` for what is no name of HTTP's."""
    if not isinstance(value, str):
        raise TypeError(f"{what} {value!r} must be a str")
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{what} {value!r} must be letters, digits and characters such as '-', and not empty")


def header_pairs(headers: Any) -> list[tuple[str, Any]]:
    """A mapping's, or those that a list has; the names are checked, the values aren't."""
    if isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable):
        raise TypeError(f"headers={headers!r} must be a mapping, or a list of (name, value) pairs")
    given = list(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in given:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"headers: {pair!r} is no pair of a name and its value: headers=[('set-cookie', 'a=1')]")
        check_token("headers: the name", pair[0])
    return [(name, value) for name, value in given]


def answer_headers(headers: Any) -> list[tuple[str, str]]:
    """The pairs that an answer is sent with; raises for what the engine wouldn't send."""
    pairs = header_pairs(headers)
    for name, value in pairs:
        if not isinstance(value, str):
            raise TypeError(
                f"headers: the value {value!r} of {name!r} must be a str; a field is given twice by a list of pairs: "
                f"headers=[({name!r}, 'a'), ({name!r}, 'b')]"
            )
        if _CONTROL.search(value):
            raise ValueError(
                f"headers: the value {value!r} of {name!r} has a CR, LF, NUL or the like, which no value may"
            )
        if any(ord(character) > 0xFF for character in value):
            raise ValueError(
                f"headers: the value {value!r} of {name!r} must be in Latin-1: encode it as its field says"
            )
    return pairs


def content_length(pairs: Iterable[tuple[str, str]]) -> int | None:
    """What an answer's header fields say of its content's length; raises ``ValueError`` for what they can't."""
    given = [value for name, value in pairs if name.lower() == "content-length"]
    if not given:
        return None
    if len(given) > 1 or not re.fullmatch("[0-9]+", given[0]):
        raise ValueError(
            f"headers: content-length {', '.join(given)!r} must be one whole number; a mock adds it itself"
        )
    return int(given[0])


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def check_status(status: Any) -> None:
    if not is_int(status):
        raise TypeError(f"status={status!r} must be an int, such as 404")
    if not 200 <= status <= 999:
        raise ValueError(f"status={status!r} is no status of a response: those are 200 to 999")


def check_delay(delay: Any) -> None:
    if isinstance(delay, bool) or not isinstance(delay, (int, float)):
        raise TypeError(f"delay={delay!r} must be a number of seconds, 0 or more")
    if not math.isfinite(delay) or delay < 0:
        raise ValueError(f"delay={delay!r} must be a number of seconds, 0 or more, that has an end")


def check_times(times: Any, least: int) -> None:
    if not is_int(times):
        raise TypeError(f"times={times!r} must be an int, {least} or more")
    if times < least:
        raise ValueError(f"times={times!r} must be {least} or more: it is how often something was asked in all")


def counted(number: int, what: str) -> str:
    """``"1 time"``, ``"2 times"``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
