"""A thousand slow-loris clients: the normal client's latency beside them, and the slow ones are cut."""

from __future__ import annotations

import time

from children import Trouble
from latency import Comparisons
from served import client_program, serving

CLIENTS = 1000
BYTE_EVERY_SECONDS = 0.7  # each of them, on average
HEAD_TIMEOUT = 3.0
ROUNDS = 8
WINDOW_SECONDS = 3.0
LATENCY_RATIO_MAX = 2.0
_RAMP_SECONDS = 2.0 + HEAD_TIMEOUT  # until they are all there and the first are being cut


def run(face: str) -> str:
    """What was found. Raises Trouble."""
    comparisons = Comparisons()
    cut = answered = opened = connects = 0
    with (
        serving(face, "slow", is_measured=True, head_timeout=HEAD_TIMEOUT) as server,
        client_program("probe", server.port) as probe,
    ):
        comparisons.warm_up(probe)
        before = server.figures()
        for _ in range(ROUNDS):
            comparisons.measure(probe, WINDOW_SECONDS, with_it=False)
            with client_program("slow_clients", server.port, CLIENTS, BYTE_EVERY_SECONDS) as slow:
                time.sleep(_RAMP_SECONDS)
                slow.ask("tally")
                comparisons.measure(probe, WINDOW_SECONDS, with_it=True)
                tally = slow.ask("tally")
            cut += tally["cut"]
            answered += tally["answered"]
            connects += tally["connects"]
            opened += tally["open"]
            after = server.settled(before.descriptors, 10)
        probe.process.kill()
        report = server.stop()
    expected = CLIENTS * ROUNDS * WINDOW_SECONDS / HEAD_TIMEOUT
    found = (
        f"{opened / ROUNDS:.0f} slow clients, {cut} cut in {ROUNDS} windows (of about {expected:.0f}), {answered} of "
        f"them with 408; kept connection: {comparisons.kept}; fresh ones: {comparisons.fresh}; afterwards {after}, "
        f"stopped in {report['elapsed'] * 1000:.0f} ms"
    )
    if answered < cut or cut < expected / 2:
        raise Trouble(f"{found}: not all were cut by head_timeout")
    if after.descriptors > before.descriptors:
        raise Trouble(f"{found}: {before.descriptors} descriptors before")
    if comparisons.worst() > LATENCY_RATIO_MAX:
        raise Trouble(f"{found}: a latency grew by more than x{LATENCY_RATIO_MAX:g}")
    return found
