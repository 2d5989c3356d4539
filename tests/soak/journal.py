"""What the clients of a run have in common: its seed, its end, the requests' numbers, what was done and failed."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from pathlib import Path

_KEPT_MAX = 20  # failures with their reproduction; all are counted
_GIVES_UP_AFTER = 50


class Journal:
    """Thread: any, but for what asyncio's clients count, which is their loop's."""

    def __init__(self, seed: int, folder: Path, name: str) -> None:
        self.seed = seed
        self.numbers = itertools.count(1)
        self.answers: Counter[str] = Counter()  # verified, by the kind of the request
        self.faults: Counter[str] = Counter()  # done, by their kind
        self.failures: list[str] = []
        self._over = threading.Event()
        self._folder = folder
        self._name = name

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def close(self) -> None:
        self._over.set()

    def fail(self, client: str, error: BaseException | str, sent: list[bytes]) -> None:
        """Keeps what it takes to have it again: the seed, who it was, and what was sent."""
        kept = ""
        if len(self.failures) < _KEPT_MAX:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{self._name}-{self.seed}-{len(self.failures)}"
            path.write_bytes(b"".join(sent))
            kept = f"; what it sent: {path.name} in build/soak/failures"
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        first = sent[0][:120] if sent else b""
        self.failures.append(f"seed {self.seed}, client {client}, {len(sent)} requests from {first!r}: {text}{kept}")
        if len(self.failures) >= _GIVES_UP_AFTER:
            self.close()
