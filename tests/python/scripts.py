"""Small programs with a server beside them, each run by an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Far more than any of them takes, far less than what they would wait for.
SECONDS_MAX = 20

# `begun` is set by the handlers; a handler is a function of the script, and its name the path.
PRELUDE = """
import asyncio, atexit, contextlib, gc, os, signal, socket, sys, threading, time, urllib.request
import outrider

begun = threading.Event()

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # in one piece: several threads and processes do

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        say("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("shutdown")
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await globals()[scope["path"][1:] or "hello"](receive, send)

async def hello(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

async def forever(receive, send):
    begun.set()
    await asyncio.sleep(1000)

# urlopen() would make a TLS context as well, which crashes in a daemon thread while OpenSSL is being cleaned up.
opener = urllib.request.OpenerDirector()
for handler in (urllib.request.HTTPHandler, urllib.request.HTTPErrorProcessor, urllib.request.HTTPDefaultErrorHandler):
    opener.add_handler(handler())

def get(url):
    with opener.open(url, timeout=10) as answer:
        return answer.read()

def ask(server, path, method="GET", *lines):
    # A descriptor that nobody closes: what the connection is like when the program ends.
    client = socket.create_connection(("127.0.0.1", server.port))
    client.sendall("\\r\\n".join([f"{method} {path} HTTP/1.1", "host: a", *lines, "", ""]).encode())
    return client.detach()
"""


@dataclass
class Done:
    """How a script ended."""

    status: int
    said: list[str]
    stderr: str


def command(body: str, first: str = "", arguments: Sequence[str] = ()) -> list[str]:
    """The command line of a script; `first` comes before anything is imported."""
    return [sys.executable, "-X", "faulthandler", "-W", "error", *arguments, "-c", first + PRELUDE + body]


def run_script(body: str, **how: Any) -> Done:
    """Runs it to its end, and fails when that doesn't come."""
    done = subprocess.run(command(body, **how), capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    return Done(done.returncode, done.stdout.splitlines(), done.stderr)


class Script:
    """One that is told things while it runs."""

    def __init__(self, body: str) -> None:
        self.process = subprocess.Popen(
            command(body),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, *lines: str) -> None:
        """Reads what it says, line by line; fails when it's something else."""
        assert self.process.stdout is not None
        for line in lines:
            assert self.process.stdout.readline() == line + "\n", self.end().stderr

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def say(self, line: str = "") -> None:
        """To its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> Done:
        """What it says from here on."""
        try:
            stdout, stderr = self.process.communicate(timeout=SECONDS_MAX)
        finally:
            self.process.kill()
        return Done(self.process.returncode, stdout.splitlines(), stderr)
