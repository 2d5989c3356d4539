# SPDX-License-Identifier: MIT
"""ws, the WebSocket library of Node's that most programs have: texts, bytes, compression, pings and close codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps import websocket_plain
from asgi_app import Receive, Scope, Send, serving

pytestmark = pytest.mark.once

# Debian's node-ws, which another Node than Debian's doesn't look for there.
ENVIRONMENT = {**os.environ, "NODE_PATH": f"/usr/share/nodejs:{os.environ.get('NODE_PATH', '')}"}

OPENS = """
const { readFileSync } = require("fs");
const WebSocket = require("ws");
const [url, authority, options] = process.argv.slice(1);
const ca = authority ? { ca: readFileSync(authority) } : {};
const socket = new WebSocket(url, ["one", "two"], { ...ca, ...JSON.parse(options) });
const told = [];
socket.on("error", error => told.push(String(error)));
socket.on("close", (code, reason) => {
  told.push(code, String(reason));
  console.log(JSON.stringify(told));
});
"""

# Each answer brings the next message.
ECHOES = """
const large = "x".repeat(70000);
const sent = ["hello", "snow \\u2603", "", large, Buffer.alloc(300000, 7), "close"];
let bytes = 0;
socket.on("open", () => {
  told.push(socket.protocol, socket.extensions.split(";")[0]);
  socket.send(sent.shift());
});
socket.on("message", (data, isBinary) => {
  const text = data.toString();
  const name = text === large ? "large" : text;
  told.push(isBinary ? [data.length, data.every(byte => byte === 7)] : name);
  bytes = socket._socket.bytesRead;
  socket.send(sent.shift());
});
socket.on("close", () => console.log(JSON.stringify(bytes < 10000)));
"""

# A ping of the client's, and when its answer is there, one of the server's; then the client closes.
PINGS = """
socket.on("open", () => socket.ping("are you there"));
socket.on("pong", data => {
  told.push(["pong", String(data)]);
  socket.once("ping", () => { told.push("ping"); socket.close(...JSON.parse(process.argv[4])); });
});
"""

SENDS_MUCH = """
socket.on("open", () => { for (let i = 0; i < 200; ++i) socket.send(`${i} ${"y".repeat(i * 50)}`); });
socket.on("message", data => {
  told.push(parseInt(data));
  if (told.length === 200) socket.close(1000);
});
"""


@pytest.fixture(scope="module")
def node() -> str:
    path = shutil.which("node")
    if path is None:
        pytest.skip("node isn't installed")
    asks = [path, "-e", "require('ws')"]
    if subprocess.run(asks, check=False, capture_output=True, timeout=60, env=ENVIRONMENT).returncode != 0:
        pytest.skip("Node's library ws isn't installed")
    return path


Talks = Callable[..., list[Any]]


@pytest.fixture(params=["ws", "wss"])
def talks(request: pytest.FixtureRequest, node: str, tmp_path: Path) -> Talks:
    """`talks(script, app)` runs the script against a server of the application's; what it prints, line by line."""

    def talk(
        script: str, app: Any = websocket_plain.app, deflate: bool = True, more: str = "", **options: Any
    ) -> list[Any]:
        with serving(app, tls=request.param == "wss", **options) as server:
            authority = server.save_ca(tmp_path / "ca.pem") if request.param == "wss" else ""
            url = server.url.replace("http", "ws", 1) + "/echo/anna"
            client_options = {"perMessageDeflate": {"threshold": 0} if deflate else False}
            command = [node, "-e", OPENS + script, "--", url, str(authority), json.dumps(client_options), more]
            run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
            assert run.stdout, run.stderr
            assert list(server.errors) == []
        return [json.loads(line) for line in run.stdout.splitlines()]

    return talk


@pytest.mark.parametrize("deflate", [True, False], ids=["compressed", "plain"])
def test_ws_hears_texts_and_bytes_again_and_the_close(talks: Talks, deflate: bool) -> None:
    told, is_short = talks(ECHOES, deflate=deflate)
    extension = "permessage-deflate" if deflate else ""
    echoes = ["hello", "snow ☃", "", "large", [300_000, True]]
    assert told == ["two", extension, *echoes, 4001, "as asked"]
    assert is_short == deflate


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [([], 1005, ""), ([1000], 1000, ""), ([1001, "away"], 1001, "away"), ([4321, "☃" * 41], 4321, "☃" * 41)],
    ids=["without-a-code", "1000", "with-a-reason", "with-the-longest-reason"],
)
def test_ws_answers_pings_and_is_answered_and_its_close_is_told(
    talks: Talks, arguments: list[Any], code: int, reason: str
) -> None:
    ends: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "one"})
        message = await receive()
        ends.append((message["code"], message["reason"]))

    [told] = talks(PINGS, app, more=json.dumps(arguments), ws_ping_interval=0.05)
    # What ws tells its own program is what came back: our close frame repeats the code, not the reason.
    assert told == [["pong", "are you there"], "ping", code, ""]
    assert ends == [(code, reason)]


def test_ws_sends_much_at_once_and_hears_all_of_it_in_order(talks: Talks) -> None:
    [told] = talks(SENDS_MUCH)
    assert told == [*range(200), 1000, ""]
