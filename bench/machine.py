"""The machine's shape, for the reader of a result, and the cores that the benchmark uses."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import paths

# The server has a core to itself, so that its cost isn't the client's scheduling; the client and the runner share
# the other one. With a single core the figures are still true, but noisier.
SERVER_CORE = min(os.sched_getaffinity(0))
CLIENT_CORE = max(os.sched_getaffinity(0))

# An interpreter built without profile-guided optimization is slower, and so flatters servers in C or Rust beside those in
# Python: the reader has to know. Debian's is optimized, though its configure arguments don't say so.
_VERSIONS = """
import importlib.metadata, json, sys, sysconfig
versions = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
plain = "a distribution's build" if sys.base_prefix == "/usr" else "not optimized"
build = "optimized" if "--enable-optimizations" in arguments else plain
print(json.dumps({"python": sys.version.split()[0], "python build": build, **versions}))
"""


def pin_to_client_core() -> None:
    os.sched_setaffinity(0, {CLIENT_CORE})


def probe_us() -> float:
    """How long a fixed computation takes on the servers' core right now, by CPU time.

    It should always take the same; where it doesn't, a neighbour outside this machine's view slows the core, and CPU time
    with it. Runs between warm-up and window, when the server is idle.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {SERVER_CORE})
    start = time.thread_time_ns()
    total = 0
    for number in range(100_000):
        total += number * number % 7
    elapsed = time.thread_time_ns() - start
    os.sched_setaffinity(0, allowed)
    return elapsed / 1000


def cpu_model() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match.group(1) if match else platform.machine()


def memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def shape() -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "cpu": cpu_model(),
        "memory_gib": memory_gib(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release().split("-")[0],
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """The interpreter's and every package's version in the benchmark's environment, by lower-case name."""
    if not paths.VENV_PYTHON.exists():
        return {}
    found = subprocess.run([paths.VENV_PYTHON, "-c", _VERSIONS], capture_output=True, text=True)
    return json.loads(found.stdout) if found.returncode == 0 else {}
