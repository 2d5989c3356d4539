"""Ten thousand idle keep-alive connections: their memory, others' latency beside them; all answer afterwards."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from children import Trouble
from content import content
from latency import Comparisons
from served import Served, client_program, raise_descriptors, serving

CONNECTIONS = 10_000
ROUNDS = 4
WINDOW_SECONDS = 3.0
LATENCY_RATIO_MAX = 2.0
BYTES_PER_CONNECTION_MAX = 4096  # docs/limits.md
_IP_BIND_ADDRESS_NO_PORT = 24
_FIRST = 500
_SPARE_DESCRIPTORS = 200  # of this process, and of the server
_BATCH = 200  # connections that are asked before their answers are read
_SIZE = 100
_ANSWER_SECONDS = 20


def run(face: str) -> str:
    """What was found. Raises Trouble."""
    count = min(CONNECTIONS, raise_descriptors() - _SPARE_DESCRIPTORS)
    comparisons = Comparisons()
    with (
        serving(face, "idle", is_measured=True, keep_alive_timeout=600, head_timeout=30) as server,
        client_program("probe", server.port) as probe,
    ):
        comparisons.warm_up(probe)
        # The first are opened apart: what is allocated once isn't charged to the connections.
        close_all(open_idle(server, _FIRST, ROUNDS))
        before = server.settled(server.figures().descriptors - _FIRST, 10)
        for turn in range(ROUNDS):
            comparisons.measure(probe, WINDOW_SECONDS, with_it=False)
            clients = open_idle(server, count, turn)
            if turn == 0:
                during = server.figures()
            comparisons.measure(probe, WINDOW_SECONDS, with_it=True)
            ask_all(clients, number=1_000_000 * (turn + 1))
            close_all(clients)
            after = server.settled(before.descriptors, 10)
        probe.process.kill()
        report = server.stop()
    bytes_each = (during.resident - before.resident) / count
    found = (
        f"{count} connections at {bytes_each:.0f} bytes, all answered; kept connection: {comparisons.kept}; "
        f"fresh ones: {comparisons.fresh}; {during.resident >> 20} MiB while they were open, {after.resident >> 20} "
        f"after {ROUNDS} rounds; stopped in {report['elapsed'] * 1000:.0f} ms"
    )
    if after.descriptors > before.descriptors:
        raise Trouble(f"{found}: {after.descriptors} descriptors are left, of {before.descriptors}")
    if bytes_each > BYTES_PER_CONNECTION_MAX:
        raise Trouble(f"{found}: more than {BYTES_PER_CONNECTION_MAX} bytes a connection")
    if comparisons.worst() > LATENCY_RATIO_MAX:
        raise Trouble(f"{found}: a latency grew by more than x{LATENCY_RATIO_MAX:g}")
    return found


def open_idle(server: Served, count: int, turn: int) -> list[socket.socket]:
    """Connections that have had one request answered, and wait."""
    clients: list[socket.socket] = []
    for batch in batches(range(count)):
        fresh = [connect(server.port, turn) for _ in batch]
        ask_all(fresh, number=batch.start)
        clients += fresh
    return clients


def connect(port: int, turn: int) -> socket.socket:
    """From an address of its own for each turn, since the ports of those before aren't free yet."""
    client = socket.socket()
    client.settimeout(_ANSWER_SECONDS)
    # The port is chosen when the whole connection is known: among those that are free for it, and at once.
    client.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    client.bind((f"127.0.1.{1 + turn}", 0))
    client.connect(("127.0.0.1", port))
    return client


def ask_all(clients: list[socket.socket], number: int) -> None:
    """Every answer is the right one. Raises Trouble."""
    for batch in batches(range(len(clients))):
        for i in batch:
            clients[i].sendall(b"GET /content/%d?size=%d HTTP/1.1\r\nhost: a\r\n\r\n" % (number + i, _SIZE))
        for i in batch:
            received = b""
            while not received.endswith(content(number + i, _SIZE)):
                chunk = clients[i].recv(65536)
                if not chunk:
                    raise Trouble(f"connection {i} of {len(clients)} was closed instead of answering: {received!r}")
                received += chunk


def close_all(clients: list[socket.socket]) -> None:
    for client in clients:
        client.close()


def batches(numbers: range) -> Iterator[range]:
    for start in range(numbers.start, numbers.stop, _BATCH):
        yield range(start, min(start + _BATCH, numbers.stop))
