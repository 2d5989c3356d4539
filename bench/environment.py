"""What the benchmark needs before it can measure: the peers' environment, Outrider in it, nginx, a certificate, and the load
programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import paths
from servers import nginx_program

PEERS = (
    "uvicorn", "uvloop", "httptools", "websockets", "wsproto", "granian", "peregrine-server", "freastal", "hypercorn",
    "picows", "fastapi", "pytest", "pytest-localserver", "django",
)  # fmt: skip

_COMPILE = ("g++", "-std=c++20", "-O2", "-Wall", "-Wextra")
_LIBRARIES = ("-lssl", "-lcrypto", "-lz")
_CLIENT_UNITS = (
    "http.cpp", "kinds.cpp", "options.cpp", "payload.cpp", "response_reader.cpp", "socket.cpp", "tls.cpp", "transport.cpp",
    "websocket.cpp", "websocket_handshake.cpp", "websocket_reader.cpp",
)  # fmt: skip
_PROGRAMS: dict[Path, tuple[str, ...]] = {
    paths.LOAD: ("main.cpp", "client.cpp", *_CLIENT_UNITS),
    paths.HOLD: ("hold.cpp", *_CLIENT_UNITS),
    paths.FLOOR: ("floor.cpp", "socket.cpp"),
    paths.WEBSOCKET_FLOOR: ("websocket_floor.cpp", "socket.cpp"),
}


def _run(command: list[str], log_name: str) -> bool:
    """Runs a command, shown first, with its output in a log; whether it succeeded."""
    print("+ " + " ".join(command), flush=True)
    log = paths.LOGS / f"{log_name}.log"
    with log.open("ab") as output:
        succeeded = subprocess.run(command, stdout=output, stderr=output).returncode == 0
    if not succeeded:
        print(f"  failed; see {log.relative_to(paths.ROOT)}", flush=True)
    return succeeded


def build_programs() -> None:
    """The load client, the holder and the floors; only when a source is newer."""
    newest = max(source.stat().st_mtime for source in paths.LOAD_SOURCES.iterdir())
    for program, units in _PROGRAMS.items():
        if program.exists() and program.stat().st_mtime >= newest:
            continue
        sources = [str(paths.LOAD_SOURCES / unit) for unit in units]
        if not _run([*_COMPILE, *sources, "-o", str(program), *_LIBRARIES], "compile"):
            raise SystemExit("bench: the load programs don't compile; are g++, libssl-dev and zlib1g-dev installed?")


def _interpreter_version(python: str) -> str:
    command = [python, "-c", "import sys; print(sys.version.split()[0])"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def make_venv(python: str) -> None:
    """The peers' environment, made anew when it belongs to another interpreter."""
    if shutil.which(python) is None:
        raise SystemExit(f"bench: no {python} here; name another interpreter with --python")
    if paths.VENV_PYTHON.exists() and _interpreter_version(str(paths.VENV_PYTHON)) == _interpreter_version(python):
        return
    if _run([python, "-m", "venv", "--clear", str(paths.VENV)], "environment"):
        return
    # Debian's interpreter has no ensurepip without python3.11-venv; the pip of whoever runs this will do.
    bare = _run([python, "-m", "venv", "--clear", "--without-pip", str(paths.VENV)], "environment")
    pip = [sys.executable, "-m", "pip", "--python", str(paths.VENV_PYTHON), "install", "pip"]
    if not bare or not _run(pip, "environment"):
        raise SystemExit("bench: the environment can't be made; on Debian, install python3-venv")


def install_peers() -> None:
    """All peers at once; when that fails each by itself, so that one without a wheel doesn't take the others along."""
    stamp = paths.VENV / "peers-installed"
    if stamp.exists() and stamp.read_text() == " ".join(PEERS):
        return
    pip = [str(paths.VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    if not _run([*pip, *PEERS], "environment"):
        for peer in PEERS:
            _run([*pip, peer], "environment")
    stamp.write_text(" ".join(PEERS))


def install_outrider() -> None:
    """From the repository. When it can't be built its rows will say `not run`; the peers are measured all the same."""
    if not (paths.ROOT / "pyproject.toml").exists():
        print("  no pyproject.toml yet: Outrider is not installed", flush=True)
        return
    pip = [str(paths.VENV_PYTHON), "-m", "pip", "install", "--disable-pip-version-check"]
    _run([*pip, str(paths.ROOT)], "environment")


def install_from_debian() -> None:
    """What is missing. nginx may come with a service on port 80, which is stopped again, as nobody asked for it."""
    there = {
        "g++": shutil.which("g++"),
        "libssl-dev": Path("/usr/include/openssl/ssl.h").exists(),
        "zlib1g-dev": Path("/usr/include/zlib.h").exists(),
        "openssl": shutil.which("openssl"),
        "nginx-light": nginx_program(),
    }
    missing = [package for package, found in there.items() if not found]
    if not missing or shutil.which("apt-get") is None:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    _run([*as_root, "apt-get", "install", "-y", "--no-install-recommends", *missing], "environment")
    if "nginx-light" in missing and shutil.which("systemctl"):
        _run([*as_root, "systemctl", "disable", "--now", "nginx"], "environment")


def make_certificate() -> None:
    """The one that every server shows: ECDSA on P-256, signed by itself; the key in PKCS#8, as granian wants it."""
    if paths.CERTIFICATE.exists() and paths.KEY.exists():
        return
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(paths.KEY), "-out", str(paths.CERTIFICATE),
    ]  # fmt: skip
    if shutil.which("openssl") is None or not _run(command, "environment"):
        raise SystemExit("bench: no certificate for the parts with TLS; is openssl installed?")


def prepare(python: str, *, wants_install: bool) -> None:
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    install_from_debian()
    build_programs()
    make_certificate()
    make_venv(python)
    install_peers()
    if wants_install:
        install_outrider()
