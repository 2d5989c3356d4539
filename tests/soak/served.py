"""A server under test: a process of its own on a core of its own, and what /proc says of it."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import Child

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
FOLDER = BUILD / "soak"

# The server has a core to itself where there are several: what is measured isn't the clients' computing.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]

# Real-time priorities, where the system allows them: who else computes on these cores gives way, so that its time
# slices aren't taken for the server's latency. The probe goes before what else runs on the clients' core.
_PRIORITIES = {"probe": 2, "server": 1, "clients": 1}

_START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")

FACES = {
    "cpp": [str(BUILD / "release/outrider_soak_server")],
    "python": [sys.executable, str(HERE / "asgi_server.py"), "auto"],
    "asyncio": [sys.executable, str(HERE / "asgi_server.py"), "asyncio"],
    "asan": [str(BUILD / "dev/outrider_soak_server")],  # C++ under ASan and UBSan: its memory means nothing
}


@dataclass(frozen=True)
class Figures:
    """What /proc says of the server at a moment."""

    resident: int  # bytes
    descriptors: int
    threads: int
    cpu_seconds: float

    def __str__(self) -> str:
        return f"{self.resident / 2**20:.1f} MiB, {self.descriptors} descriptors, {self.threads} threads"


class Served:
    def __init__(self, face: str, child: Child) -> None:
        self.face = face
        self._child = child
        self.port = int(child.answer(_START_SECONDS)["port"])

    def figures(self) -> Figures:
        folder = Path(f"/proc/{self._child.process.pid}")
        rollup = re.search(r"^Rss:\s+(\d+) kB", (folder / "smaps_rollup").read_text(), re.MULTILINE)
        stat = (folder / "stat").read_text().rpartition(")")[2].split()
        return Figures(
            resident=int(rollup[1]) * 1024 if rollup else 0,
            descriptors=len(os.listdir(folder / "fd")),
            threads=len(os.listdir(folder / "task")),
            cpu_seconds=(int(stat[11]) + int(stat[12])) / _TICKS,
        )

    def warmed_up(self) -> Figures:
        """The figures after a first connection: libuv opens a descriptor then, in reserve, that it keeps."""
        descriptors = self.figures().descriptors
        with socket.create_connection(("127.0.0.1", self.port), timeout=_START_SECONDS) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            while client.recv(65536):
                pass
        return self.settled(descriptors + 1, _START_SECONDS)

    def settled(self, descriptors: int, seconds: float) -> Figures:
        """The figures as soon as no more than so many descriptors are open, or when the time is over."""
        end = time.monotonic() + seconds
        while (figures := self.figures()).descriptors > descriptors and time.monotonic() < end:
            time.sleep(0.05)
        return figures

    def limit_descriptors(self, most: int) -> None:
        resource.prlimit(self._child.process.pid, resource.RLIMIT_NOFILE, (most, most))

    def state(self) -> dict[str, Any]:
        """What the application has raised, what of it the server has reported, and the tasks there are."""
        return self._child.ask("state")

    def stop(self) -> dict[str, Any]:
        """The report of the stop, and what is left of threads and descriptors. The process has ended in order."""
        report = self._child.ask("stop")
        self._child.wait()
        return report

    def log_lines(self, words: str) -> int:
        """How many lines of what it has logged have these words."""
        return sum(words in line for line in self._child.log.read_text(errors="replace").splitlines())


@contextlib.contextmanager
def serving(face: str, part: str, is_measured: bool = False, **limits: float) -> Iterator[Served]:
    """A server of that face with those limits (the engine's names; seconds); killed at the end if nobody stopped it.
    `is_measured`: its latency is, so nobody else is to be in its way."""

    def prepare() -> None:
        take_place("server", is_measured)

    words = [f"{name}={round(value * 1000)}" for name, value in limits.items()]
    with Child([*FACES[face], *words], FOLDER / f"{part}-{face}.log", preexec_fn=prepare) as child:
        yield Served(face, child)


def take_place(who: str, with_priority: bool = True) -> None:
    """Takes this process to the core that it is to run on, and before others there if the system allows that."""
    os.sched_setaffinity(0, {SERVER_CORE if who == "server" else CLIENT_CORE})
    with contextlib.suppress(PermissionError):
        policy, priority = (os.SCHED_RR, _PRIORITIES[who]) if with_priority else (os.SCHED_OTHER, 0)
        os.sched_setscheduler(0, policy, os.sched_param(priority))


def client_program(name: str, *words: object) -> Child:
    """One of the client programs beside this file."""
    command = [sys.executable, str(HERE / f"{name}.py"), *map(str, words)]
    return Child(command, FOLDER / f"{name}.log")


def raise_descriptors() -> int:
    """Raises this process's limit of open files as far as it may; returns it. Servers inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
