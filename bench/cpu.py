"""CPU time of a process tree, in nanoseconds.

The source is the first field of /proc/<pid>/task/<tid>/schedstat: the time each thread has run, as the scheduler counted it,
in nanoseconds and with user and system together. The other sources were considered and lost:
utime + stime of /proc/<pid>/stat is the same count in steps of 10 ms, half a percent of a two-second window for
each process; a cgroup's accounting is as fine, but needs rights and a hierarchy that differ from machine to machine.

A thread that ends takes its schedstat with it, so utime + stime of the processes, which keep the ended ones, is read
too, and a disagreement is reported (Usage.disagreement).

Work that the kernel does for loopback traffic is charged to whoever runs at that moment, mostly the sender. This
is the same for every server, and the floor contains it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def _stat_fields(path: Path) -> list[str]:
    """The fields after the command's name, which may itself hold spaces and parentheses."""
    return path.read_text().rpartition(")")[2].split()


def process_tree(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(_stat_fields(entry / "stat")[1])
            except OSError:
                continue  # ended while we looked
    tree = [root]
    for pid in tree:  # grows while it is walked
        tree.extend(child for child, parent in parents.items() if parent == pid)
    return tree


def _thread_times(pid: int) -> dict[int, int]:
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            times[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
    return times


def _process_ticks(pid: int) -> int:
    """utime + stime, with those of children that ended and were waited for."""
    return sum(int(field) for field in _stat_fields(Path(f"/proc/{pid}/stat"))[11:15])


def _busy_ticks(core: int) -> int:
    """Everything a core did but idling; time stolen by the hypervisor counts, for it disturbs as much."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in fields[:8])
            return user + nice + system + irq + softirq + steal
    return 0


@dataclass(frozen=True)
class Sample:
    """Readings at one moment."""

    threads: dict[int, int]
    ticks: int
    core_ticks: int


@dataclass(frozen=True)
class Usage:
    """What was spent between two samples."""

    seconds: float
    coarse_seconds: float  # the same from utime + stime, in steps of 10 ms
    foreign_seconds: float  # what somebody else spent on the server's core

    @property
    def disagreement(self) -> bool:
        """Whether the two sources differ by more than rounding and sampling explain."""
        return abs(self.coarse_seconds - self.seconds) > 0.05 + 0.03 * self.seconds


def sample(root: int, core: int) -> Sample:
    threads: dict[int, int] = {}
    ticks = 0
    for pid in process_tree(root):
        threads.update(_thread_times(pid))
        ticks += _process_ticks(pid)
    return Sample(threads, ticks, _busy_ticks(core))


def between(before: Sample, after: Sample) -> Usage:
    spent = sum(time - before.threads.get(thread, 0) for thread, time in after.threads.items())
    seconds = spent / 1e9
    core_seconds = (after.core_ticks - before.core_ticks) * _TICK_SECONDS
    return Usage(
        seconds=seconds,
        coarse_seconds=(after.ticks - before.ticks) * _TICK_SECONDS,
        foreign_seconds=max(0.0, core_seconds - seconds),
    )
