# SPDX-License-Identifier: MIT
"""wss: WebSockets over TLS, to every client that there is: libraries, Node and Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps import websocket_plain
from apps.websocket_clients import CLIENTS
from asgi_app import Receive, Scope, Send, serving
from websocket_client import ACCEPT, frame, handshake

MESSAGES: list[str | bytes] = ["hello", "snow ☃ and 😀", b"\x00\xff" * 40, "x" * 20_000, b"y" * 300_000]

PAGE = """<!doctype html><p id="told">nothing</p><img src="/until-told"><script>
const socket = new WebSocket("wss://" + location.host + "/echo/anna", ["one", "two"]);
const told = [];
const tell = what => { told.push(what); document.getElementById("told").textContent = told.join(" "); };
socket.onopen = () => { tell(socket.protocol); socket.send("hello"); };
socket.onmessage = event => { tell(event.data); socket.send("close"); };
socket.onclose = event => { tell(event.code + ":" + event.reason); fetch("/told"); };
socket.onerror = () => tell("error");
</script>"""

SCRIPT = """
const socket = new WebSocket(process.argv[1], ["one", "two"]);
socket.binaryType = "arraybuffer";
const told = [];
const sent = ["hello", "snow \\u2603", new Uint8Array(70000).fill(7), "close"];
socket.onopen = () => { told.push(socket.protocol); socket.send(sent.shift()); };
socket.onmessage = event => {
  told.push(typeof event.data === "string" ? event.data : event.data.byteLength);
  socket.send(sent.shift());
};
socket.onclose = event => { told.push(event.code, event.reason); console.log(JSON.stringify(told)); };
"""


@pytest.fixture(scope="module")
def server() -> Iterator[outrider.Server]:
    with serving(websocket_plain.app, tls=True) as one:
        yield one
        assert list(one.errors) == []


def url_of(server: outrider.Server) -> str:
    return server.url.replace("https://", "wss://") + "/echo/anna"


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} isn't installed")
    return path


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_speaks_wss_with_the_servers_context(server: outrider.Server, name: str) -> None:
    pytest.importorskip(name.removesuffix("_asyncio"))
    talk = CLIENTS[name](url_of(server), ["one", "two"], MESSAGES, True, server.ssl_context())
    assert talk.heard == MESSAGES
    assert (talk.subprotocol, talk.header) == ("two", "anna")
    assert (talk.code, talk.reason) == (4001, "as asked")


def test_large_messages_over_tls_arrive_as_they_were_sent(server: outrider.Server) -> None:
    client = pytest.importorskip("websockets.sync.client")
    with client.connect(url_of(server), ssl=server.ssl_context(), compression=None, max_size=None) as socket:
        for content in ("x" * 300_000, "y" * 99_999 + "☃", b"\0" * 1_000_000, "z" * 1_048_576):
            socket.send(content)
            assert socket.recv(timeout=60) == content


def test_a_client_that_does_not_know_the_authority_gets_no_websocket(server: outrider.Server) -> None:
    pytest.importorskip("websockets")
    with pytest.raises(ssl.SSLCertVerificationError):
        CLIENTS["websockets"](url_of(server), [], [], False, ssl.create_default_context())


def test_node_speaks_wss(server: outrider.Server, tmp_path: Path) -> None:
    node = need("node")
    # Its own client: on by default since Node 22, by a flag since 20.10.
    asks = [node, "--experimental-websocket", "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
    if subprocess.run(asks, check=False, capture_output=True, timeout=60).returncode != 0:
        pytest.skip("this Node has no WebSocket of its own")
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": server.save_ca(tmp_path / "ca.pem")}
    command = [*asks[:2], "-e", SCRIPT, "--", url_of(server)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)
    assert run.stdout, run.stderr
    assert json.loads(run.stdout) == ["two", "hello", "snow ☃", 70000, 4001, "as asked"]


class Page:
    """A page that talks to its server by WebSocket, and isn't loaded before it has."""

    def __init__(self) -> None:
        self.is_told = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await websocket_plain.app(scope, receive, send)
            return
        if scope["path"] == "/until-told":
            await self.is_told.wait()
        elif scope["path"] == "/told":
            self.is_told.set()
        headers = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE.encode() if scope["path"] == "/" else b""})


def test_a_page_in_chromium_speaks_wss(tmp_path: Path) -> None:
    chromium = need("chromium")
    with serving(Page(), tls=True) as server:
        command = [
            chromium,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"),
            *server.chromium_arguments,
            *("--dump-dom", server.url),
        ]
        run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert "two hello 4001:as asked" in run.stdout, run.stdout + run.stderr


def test_the_proxy_protocol_comes_before_tls_and_names_the_client_of_a_websocket() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"], scope["scheme"], scope["extensions"]["tls"]["tls_version"]))
        await websocket_plain.app(scope, receive, send)

    with serving(app, tls=True, trusted_proxies="127.0.0.1", proxy_protocol=True) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(b"PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\r\n")
            with server.ssl_context().wrap_socket(raw, server_hostname="127.0.0.1") as connection:
                reader = connection.makefile("rb")
                connection.sendall(handshake("/echo/anna").encode())
                head = b"".join(iter(reader.readline, b"\r\n")).decode()
                assert ACCEPT in head
                connection.sendall(frame(1, "hello"))
                assert reader.read(7) == b"\x81\x05hello"
        assert seen == [(("203.0.113.7", 50412), "wss", 0x304)]
