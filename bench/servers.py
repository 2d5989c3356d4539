"""The table of servers, each started the way its own documentation calls fastest: one worker, no access log, but where
that is what is measured.

A keep-alive time or a request limit that would close connections in the middle of a measurement is set out of the way,
as it is set for nginx; nothing else departs from the defaults.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import paths

KEEP_ALIVE_SECONDS = 120  # longer than any measurement


@dataclass(frozen=True)
class Target:
    """What a server is to be started with."""

    app: str
    port: int
    depth: int = 1
    is_tls: bool = False


@dataclass(frozen=True)
class Server:
    name: str
    face: str  # "asgi", "native", "access-log", "websocket", "https", or a floor that a workload names
    command: Callable[[Target], list[str]]
    package: str = ""  # its distribution in the environment; "" for programs
    is_ours: bool = False
    beyond: str = ""  # the server of the same run whose CPU time is to be taken off


def _module(name: str, *arguments: str) -> list[str]:
    return [str(paths.VENV_PYTHON), "-m", name, *arguments]


def _tls(target: Target, certificate: str, key: str) -> list[str]:
    """The benchmark's certificate, by the server's names of the options; nothing without TLS."""
    return [certificate, str(paths.CERTIFICATE), key, str(paths.KEY)] if target.is_tls else []


def _outrider(loop: str, *logging: str) -> Callable[[Target], list[str]]:
    def command(target: Target) -> list[str]:
        return _module(
            "outrider", target.app, "--host", "127.0.0.1", "--port", str(target.port), "--loop", loop,
            *_tls(target, "--ssl-certfile", "--ssl-keyfile"), *(logging or ("--no-access-log",)),
        )  # fmt: skip

    return command


def _outrider_to_file(access_format: str) -> Callable[[Target], list[str]]:
    def command(target: Target) -> list[str]:
        file = paths.LOGS / "access.log"
        file.unlink(missing_ok=True)
        return _outrider("uvloop", "--access-log-file", str(file), "--access-log-format", access_format)(target)

    return command


def _uvicorn(*logging: str, websockets: str = "auto") -> Callable[[Target], list[str]]:
    def command(target: Target) -> list[str]:
        return _module(
            "uvicorn", target.app, "--host", "127.0.0.1", "--port", str(target.port), "--loop", "uvloop",
            "--http", "httptools", "--ws", websockets, "--timeout-keep-alive", str(KEEP_ALIVE_SECONDS),
            *_tls(target, "--ssl-certfile", "--ssl-keyfile"),
            *(logging or ("--no-access-log", "--log-level", "warning")),
        )  # fmt: skip

    return command


def _granian(websockets: str) -> Callable[[Target], list[str]]:
    def command(target: Target) -> list[str]:
        # Its back-pressure counts open connections, and is below what `idle` opens.
        return _module(
            "granian", target.app, "--interface", "asgi", "--host", "127.0.0.1", "--port", str(target.port),
            "--workers", "1", "--loop", "uvloop", "--http", "1", websockets, "--no-access-log", "--log-level", "warning",
            "--backpressure", "16384", *_tls(target, "--ssl-certificate", "--ssl-keyfile"),
        )  # fmt: skip

    return command


def _peregrine(target: Target) -> list[str]:
    # It takes uvloop by itself when it is installed. Its limit of connections is below what `idle` opens. It compresses
    # WebSockets only when told to, and then only for clients that offer it.
    return _module(
        "peregrine", "--host", "127.0.0.1", "--port", str(target.port), "--workers", "1", "--protocol", "asgi",
        "--log-level", "warning", "--keep-alive", str(KEEP_ALIVE_SECONDS * 1000), "--max-connections", "16384",
        "--ws-compress", *_tls(target, "--tls-cert", "--tls-key"), target.app,
    )  # fmt: skip


def _files(target: Target) -> list[str]:
    """The certificate for programs without options."""
    return [str(paths.CERTIFICATE), str(paths.KEY)] if target.is_tls else []


def _freastal(target: Target) -> list[str]:
    # It has no command line and a loop of its own.
    program = str(paths.APPS / "run_freastal.py")
    return [str(paths.VENV_PYTHON), program, target.app, str(target.port), *_files(target)]


def _hypercorn(target: Target) -> list[str]:
    config = paths.BUILD / "hypercorn.toml"
    config.write_text(f"keep_alive_max_requests = 1000000000\nkeep_alive_timeout = {KEEP_ALIVE_SECONDS}\n")
    return _module(
        "hypercorn", "--config", str(config), "--bind", f"127.0.0.1:{target.port}", "--workers", "1",
        "--worker-class", "uvloop", "--log-level", "WARNING", *_tls(target, "--certfile", "--keyfile"), target.app,
    )  # fmt: skip


def _picows(interface: str) -> Callable[[Target], list[str]]:
    def command(target: Target) -> list[str]:
        return [str(paths.VENV_PYTHON), str(paths.APPS / "run_picows.py"), interface, str(target.port)]

    return command


def _cpp_hello(target: Target) -> list[str]:
    return [str(paths.CPP_HELLO), str(target.port), *_files(target)]


def _cpp_websocket(target: Target) -> list[str]:
    return [str(paths.CPP_WEBSOCKET), str(target.port)]


def nginx_program() -> str | None:
    """Debian puts it where the PATH of an ordinary user doesn't lead."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


