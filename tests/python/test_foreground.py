"""run(), signals, and processes that end or fork."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import outrider
import pytest
from apps.hello import app

FOREGROUND = """
import sys, outrider
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                print("shut down", flush=True)
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_run_stops_at_a_signal_and_returns(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    (tmp_path / "main.py").write_text(
        FOREGROUND + f"print('report', type(outrider.run(app, port=0, loop={loop!r})).__name__, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "serving on http://127.0.0.1:" in line
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output.splitlines() == ["shut down", "report StopReport"]
    assert process.returncode == 0


def test_a_second_signal_takes_the_grace_away_and_a_third_cuts_off(tmp_path: Path) -> None:
    # One request lets its cancellation pass, one ignores everything.
    (tmp_path / "main.py").write_text(
        "import asyncio, outrider\n"
        "async def app(scope, receive, send):\n"
        "    print('begun', flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(1000)\n"
        "        except asyncio.CancelledError:\n"
        "            print('cancelled', flush=True)\n"
        "            if scope['path'] == '/polite':\n"
        "                raise\n"
        "report = outrider.run(app, port=0, lifespan='off', access_log=False)\n"
        "print(report.cancelled, report.aborted, report.abandoned, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None and process.stdout is not None
    port = int(process.stderr.readline().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as two:
        for path, client in (("/polite", one), ("/stubborn", two)):
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionRefusedError):  # until it has been seen
            while True:
                socket.create_connection(("127.0.0.1", port)).close()
        process.send_signal(signal.SIGINT)
        assert [process.stdout.readline() for _ in range(2)] == ["cancelled\n"] * 2
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert output.splitlines()[-1] == "1 1 1"
    assert process.returncode == 0


def test_a_process_that_ends_without_stop_runs_the_lifespans_shutdown(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(FOREGROUND + "server = outrider.serve(app).start()\n")
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "shut down\n"
    assert done.stderr == ""


def test_a_forked_child_ends_and_the_parents_server_goes_on(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        FOREGROUND
        + """
import os, socket, urllib.request
server = outrider.serve(app).start()
idle = socket.create_connection(("127.0.0.1", server.port))
idle.sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
idle.recv(65536)

def sockets():
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink("/proc/self/fd/" + entry))
        except FileNotFoundError:
            pass
    return {name for name in found if name.startswith("socket:")}

before = sockets()
child = os.fork()
if child == 0:
    # The listener and the server's end of the connection; what is left is the client's and asyncio's own.
    print(server.state, len(before) - len(sockets()), flush=True)
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print(urllib.request.urlopen(server.url).read(), flush=True)
idle.sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
assert idle.recv(65536).endswith(b"hello")
server.stop()
"""
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "main.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == ["stopped 2", "7", "b'hello'", "shut down"]


def test_a_server_for_the_callers_loop_cannot_be_started_beside_it() -> None:
    with pytest.raises(outrider.StateError, match="async with"):
        outrider.serve(app, isolation="none").start()
