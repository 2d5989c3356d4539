"""Start and stop, again and again, with requests in flight, streams open and clients that vanish.

Run by `./dev stress [CYCLES]`; prints threads, descriptors and resident memory on the way, and fails when they grow.
The seed is fixed, so that a failure can be had again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import socket
import struct
import sys
import threading
import time
from typing import Any

import outrider

SEED = 20261121
WARM_UP = 400  # cycles after which nothing may grow any more
ROOM_KIB = 3072  # for the allocator

POLICIES = (
    outrider.StopPolicy(grace=0.02, disconnect=0.02, cancel=0.05),
    outrider.StopPolicy(grace=0.0, disconnect=0.02, cancel=0.05),
    outrider.StopPolicy.immediate(),
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """`/` answers, `/slow` after 2 ms, `/stream` never ends by itself, `/upload` reads it all."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.002)
    if scope["path"] == "/upload":
        while (await receive()).get("more_body", False):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        await asyncio.sleep(0.001)
    await send({"type": "http.response.body", "body": b"hello"})


REQUESTS = (
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nhalf",
    b"GET / HT",
    b"",
)


def run_cycle(choose: random.Random, loop: str) -> None:
    """One server with a few clients, some of which go before it does."""
    server = outrider.serve(app, loop=loop, access_log=False).start()
    clients = []
    for _ in range(choose.randrange(6)):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(choose.choice(REQUESTS))
        if choose.random() < 0.3:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        if choose.random() < 0.5:
            client.close()
        else:
            clients.append(client)
    if choose.random() < 0.2:
        stoppers = [threading.Thread(target=server.stop, args=[policy]) for policy in POLICIES]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()
    report = server.stop(choose.choice(POLICIES))
    assert report.lifespan == "completed", report
    assert server.state == "stopped"
    for client in clients:
        client.close()


def measure() -> tuple[int, int, int]:
    """Threads, descriptors, resident KiB."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return threading.active_count(), len(os.listdir("/proc/self/fd")), resident


def main(cycles: int) -> int:
    logging.getLogger("outrider").setLevel(logging.CRITICAL)  # the exceptions are wanted here
    choose = random.Random(SEED)
    began = time.monotonic()
    before = measure()
    for cycle in range(1, cycles + 1):
        run_cycle(choose, choose.choice(("asyncio", "uvloop")))
        if cycle == WARM_UP:
            before = measure()
        if cycle % max(1, cycles // 5) == 0:
            threads, descriptors, resident = measure()
            print(f"{cycle:6} cycles, {threads} threads, {descriptors} descriptors, {resident} KiB", flush=True)
    after = measure()
    print(f"{cycles} cycles in {time.monotonic() - began:.1f} s: {before} -> {after} (threads, descriptors, KiB)")
    is_flat = after[0] <= before[0] and after[1] <= before[1] and after[2] <= before[2] + ROOM_KIB
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
