"""Everything that goes wrong, for minutes: clients that don't behave and an application that raises, among clients that
verify every byte. Nothing is lost, nothing is leaked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from children import Trouble
from faulty_clients import FaultyClient
from journal import Journal
from normal_clients import NormalClient
from served import FOLDER, Figures, Served, raise_descriptors, serving

SECONDS = 300.0
SEED = 20261121
NORMAL, FAULTY = 12, 40
LIMITS = {"head_timeout": 3.0, "body_timeout": 3.0, "write_timeout": 3.0, "keep_alive_timeout": 5.0}
ROOM_BYTES = 8 * 2**20  # for the allocator
STOP_SECONDS_MAX = 1.0
_SAMPLE_SECONDS = 0.5
_SETTLE_SECONDS = 15.0


def run(face: str) -> str:
    """What was found. Raises Trouble."""
    seconds, seed = SECONDS, SEED
    raise_descriptors()
    journal = Journal(seed, FOLDER / "failures", f"faults-{face}")
    with serving(face, "faults", **LIMITS) as server:
        before = server.warmed_up()
        tasks = server.state()["tasks"]
        samples = asyncio.run(_load(server, journal, seconds))
        after = server.settled(before.descriptors, _SETTLE_SECONDS)
        state = server.state()
        began = time.monotonic()
        report = server.stop()
        stopped = time.monotonic() - began
    lowest = _lowest(samples)
    found = (
        f"seed {seed}, {seconds:g} s: {journal.answers.total()} answers verified ({_listed(journal.answers)}), "
        f"{journal.faults.total()} faults ({_listed(journal.faults)}), "
        f"{state['raised']} exceptions raised and {state['reported']} reported; "
        f"before: {before}; afterwards: {after}; resident in the 2nd and the last fifth at least "
        f"{lowest[0] / 2**20:.1f} and {lowest[1] / 2**20:.1f} MiB; stopped in {report['elapsed'] * 1000:.1f} ms"
    )
    wrong = [
        *journal.failures,
        *([] if journal.answers else ["nothing was answered"]),
        *_leaks(before, after, lowest, face),
        *_unclean(report, stopped),
    ]
    if state["tasks"] > tasks:
        wrong.append(f"{state['tasks']} tasks are left, of {tasks}")
    if state["raised"] != state["reported"]:
        wrong.append("not every exception was reported once, and nothing else")
    if wrong:
        raise Trouble("\n    ".join([found, *wrong[:20]]))
    return found


async def _load(server: Served, journal: Journal, seconds: float) -> list[Figures]:
    clients = [
        *(NormalClient(server.port, f"normal-{i}", journal) for i in range(NORMAL)),
        *(FaultyClient(server.port, f"faulty-{i}", journal) for i in range(FAULTY)),
    ]
    running = [asyncio.create_task(client.run()) for client in clients]
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and not journal.is_over:
        samples.append(server.figures())
        await asyncio.sleep(_SAMPLE_SECONDS)
    journal.close()
    await asyncio.gather(*running)  # each ends with what it was doing, which has its own bounds
    return samples


def _lowest(samples: list[Figures]) -> tuple[int, int]:
    """The least that was resident in the second and in the last fifth: peaks come and go, growth stays."""
    fifth = max(1, len(samples) // 5)
    early, late = samples[fifth : 2 * fifth] or samples, samples[-fifth:]
    return min(sample.resident for sample in early), min(sample.resident for sample in late)


def _leaks(before: Figures, after: Figures, lowest: tuple[int, int], face: str) -> list[str]:
    wrong = []
    if after.descriptors > before.descriptors:
        wrong.append(f"{after.descriptors} descriptors are left, of {before.descriptors}")
    if after.threads > before.threads:
        wrong.append(f"{after.threads} threads are left, of {before.threads}")
    if lowest[1] > lowest[0] + ROOM_BYTES and face != "asan":
        wrong.append(f"memory grew by {lowest[1] - lowest[0]} bytes")
    return wrong


def _unclean(report: dict[str, object], stopped: float) -> list[str]:
    counted = {name: report[name] for name in ("disconnected", "cancelled", "aborted", "abandoned", "tasks")}
    left = {name: report[name] for name in ("threads", "descriptors")}
    wrong = [f"the stop's report is not clean: {report}"] if any(counted.values()) else []
    if any(left.values()):
        wrong.append(f"left after the stop, more than before the start: {left}")
    if stopped > STOP_SECONDS_MAX:
        wrong.append(f"the stop took {stopped:.1f} s")
    return wrong


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(counts.items()))
