"""How long a server in a process of its own takes to be ready, beside a bare interpreter that imports the same application.

The difference is what Outrider costs: its own import, its sockets, its event loop, and telling the parent. Both are wall clock
as the parent sees it, and take turns.

`run()` is the benchmark's side: it starts this file again with the environment's interpreter: process_start.py APP ROUNDS.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

_CHILD_SECONDS = 120.0
_BOUND_MS = 60.0
_APPS = (("raw ASGI", "raw_apps:hello"), ("FastAPI", "fastapi_app:app"))


def _ready_ms(app: str) -> float:
    import outrider

    start = time.perf_counter()
    with outrider.serve(app, isolation="process"):
        return (time.perf_counter() - start) * 1000


def _import_ms(app: str) -> float:
    module = app.partition(":")[0]
    # Flushed: otherwise the line comes when the interpreter has ended.
    command = [sys.executable, "-c", f"import {module}; print('x', flush=True)"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        if child.stdout.readline() != b"x\n":
            raise RuntimeError(f"the application can't be imported: {app}")
        return (time.perf_counter() - start) * 1000


def _obey(app: str, rounds: int) -> None:
    """The child: one pair that isn't counted, for the files to be in memory, then the rounds."""
    _import_ms(app), _ready_ms(app)
    print(json.dumps([(_import_ms(app), _ready_ms(app)) for _ in range(rounds)]))


def _measure(app: str, rounds: int) -> dict[str, Any]:
    import paths

    environment = {**os.environ, "PYTHONPATH": str(paths.APPS), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(paths.VENV_PYTHON), __file__, app, str(rounds)]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_CHILD_SECONDS)
    except subprocess.TimeoutExpired:
        return {"status": "not run", "reason": f"not done within {_CHILD_SECONDS:g} s"}
    if child.returncode != 0:
        return {"status": "not run", "reason": (child.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]}
    return {"status": "ok", **_summary(json.loads(child.stdout.splitlines()[-1]))}


def _summary(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """The difference is the median of those within a round: what slowed a whole round cancels out."""
    imports, readies = zip(*pairs)
    differences = [ready - imported for imported, ready in pairs]
    difference = statistics.median(differences)
    return {
        "starts": len(pairs),
        "import_ms": statistics.median(imports),
        "ready_ms": statistics.median(readies),
        "difference_ms": difference,
        "difference_ms_rounds": [round(value, 2) for value in differences],
        "reason": f"over its bound of {_BOUND_MS:g} ms" if difference > _BOUND_MS else "",
    }


def run(plan: Any) -> list[dict[str, Any]]:
    """Not pinned: the program and its server's process have whatever cores there are, as they do in use."""
    if plan.only and not any("outrider".startswith(beginning) for beginning in plan.only):
        return []
    rows = []
    for name, app in _APPS:
        print(f"  process: {name}", flush=True)
        row = {"server": f"outrider, {name}", "is_ours": True, "workload": "process"}
        rows.append({**row, **_measure(app, plan.starts)})
    return rows


if __name__ == "__main__":
    _obey(sys.argv[1], int(sys.argv[2]))
