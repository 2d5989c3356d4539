"""Patches that hold only what is new: the output of `diff -e`, file by file, each below a line `== path`.

The releases that they are for are pinned by hash, so that numbers of lines are enough to say what goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_COMMAND = re.compile(r"(\d+)(?:,(\d+))?([acd])")


@dataclass(frozen=True)
class Edit:
    """The lines from ``start`` to before ``end``, counted from 0, become ``lines``."""

    file: str
    start: int
    end: int
    lines: tuple[str, ...]


def read_patch(path: Path) -> list[Edit]:
    """In the order of the patch: of each file the last lines first, so that the numbers hold."""
    edits = []
    file = ""
    lines = iter(path.read_text().splitlines())
    for line in lines:
        if line.startswith("== "):
            file = line[3:]
        elif line and not line.startswith("#"):
            edits.append(_edit(file, line, lines))
    return edits


def _edit(file: str, line: str, following: Iterator[str]) -> Edit:
    command = _COMMAND.fullmatch(line)
    if command is None:
        raise ValueError(f"no command of diff -e: {line!r}")
    first, last = int(command[1]), int(command[2] or command[1])
    start, end = (first, first) if command[3] == "a" else (first - 1, last)
    new = () if command[3] == "d" else tuple(iter(following.__next__, "."))
    return Edit(file, start, end, new)


def apply(edits: list[Edit], folder: Path) -> None:
    for edit in edits:
        path = folder / edit.file
        lines = path.read_text().splitlines()
        lines[edit.start : edit.end] = edit.lines
        path.write_text("\n".join(lines) + "\n")
