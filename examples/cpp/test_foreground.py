"""Runs examples/cpp/foreground.cpp: it serves, and each way of ending it is an orderly one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request


def main(program: str) -> int:
    for end in ("SIGTERM", "SIGINT", "/stop"):
        # Its own handling of signals is to be seen, not what this process inherited.
        process = subprocess.Popen(
            [program, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, restore_signals=True
        )
        assert process.stdout and process.stderr
        line = process.stderr.readline()
        assert line.startswith("serving at http://127.0.0.1:"), line
        url = line.split()[-1]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        assert opener.open(url).read() == b"hello"
        if end == "/stop":
            assert opener.open(urllib.request.Request(url + end, method="POST")).status == 204
        else:
            os.kill(process.pid, getattr(signal, end))
        output, _ = process.communicate(timeout=30)
        assert process.returncode == 0, (end, process.returncode)
        assert output.startswith("stopped in "), output
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
