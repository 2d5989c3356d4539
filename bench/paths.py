"""Where things lie. Everything the benchmark makes goes below build/, except what report.py publishes."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
APPS = BENCH / "apps"
LOAD_SOURCES = BENCH / "load"
BUILD = ROOT / "build" / "bench"
LOGS = BUILD / "logs"
VENV = ROOT / "build" / "bench-venv"
VENV_PYTHON = VENV / "bin" / "python"
CPP_HELLO = ROOT / "build" / "release" / "bench" / "cpp_hello"
CPP_WEBSOCKET = ROOT / "build" / "release" / "bench" / "cpp_websocket"
LOAD = BUILD / "load"
HOLD = BUILD / "hold"
FLOOR = BUILD / "floor"
WEBSOCKET_FLOOR = BUILD / "websocket_floor"
CERTIFICATE = BUILD / "certificate.pem"
KEY = BUILD / "key.pem"


def results_file(name: str, *, is_partial: bool = False) -> Path:
    """A quick or filtered run must not take the place of a whole one, so it has a file of its own."""
    return BUILD / (f"results-{name}.partial.json" if is_partial else f"results-{name}.json")
