"""A server beside a main thread that computes (docs/design/gil.md)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

REQUESTS = 100


@pytest.fixture
def url() -> Iterator[str]:
    """Where a program serves that computes in pure Python, with a switch interval of half a second."""
    program = Path(__file__).parent / "apps" / "busy_program.py"
    process = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_computing_main_thread_lends_the_gil_to_the_server(url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        client.get("/")  # finds out that somebody computes
        began = time.monotonic()
        for _ in range(REQUESTS):
            assert client.get("/").text == "ok"
        client.get("/?last")
    # Not a measurement: by waits for the switch interval alone it is fifty seconds.
    assert time.monotonic() - began < REQUESTS / 4


def test_a_fork_in_the_middle_of_it_hangs_nobody(url: str) -> None:
    with httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(3):
            assert client.get("/").text == "ok"
            assert client.get("/?fork").text == "ok"
        client.get("/?last")
