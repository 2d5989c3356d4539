"""Eight threads that start, stop, ask, call, quiesce, swap and restart the same and different servers at random.

Run by `./dev stress`: threads.py [OPERATIONS]. Every call either does what it says or raises what its documentation
names; nothing hangs, and threads, descriptors and memory are the same afterwards. The seeds are fixed.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import random
import socket
import sys
import threading
import time
from collections.abc import Callable

import outrider
from cycles import POLICIES, REQUESTS, SEED, app, measure
from outrider import Server, StateError

THREADS = 8
ROOM_KIB = 6144  # for the allocator
HANG_SECONDS = 120  # a stress that takes that long hangs: everybody's traceback is shown, and it ends

# What each of them may raise: the server isn't in the state for it, or stops meanwhile, or doesn't get quiet.
ALLOWED = (StateError, TimeoutError)

Operation = Callable[[Server, random.Random], object]


def ask(server: Server, choose: random.Random) -> None:
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        if choose.random() < 0.5:
            client.sendall(choose.choice(REQUESTS))
            return
        client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = client.makefile("rb").read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer


def call(server: Server, choose: random.Random) -> None:
    number = choose.random()
    assert server.call(lambda: number) == number


def run_coroutine(server: Server, choose: random.Random) -> None:
    number = choose.random()
    assert server.run_coroutine(asyncio.sleep(number / 1000, number)) == number


def start(server: Server, _: random.Random) -> None:
    assert server.start() is server


OPERATIONS: tuple[tuple[int, Operation], ...] = (
    (4, start),
    (3, lambda server, choose: server.stop(choose.choice(POLICIES))),
    (1, lambda server, choose: server.request_stop(choose.choice(POLICIES))),
    (10, ask),
    (6, call),
    (4, run_coroutine),
    (3, lambda server, choose: server.quiesce(choose.random() / 50)),
    (2, lambda server, choose: server.swap(app, policy=choose.choice(POLICIES))),
    (2, lambda server, choose: server.restart(choose.choice(POLICIES))),
    (2, lambda server, _: (server.requests, server.errors, repr(server))),
    (1, lambda server, _: server.wait(0.005)),
)


def work(servers: list[Server], seed: int, operations: int, wrong: list[BaseException]) -> None:
    choose = random.Random(seed)
    weights, functions = zip(*OPERATIONS, strict=True)
    for _ in range(operations):
        try:
            choose.choices(functions, weights)[0](choose.choice(servers), choose)
        except ALLOWED:
            pass
        except BaseException as error:
            wrong.append(error)


def run_threads(operations: int) -> list[BaseException]:
    servers = [outrider.serve(app, loop=("asyncio", "uvloop")[i % 2], access_log=False) for i in range(4)]
    wrong: list[BaseException] = []
    threads = [threading.Thread(target=work, args=(servers, SEED + i, operations, wrong)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for server in servers:
        server.stop(POLICIES[-1])
        assert server.state in ("stopped", "failed"), server
    return wrong


def main(operations: int) -> int:
    logging.getLogger("outrider").setLevel(logging.CRITICAL)  # the exceptions are wanted here
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    began = time.monotonic()
    wrong = run_threads(operations)  # for the allocator
    before = measure()
    wrong += run_threads(operations)
    after = measure()
    print(f"{operations} operations in each of {THREADS} threads, twice, in {time.monotonic() - began:.1f} s:", end=" ")
    print(f"{len(wrong)} wrong, {before} -> {after} (threads, descriptors, KiB)")
    for error in wrong[:5]:
        print(repr(error), repr(error.__cause__))
    is_flat = after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + ROOM_KIB
    return 0 if is_flat and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
