"""One server process: started on its core, waited for until it answers, and ended with all its children."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import paths
from servers import Server, Target, client_request

_READY_SECONDS = 20.0
_STOP_SECONDS = 5.0
_OPEN_FILES = 20000


class NotRun(Exception):
    """The server can't be measured here; the message says why, and goes into the table."""


def free_port() -> int:
    """A port nobody uses. Somebody could take it before the server does; the server then says so."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare_child() -> None:
    os.sched_setaffinity(0, {machine.SERVER_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _OPEN_FILES and os.geteuid() == 0:
        hard = _OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < _OPEN_FILES and hard > 0 else _OPEN_FILES, hard))


def _environment() -> dict[str, str]:
    """The applications' folder to import from, and no bytecode written into the source tree."""
    return {**os.environ, "PYTHONPATH": str(paths.APPS), "PYTHONDONTWRITEBYTECODE": "1"}


def _last_words(server: Server) -> str:
    lines = [line.strip() for line in _log(server).read_text(errors="replace").splitlines() if line.strip()]
    # Paths of this machine mean nothing to a reader of the results.
    return lines[-1].replace(f"{paths.ROOT}/", "")[:200] if lines else "it said nothing"


def _log(server: Server) -> Path:
    return paths.LOGS / ("".join(c if c.isalnum() else "-" for c in server.name) + ".log")


@contextlib.contextmanager
def _connection(target: Target) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", target.port), timeout=1.0) as connection:
        if not target.is_tls:
            yield connection
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(connection) as encrypted:
            yield encrypted


def _answers(target: Target) -> bool:
    try:
        with _connection(target) as connection:
            connection.sendall(client_request(target.port))  # the very request that the floor expects
            return connection.recv(16).startswith(b"HTTP/1.1 ")
    except OSError:
        return False


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], target: Target) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not _answers(target):
        if process.poll() is not None:
            raise NotRun(f"it ended with status {process.returncode}: {_last_words(server)}")
        if time.monotonic() > deadline:
            raise NotRun(f"no answer within {_READY_SECONDS:g} s: {_last_words(server)}")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole group, which is the server's own: first politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            break
    with contextlib.suppress(ProcessLookupError):  # children that outlived it
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def running(server: Server, target: Target) -> Iterator[int]:
    """The server, ready; yields the process id at the root of its tree. Raises NotRun."""
    command = server.command(target)
    with open(_log(server), "wb") as log:
        try:
            process = subprocess.Popen(
                command, cwd=paths.BUILD, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=_prepare_child,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise NotRun(f"not there: {os.path.basename(command[0])}") from error
    try:
        _wait_until_ready(server, process, target)
        yield process.pid
    finally:
        _end(process)
