"""The recipe with a process: a function that runs the server, a module that starts and ends it.

Run as a program it does the same from `__main__`: `python recipe_process.py fork|spawn PORT`.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
import urllib.request

import outrider as uvicorn

APP = "apps.plain_asgi:app"


def run_server(app: str, port: int) -> None:
    uvicorn.run(app, host="127.0.0.1", port=port)


def start(method: str, port: int, app: str = APP) -> multiprocessing.process.BaseProcess:
    context = multiprocessing.get_context(method)
    process = context.Process(target=run_server, args=(app, port), daemon=True)  # type: ignore[attr-defined]
    process.start()
    return process  # type: ignore[no-any-return]


def end(process: multiprocessing.process.BaseProcess) -> None:
    process.terminate()
    process.join(10)
    assert process.exitcode is not None, "the process did not end"


def get_when_ready(process: multiprocessing.process.BaseProcess, port: int) -> bytes:
    """The page, asked for until the process answers; a process that has ended is not waited for."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                return bytes(response.read())
        except OSError:
            assert process.is_alive(), f"the process ended with {process.exitcode}"
            assert time.monotonic() < deadline, "the process does not answer"
            time.sleep(2e-3)


if __name__ == "__main__":
    for _ in range(2):  # and once more on the same port
        running = start(sys.argv[1], int(sys.argv[2]))
        print(get_when_ready(running, int(sys.argv[2])).decode())
        end(running)
