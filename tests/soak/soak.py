"""Load and faults, against both faces: `./dev soak [PART...] [FACE...] [seconds=N] [seed=N]`.

Parts: idle, slow, faults, descriptors, memory; each module says what it does. Faces: cpp, python; also asyncio (the
Python face on asyncio's own loop) and asan (C++ under the sanitizers; not for the parts that measure). Prints a line
for each part and face, `ok` or `FAILED` with its figures, and ends with 1 when one failed. `seconds` and `seed` are
those of faults.
"""

from __future__ import annotations

import contextlib
import faulthandler
import sys
import time
import traceback
from collections.abc import Callable

import descriptors
import faults
import idle
import memory
import slow
from children import Trouble
from content import prepare
from served import FACES, take_place

PARTS: dict[str, Callable[[str], str]] = {
    "idle": idle.run,
    "slow": slow.run,
    "faults": faults.run,
    "descriptors": descriptors.run,
    "memory": memory.run,
}
NUMBERS = ("seconds", "seed")
DEFAULT_FACES = ("cpp", "python")
MEASURED = ("idle", "slow", "descriptors", "memory")  # what must not depend on who else computes here
NOT_SANITIZED = ("idle", "slow", "memory")  # what a sanitizer would falsify
PART_SECONDS_MAX = 600  # what takes longer hangs


def main(words: list[str]) -> int:
    parts = [word for word in words if word in PARTS] or list(PARTS)
    faces = [word for word in words if word in FACES] or list(DEFAULT_FACES)
    numbers = dict(word.split("=", 1) for word in words if "=" in word)
    for word in words:
        if word.partition("=")[0] not in (*PARTS, *FACES, *NUMBERS):
            print(f"soak: no part, face or number {word!r}: {', '.join((*PARTS, *FACES, *NUMBERS))}")
            return 2
    if "seconds" in numbers:
        faults.SECONDS = float(numbers["seconds"])
    if "seed" in numbers:
        faults.SEED = int(numbers["seed"])
    prepare()
    # A list, not a generator: a part that failed doesn't keep the others from running.
    verdicts = [run(part, face) for part in parts for face in faces if face != "asan" or part not in NOT_SANITIZED]
    return 0 if all(verdicts) else 1


def run(part: str, face: str) -> bool:
    faulthandler.dump_traceback_later(PART_SECONDS_MAX, exit=True)
    began = time.monotonic()
    take_place("clients", part in MEASURED)
    verdict, found = "FAILED", ""
    try:
        found = PARTS[part](face)
        verdict = "ok    "
    except Trouble as trouble:
        found = str(trouble)
    except Exception:
        found = traceback.format_exc()
    print(f"{verdict} {part} {face} ({time.monotonic() - began:.0f} s): {found}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    return verdict != "FAILED"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
