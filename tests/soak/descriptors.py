"""The server's process is out of descriptors: who is connected goes on, who comes waits, nothing turns in circles, and
those who wait are served as soon as there are descriptors again."""

from __future__ import annotations

import socket
import time

from children import Trouble
from content import content
from served import Served, serving

EXISTING = 40  # connections when the descriptors run out
WAITING = 160  # that come then
EXHAUSTED_SECONDS = 5.0
CPU_SHARE_MAX = 0.02  # of a core, while exhausted and nobody asks for anything
SERVED_SECONDS_MAX = 2.0  # from the first free descriptor on; accepting is tried again every 100 ms
_SIZE = 100
_ANSWER_SECONDS = 10
_TAIL = 4  # descriptors that stay free for the server's own purposes


def run(face: str) -> str:
    """What was found. Raises Trouble."""
    with serving(face, "descriptors", is_measured=True, head_timeout=60, keep_alive_timeout=60) as server:
        idle = server.warmed_up().descriptors
        existing = [connect(server) for _ in range(EXISTING)]
        check_answers(existing, "an existing connection")
        server.limit_descriptors(server.figures().descriptors + _TAIL)
        waiting = [connect(server) for _ in range(WAITING)]
        for number, client in enumerate(waiting):
            ask(client, number)
        taken = server.settled(idle + EXISTING, 0.5).descriptors - idle - EXISTING
        quiet_share = measure_share(server, EXHAUSTED_SECONDS)
        slowest = check_answers(existing * 5, "an existing connection, while descriptors are exhausted")
        if taken >= WAITING or server.figures().descriptors > idle + EXISTING + _TAIL:
            raise Trouble(f"descriptors weren't exhausted: {server.figures()}")
        told = server.log_lines("new connections wait")
        began = time.monotonic()
        for client in existing:
            client.close()
        served = serve_waiting(waiting)
        seconds = time.monotonic() - began
        check_new(server)
        after = server.settled(idle, 10)
        report = server.stop()
    found = (
        f"{EXISTING} connections go on (slowest answer {slowest * 1000:.1f} ms) while {WAITING - taken} wait; "
        f"{quiet_share * 100:.2f} % of a core for {EXHAUSTED_SECONDS:g} s of that, told {told} times; with descriptors "
        f"free, all {served} that waited were answered within {seconds:.2f} s; afterwards {after.descriptors} "
        f"descriptors of {idle}; stopped in {report['elapsed'] * 1000:.1f} ms"
    )
    if quiet_share > CPU_SHARE_MAX:
        raise Trouble(f"{found}: it is busy although there is nothing to do")
    if told != 1:
        raise Trouble(f"{found}: exhaustion is to be told once")
    if seconds > SERVED_SECONDS_MAX:
        raise Trouble(f"{found}: those who wait are served too late")
    if after.descriptors > idle:
        raise Trouble(f"{found}: descriptors leaked")
    return found


def connect(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), _ANSWER_SECONDS)


def ask(client: socket.socket, number: int) -> None:
    client.sendall(b"GET /content/%d?size=%d HTTP/1.1\r\nhost: a\r\n\r\n" % (number, _SIZE))


def is_answered(client: socket.socket, number: int) -> bool:
    received = b""
    while not received.endswith(content(number, _SIZE)):
        chunk = client.recv(65536)
        if not chunk:
            return False
        received += chunk
    return True


def check_answers(clients: list[socket.socket], who: str) -> float:
    """Each is answered; how long that took at most."""
    slowest = 0.0
    for number, client in enumerate(clients):
        began = time.monotonic()
        ask(client, number)
        if not is_answered(client, number):
            raise Trouble(f"{who} was closed instead of answered")
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def measure_share(server: Served, seconds: float) -> float:
    """The part of a core that the server takes."""
    before = server.figures().cpu_seconds
    time.sleep(seconds)
    return (server.figures().cpu_seconds - before) / seconds


def serve_waiting(waiting: list[socket.socket]) -> int:
    """Each was accepted some time and gets its answer; it leaves then, which frees a descriptor for the next."""
    served = 0
    for number, client in enumerate(waiting):
        try:
            served += is_answered(client, number)
        except OSError as error:
            raise Trouble(f"connection {number} that waited: {type(error).__name__}: {error}") from error
        client.close()
    if served < len(waiting):
        raise Trouble(f"{len(waiting) - served} of {len(waiting)} that waited were closed instead of answered")
    return served


def check_new(server: Served) -> None:
    client = connect(server)
    check_answers([client], "a new connection")
    client.close()
