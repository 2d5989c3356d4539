"""What a request of a certain number is answered: bytes that no other request's answer has.

Blocks of 64 KiB, each the number and the block's index, then a run of a pseudo-random pool whose place depends on both.
So an answer that is cut, doubled, shifted, mixed with another or another's is seen. `soak_server.cpp` has the same.
"""

from __future__ import annotations

import functools
import struct

BLOCK_BYTES = 64 * 1024
_POOL_BYTES = 1024 * 1024
_POOL_SEED = 20261121
_MASK = 2**64 - 1


@functools.cache
def _pool() -> bytes:
    words = []
    state = _POOL_SEED
    for _ in range((_POOL_BYTES + BLOCK_BYTES) // 8):
        state = (state + 0x9E3779B97F4A7C15) & _MASK  # splitmix64
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        words.append(mixed ^ (mixed >> 31))
    return struct.pack(f"<{len(words)}Q", *words)


def block(number: int, index: int, size: int = BLOCK_BYTES) -> bytes:
    """The block of that index, or its first `size` bytes."""
    start = (number * 40503 + index * 9973) % _POOL_BYTES
    return (b"%08x%08x" % (number, index) + _pool()[start : start + max(0, size - 16)])[:size]


def content(number: int, size: int) -> bytes:
    whole, rest = divmod(size, BLOCK_BYTES)
    return b"".join([*(block(number, index) for index in range(whole)), block(number, whole, rest)])


def prepare() -> None:
    """Makes the pool, so that it isn't part of what is measured."""
    _pool()
