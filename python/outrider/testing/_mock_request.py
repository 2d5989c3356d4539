# SPDX-License-Identifier: MIT
"""A request that a mock was sent."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outrider.testing._mock_routes import Route

# How much of a value is shown.
SHOWN_MAX = 120


class Fields(Mapping[str, str]):
    """Header fields, or a query: ``fields["name"]`` is the first value of that name, ``fields.all("name")`` are all.
    The names of header fields are in lower case, and are found in any."""

    def __init__(self, pairs: Sequence[tuple[str, str]], *, ignore_case: bool = False) -> None:
        self.pairs = tuple(pairs)
        self._ignore_case = ignore_case

    def all(self, name: str) -> list[str]:
        """The values of that name, in their order."""
        wanted = name.lower() if self._ignore_case else name
        return [value for key, value in self.pairs if key == wanted]

    def __getitem__(self, name: str) -> str:
        for value in self.all(name):
            return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs))

    def __len__(self) -> int:
        return len(dict(self.pairs))

    def __repr__(self) -> str:
        return f"Fields({list(self.pairs)!r})"


@dataclass(frozen=True)
class MockRequest:
    """A request that a mock was sent.

    ``path`` is decoded, ``target`` is what was sent, with the query. ``parameters`` are those of the route's path, by
    name; ``route`` is None where none answers.
    """

    method: str
    path: str
    query: Fields = field(repr=False)
    headers: Fields = field(repr=False)
    body: bytes = field(repr=False)
    target: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    route: Route | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The body, as UTF-8; what isn't becomes U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """What the body says. Raises ``ValueError`` when it isn't JSON."""
        return json_module.loads(self.body)

    def __str__(self) -> str:
        return f"{self.method} {self.target}{f' {shown(self.text)}' if self.body else ''}"


def shown(value: Any) -> str:
    """A value for people, on one line, perhaps not all of it."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
