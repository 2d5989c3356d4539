"""The normal client whose latency is measured: a process of its own, so that nothing of ours computes beside it.

Usage: probe.py PORT. For each line `SECONDS` of its input it asks one request after the other for so long, and prints
`{"kept": [µs, …], "fresh": […], "wrong": …}`: on one connection that is kept, and, every tenth, on a fresh one,
connecting included.
Every answer is compared byte for byte.
"""

from __future__ import annotations

import json
import socket
import sys
import time

from content import content
from served import take_place

_SIZE = 100
_FRESH_EVERY = 10
_ANSWER_SECONDS = 20


class Client:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, number: int) -> bool:
        """Whether the answer is the right one."""
        self._socket.sendall(b"GET /content/%d?size=%d HTTP/1.1\r\nhost: a\r\n\r\n" % (number, _SIZE))
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0 or len(received) < end + 4 + _SIZE:
            chunk = self._socket.recv(65536)
            if not chunk:
                return False
            received += chunk
        return received.startswith(b"HTTP/1.1 200 ") and received[end + 4 :] == content(number, _SIZE)

    def close(self) -> None:
        self._socket.close()


class Probe:
    def __init__(self, port: int) -> None:
        self._port = port
        self._kept = Client(port)
        self._number = 0

    def run(self, seconds: float) -> dict[str, object]:
        kept: list[float] = []
        fresh: list[float] = []
        wrong = 0
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            self._number += 1
            if self._number % _FRESH_EVERY:
                is_right = self._kept.ask(self._number)
                kept.append(round((time.perf_counter() - began) * 1e6, 1))
            else:
                client = Client(self._port)
                is_right = client.ask(self._number)
                fresh.append(round((time.perf_counter() - began) * 1e6, 1))
                client.close()
            wrong += not is_right
        return {"kept": kept, "fresh": fresh, "wrong": wrong}


def main(port: int) -> None:
    take_place("probe")
    probe = Probe(port)
    for line in sys.stdin:
        print(json.dumps(probe.run(float(line))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
