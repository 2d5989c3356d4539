"""Memory of a process tree, from the kernel's own sums."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cpu


@dataclass(frozen=True)
class Memory:
    """Bytes. Private dirty is what the process alone wrote and holds: it is what a connection costs. The resident set
    also counts shared pages of libraries, which come and go for reasons of their own."""

    private_dirty: int
    resident: int


def _field(rollup: str, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB$", rollup, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def of_tree(root: int) -> Memory:
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in cpu.process_tree(root)]
    return Memory(
        private_dirty=sum(_field(rollup, "Private_Dirty") for rollup in rollups),
        resident=sum(_field(rollup, "Rss") for rollup in rollups),
    )