_NGINX_CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout {keep_alive}s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/plain;
    server {{
        listen 127.0.0.1:{port}{tls};
        location / {{ return 200 "hello"; }}
    }}
}}
"""


def _nginx(target: Target) -> list[str]:
    folder = paths.BUILD / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    user = "user root;" if os.geteuid() == 0 else ""  # else the worker couldn't enter a folder in root's home
    config = folder / "nginx.conf"
    # TLS 1.3 is its default only since 1.23.
    certificate = f"ssl_certificate {paths.CERTIFICATE}; ssl_certificate_key {paths.KEY}; ssl_protocols TLSv1.2 TLSv1.3"
    tls = f" ssl; {certificate}" if target.is_tls else ""
    values = {"folder": folder, "port": target.port, "keep_alive": KEEP_ALIVE_SECONDS, "user": user, "tls": tls}
    config.write_text(_NGINX_CONFIG.format(**values))
    return [nginx_program() or "nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(config)]


def _floor(target: Target) -> list[str]:
    command = [str(paths.FLOOR), str(target.port)]
    return command if target.depth == 1 else [*command, str(len(client_request(target.port)))]


def _websocket_floor(target: Target) -> list[str]:
    return [str(paths.WEBSOCKET_FLOOR), str(target.port)]


def client_request(port: int) -> bytes:
    """The load client's GET, whose size the floor must know when several arrive in one read."""
    return f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()


SERVERS: tuple[Server, ...] = (
    Server("outrider (uvloop)", "asgi", _outrider("uvloop"), "outrider", is_ours=True),
    Server("outrider (asyncio)", "asgi", _outrider("asyncio"), "outrider", is_ours=True),
    Server("uvicorn", "asgi", _uvicorn(), "uvicorn"),
    Server("granian", "asgi", _granian("--no-ws"), "granian"),
    Server("peregrine", "asgi", _peregrine, "peregrine-server"),
    Server("freastal", "asgi", _freastal, "freastal"),
    Server("hypercorn", "asgi", _hypercorn, "hypercorn"),
    Server("outrider (C++)", "native", _cpp_hello, is_ours=True),
    Server("nginx", "native", _nginx),
    Server("outrider", "access-log", _outrider("uvloop"), "outrider", is_ours=True),
    Server(
        "outrider, combined", "access-log", _outrider_to_file("combined"), "outrider", is_ours=True, beyond="outrider"
    ),
    Server("outrider, JSON", "access-log", _outrider_to_file("json"), "outrider", is_ours=True, beyond="outrider"),
    Server(
        "outrider, logging",
        "access-log",
        _outrider("uvloop", "--access-log"),
        "outrider",
        is_ours=True,
        beyond="outrider",
    ),
    Server("uvicorn", "access-log", _uvicorn(), "uvicorn"),
    Server(
        "uvicorn, logging", "access-log", _uvicorn("--access-log", "--log-level", "info"), "uvicorn", beyond="uvicorn"
    ),
    Server("outrider (uvloop)", "websocket", _outrider("uvloop"), "outrider", is_ours=True),
    Server("outrider (asyncio)", "websocket", _outrider("asyncio"), "outrider", is_ours=True),
    Server("outrider (C++)", "websocket", _cpp_websocket, is_ours=True),
    Server("uvicorn (websockets-sansio)", "websocket", _uvicorn(websockets="websockets-sansio"), "uvicorn"),
    Server("uvicorn (websockets)", "websocket", _uvicorn(websockets="websockets"), "uvicorn"),
    Server("uvicorn (wsproto)", "websocket", _uvicorn(websockets="wsproto"), "uvicorn"),
    Server("granian", "websocket", _granian("--ws"), "granian"),
    Server("peregrine", "websocket", _peregrine, "peregrine-server"),
    Server("freastal", "websocket", _freastal, "freastal"),
    Server("hypercorn", "websocket", _hypercorn, "hypercorn"),
    Server("picows", "websocket", _picows("core"), "picows"),
    Server("picows (websockets)", "websocket", _picows("websockets"), "picows"),
    Server("outrider (uvloop)", "https", _outrider("uvloop"), "outrider", is_ours=True),
    Server("outrider (asyncio)", "https", _outrider("asyncio"), "outrider", is_ours=True),
    Server("outrider (C++)", "https", _cpp_hello, is_ours=True),
    Server("uvicorn", "https", _uvicorn(), "uvicorn"),
    Server("granian", "https", _granian("--no-ws"), "granian"),
    Server("peregrine", "https", _peregrine, "peregrine-server"),
    Server("freastal", "https", _freastal, "freastal"),
    Server("hypercorn", "https", _hypercorn, "hypercorn"),
    Server("nginx", "https", _nginx),
    Server("floor", "floor", _floor),
    Server("floor", "websocket-floor", _websocket_floor),
)

FLOOR = "floor"


def baseline(face: str) -> str:
    """The server that a face's ratios are to; of uvicorn's three WebSockets the one that it takes by itself."""
    return "uvicorn (websockets-sansio)" if face == "websocket" else "uvicorn"


def selected(face: str, only: list[str], *, floor: str) -> list[Server]:
    """A face's servers, those whose name begins with one of `only`, and the floor of the workload."""
    return [
        server
        for server in SERVERS
        if server.face in (face, floor) and (not only or any(server.name.startswith(name) for name in only))
    ]
