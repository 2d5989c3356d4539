"""Slow-loris clients: a process with one epoll, which gives way to who measures.

Usage: slow_clients.py PORT COUNT SECONDS_BETWEEN_BYTES. Each sends a byte of a head that never ends, now and then, and
connects again as soon as it is cut off. Prints `{"cut": …, "answered": …, "open": …, "connects": …}` for each line of
its input, since the last one; ends with the input.
"""

from __future__ import annotations

import heapq
import json
import random
import selectors
import socket
import sys
import time

from served import take_place

_SEED = 20261121
_RAMP_SECONDS = 2.0  # over which the first connections are made
_HEAD = b"GET / HTTP/1.1\r\nhost: a\r\nx-filler: " + b"a" * 4096


class SlowClients:
    def __init__(self, port: int, count: int, pause: float) -> None:
        self._port = port
        self._pause = pause
        self._choose = random.Random(_SEED)
        self._selector = selectors.EpollSelector()
        self._sent: dict[socket.socket, int] = {}
        now = time.monotonic()
        # When somebody is to do something, who that is (to break ties), and its connection if it has one.
        self._due = [(now + _RAMP_SECONDS * i / count, i, None) for i in range(count)]
        self._next = count
        self.tally = self._fresh_tally()

    def run(self) -> None:
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            wait = self._due[0][0] - time.monotonic() if self._due else 1.0
            for key, _ in self._selector.select(max(0.0, wait)):
                if key.fileobj is not sys.stdin:
                    self._on_readable(key.fileobj)
                elif not self._on_command():
                    return
            self._do_what_is_due()

    def _on_command(self) -> bool:
        if not sys.stdin.readline():
            return False
        print(json.dumps({**self.tally, "open": len(self._sent)}), flush=True)
        self.tally = self._fresh_tally()
        return True

    @staticmethod
    def _fresh_tally() -> dict[str, int]:
        return {"cut": 0, "answered": 0, "connects": 0}

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, client = heapq.heappop(self._due)
            if client is None:
                self._connect()
            elif client in self._sent:
                self._send_byte(client)

    def _later(self, client: socket.socket | None, seconds: float) -> None:
        self._next += 1
        heapq.heappush(self._due, (time.monotonic() + seconds, self._next, client))

    def _connect(self) -> None:
        client = socket.socket()
        client.connect(("127.0.0.1", self._port))  # loopback: the kernel answers at once
        client.setblocking(False)
        self._selector.register(client, selectors.EVENT_READ)
        self._sent[client] = 0
        self.tally["connects"] += 1
        self._send_byte(client)

    def _send_byte(self, client: socket.socket) -> None:
        sent = self._sent[client]
        try:
            client.send(_HEAD[sent : sent + 1])
        except OSError:
            return  # its end will be read
        self._sent[client] = sent + 1
        self._later(client, self._pause * self._choose.uniform(0.5, 1.5))

    def _on_readable(self, client: socket.socket) -> None:
        try:
            received = client.recv(4096)
        except OSError:
            received = b""
        if received.startswith(b"HTTP/1.1 408 "):
            self.tally["answered"] += 1
        self.tally["cut"] += 1
        self._selector.unregister(client)
        del self._sent[client]
        client.close()
        self._later(None, 0.0)


def main(port: int, count: int, pause: float) -> None:
    take_place("clients")
    SlowClients(port, count, pause).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
