"""A short look at what `./dev stress` does at length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STRESS = Path(__file__).parents[1] / "stress"


def test_eight_threads_may_do_everything_with_the_same_servers_at_once() -> None:
    command = [sys.executable, "threads.py", "60"]
    done = subprocess.run(command, cwd=STRESS, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
