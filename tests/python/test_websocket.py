"""WebSockets: applications of four frameworks and of none, spoken to by real clients; and what a handshake asks for."""

from __future__ import annotations

import asyncio
import importlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.websocket_clients import CLIENTS
from asgi_app import DONE, OK, Receive, Scope, Send, serving
from websocket_client import ACCEPT, BINARY, CLOSE, KEY, TEXT, WebSocketClient, close_payload, frame, handshake
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]
Message = dict[str, Any]

FRAMEWORKS = ["fastapi", "starlette", "litestar", "quart", "plain"]
ACCEPTED = {"type": "websocket.accept"}
# Of each length of a frame's head, and of none.
MESSAGES: list[str | bytes] = [
    "",
    "hello",
    "snow ☃ and 😀",
    b"",
    b"\x00\xff" * 40,
    "x" * 200,
    b"y" * 70_000,
    "z" * 300_000,
]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def application(request: pytest.FixtureRequest) -> Any:
    if request.param != "plain":
        pytest.importorskip(request.param)
    return importlib.import_module(f"apps.websocket_{request.param}")


@pytest.fixture(scope="module")
def server(application: Any) -> Iterator[outrider.Server]:
    with outrider.serve(application.app) as server:
        yield server
        assert list(server.errors) == []


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Any:
    name = str(request.param)
    pytest.importorskip(name.removesuffix("_asyncio"))
    return CLIENTS[name]


def url_of(server: outrider.Server, path: str) -> str:
    return server.url.replace("http://", "ws://") + path


# --- real clients --------------------------------------------------------------------------------------------------


def test_every_framework_echoes_to_every_client(server: outrider.Server, application: Any, client: Any) -> None:
    # Quart takes bytes that are empty for none, under every server.
    messages = [message for message in MESSAGES if message != b"" or not application.__name__.endswith("quart")]
    talk = client(url_of(server, "/echo/anna"), [], messages, True)
    assert talk.heard == messages
    assert (talk.subprotocol, talk.header) == (None, "anna")
    assert (talk.code, talk.reason) == (4001, "as asked")


def test_every_framework_chooses_a_subprotocol_and_hears_of_the_clients_leaving(
    server: outrider.Server, application: Any, client: Any, eventually: Eventually
) -> None:
    application.codes.clear()
    talk = client(url_of(server, "/echo/anna"), ["one", "two"], ["hello"], False)
    assert talk.subprotocol == "two"
    eventually(lambda: application.codes == [1000])


def test_many_clients_of_one_application_at_once(client: Any) -> None:
    from apps import websocket_plain

    with serving(websocket_plain.app) as server:
        talks: list[Any] = []
        url = url_of(server, "/echo/anna")
        messages = [f"message {number}" for number in range(20)]
        threads = [threading.Thread(target=lambda: talks.append(client(url, [], messages, True))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [talk.heard for talk in talks] == [messages] * 10
        assert list(server.errors) == []


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_websocket_works_wherever_the_server_runs(isolation: str) -> None:
    pytest.importorskip("websockets")
    with outrider.serve("apps.websocket_plain:app", isolation=isolation, lifespan="off") as server:
        talk = CLIENTS["websockets"](url_of(server, "/echo/anna"), ["one"], ["hello"], True)
        assert (talk.heard, talk.subprotocol, talk.code) == (["hello"], "one", 4001)


def test_a_websocket_works_inside_the_callers_event_loop() -> None:
    from apps import websocket_plain

    aiohttp = pytest.importorskip("aiohttp")

    async def main() -> str:
        async with (
            outrider.serve(websocket_plain.app, isolation="none", lifespan="off") as server,
            aiohttp.ClientSession() as session,
            session.ws_connect(url_of(server, "/echo/anna")) as socket,
        ):
            await socket.send_str("hello")
            return str((await socket.receive()).data)

    assert asyncio.run(main()) == "hello"


def test_the_example_of_the_documentation_says_hello(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("websockets")
    text = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    [code] = re.findall(r"```python\n(# websocket.py\n.*?)```", text, re.DOTALL)
    exec(compile(code, "websocket.py", "exec"), {})
    assert capsys.readouterr().out == "HELLO\n"


# --- the handshake -------------------------------------------------------------------------------------------------


class Kept:
    """Accepts, and keeps its scope."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "http":
            await send(OK)
            await send(DONE)
            return
        await receive()
        await send(ACCEPTED)
        await receive()


def websocket_scope(target: str = "/", *lines: str, **options: Any) -> Scope:
    app = Kept()
    with serving(app, **options) as server, WebSocketClient(server, target, *lines) as client:
        app.scopes[0]["port"] = client.socket.getsockname()[1]
        client.close()
        client.read_close()
    return app.scopes[0]


def test_the_scope_of_a_websocket_has_every_field_of_the_specification() -> None:
    scope = websocket_scope("/caf%C3%A9%2F?q=%20", "Sec-WebSocket-Protocol: one,  two", "X-Two: 1", "X-Two: 2")
    assert scope["type"] == "websocket"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] == "1.1"
    assert scope["scheme"] == "ws"
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/café/", b"/caf%C3%A9%2F", b"q=%20")
    assert scope["root_path"] == ""
    assert scope["subprotocols"] == ["one", "two"]
    assert scope["client"] == ("127.0.0.1", scope.pop("port"))
    assert scope["server"][0] == "127.0.0.1" and type(scope["server"][1]) is int
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert (b"sec-websocket-key", KEY.encode()) in scope["headers"]
    assert scope["headers"][-2:] == [(b"x-two", b"1"), (b"x-two", b"2")]
    assert "method" not in scope and "state" not in scope


def test_a_websocket_has_the_lifespans_state_and_the_root_path() -> None:
    seen: list[tuple[Any, str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["number"] = 1
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append((dict(scope["state"]), scope["path"], scope["root_path"]))
        scope["state"]["number"] += 1
        await send({"type": "websocket.close"})

    with serving(app, lifespan="on", root_path="/api") as server:
        for _ in range(2):
            with WebSocketClient(server, "/ws", opens=False) as client:
                assert client.ask("/ws").status == 403
    assert seen == [({"number": 1}, "/api/ws", "/api")] * 2


def test_a_trusted_proxy_tells_client_and_scheme_of_a_websocket() -> None:
    scope = websocket_scope("/", "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", trusted_proxies="127.0.0.1")
    assert (scope["client"], scope["scheme"]) == (("192.0.2.7", 0), "wss")


def test_the_answer_to_a_handshake_is_what_rfc_6455_says() -> None:
    with serving(Kept()) as server, WebSocketClient(server, opens=False) as client:
        answer = client.ask()
        assert (answer.status, answer.body) == (101, b"")
        assert answer.header("upgrade") == "websocket"
        assert (answer.header("connection") or "").lower() == "upgrade"
        assert answer.header("sec-websocket-accept") == ACCEPT
        assert answer.header("sec-websocket-protocol") is None
        assert answer.header("content-length") is None and answer.header("transfer-encoding") is None


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((f"Sec-WebSocket-Key: {KEY}\r\n", ""), 400),
        ((KEY, "c2hvcnQ="), 400),
        (("Sec-WebSocket-Version: 13\r\n", ""), 400),
        (("Version: 13", "Version: 8"), 426),
        (("GET /", "POST /"), 400),
    ],
)
def test_a_faulty_handshake_is_answered_without_the_application(change: tuple[str, str], status: int) -> None:
    app = Kept()
    with serving(app) as server, WireClient(server) as client:
        client.send(handshake().replace(*change))
        answer = client.answer()
        assert answer.status == status
        assert (answer.header("sec-websocket-version") == "13") == (status == 426)
    assert app.scopes == [] and list(server.errors) == []


def test_a_handshake_of_http_1_0_is_a_request_as_others() -> None:
    app = Kept()
    with serving(app) as server, WireClient(server) as client:
        client.send(handshake().replace("HTTP/1.1", "HTTP/1.0"))
        assert client.answer().body == b"done"
    assert [scope["type"] for scope in app.scopes] == ["http"]


def test_what_a_client_sends_with_its_handshake_is_heard() -> None:
    from apps import websocket_plain

    with serving(websocket_plain.app) as server, WebSocketClient(server, opens=False) as client:
        client.send(handshake("/echo/a").encode() + frame(TEXT, "early") + frame(BINARY, b"bird"))
        assert client.answer().status == 101
        assert [client.hear(), client.hear()] == ["early", b"bird"]


def test_a_websocket_is_in_the_records_and_in_the_access_log_when_it_has_ended(
    caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    from apps import websocket_plain

    with caplog.at_level("INFO", "outrider.access"), serving(websocket_plain.app) as server:
        with WebSocketClient(server, "/echo/a?q=1") as client:
            client.say("hello")
            assert client.hear() == "hello"
            assert list(server.requests) == []
            client.close()
            client.read_close()
        eventually(lambda: len(server.requests) == 1)
        [record] = server.requests
    assert (record.method, record.path, record.status) == ("GET", "/echo/a?q=1", 101)
    lines = [entry for entry in caplog.records if entry.name == "outrider.access"]
    assert len(lines) == 1 and '"GET /echo/a?q=1 HTTP/1.1" 101' in lines[0].getMessage()
    assert lines[0].__dict__["complete"] is True


def test_a_request_on_a_connection_that_was_used_before_may_become_a_websocket() -> None:
    from apps import websocket_plain

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await websocket_plain.app(scope, receive, send)
            return
        await send(OK)
        await send(DONE)

    with serving(app) as server, WebSocketClient(server, opens=False) as client:
        assert client.get().body == b"done"
        assert client.ask("/echo/a").status == 101
        client.say("hello")
        assert client.hear() == "hello"


# --- limits and options --------------------------------------------------------------------------------------------


def code_for(data: bytes, **options: Any) -> int:
    """The code of the close frame that follows `data`; the application must be told the same."""
    from apps import websocket_plain

    websocket_plain.codes.clear()
    with serving(websocket_plain.app, **options) as server, WebSocketClient(server, "/echo/a") as client:
        client.send(data)
        code, _ = client.read_close()
        client.close()
        client.read_to_end()
    assert websocket_plain.codes == [code]
    assert list(server.errors) == []
    return code


def test_messages_and_frames_that_are_too_long_close_with_1009() -> None:
    assert code_for(frame(TEXT, "x" * 101), ws_max_size=100) == 1009
    assert code_for(frame(TEXT, "x" * 60, fin=False) + frame(0, "x" * 60), ws_max_size=100) == 1009
    assert code_for(frame(TEXT, "x" * 101), ws_frame_max=100) == 1009


def test_messages_as_long_as_they_may_be_pass() -> None:
    from apps import websocket_plain

    options = {"ws_max_size": 100, "ws_frame_max": 50}
    with serving(websocket_plain.app, **options) as server, WebSocketClient(server, "/echo/a") as client:
        client.send(frame(TEXT, "x" * 50, fin=False) + frame(0, "x" * 50))
        assert client.hear() == "x" * 100


def test_mistakes_of_the_peers_close_with_the_codes_of_rfc_6455() -> None:
    assert code_for(frame(TEXT, b"\xff\xfe")) == 1007
    assert code_for(frame(3, b"")) == 1002
    assert code_for(frame(CLOSE, close_payload(1005))) == 1002


def test_a_client_that_does_not_answer_pings_is_closed_and_the_application_told(eventually: Eventually) -> None:
    from apps import websocket_plain

    websocket_plain.codes.clear()
    options = {"ws_ping_interval": 0.02, "ws_ping_timeout": 0.02}
    with serving(websocket_plain.app, **options) as server, WebSocketClient(server, "/echo/a"):
        eventually(lambda: websocket_plain.codes == [1011])


def test_pings_keep_a_client_that_answers() -> None:
    from apps import websocket_plain

    websockets = pytest.importorskip("websockets.sync.client")
    options = {"ws_ping_interval": 0.01, "ws_ping_timeout": 5}
    with (
        serving(websocket_plain.app, **options) as server,
        websockets.connect(url_of(server, "/echo/a"), proxy=None, ping_interval=None) as client,
    ):
        for _ in range(20):
            client.send("hello")
            assert client.recv() == "hello"
            client.ping().wait(5)


@pytest.mark.parametrize("value", [None, 0])
def test_pings_can_be_turned_off_as_with_uvicorn(value: float | None) -> None:
    config = outrider.Config(Kept(), ws_ping_interval=value, ws_ping_timeout=value)
    assert config.limits()["websocket_ping_interval"] == config.limits()["websocket_ping_timeout"] == 0


@pytest.mark.parametrize("name", ["auto", "websockets", "websockets-sansio", "wsproto"])
def test_uvicorns_names_of_implementations_are_taken_for_the_one_that_there_is(name: str) -> None:
    with serving(Kept(), ws=name) as server, WebSocketClient(server) as client:
        client.close()
        assert client.read_close()[0] == 1000


def test_options_that_cannot_be_are_refused() -> None:
    for wrong, words in (
        ({"ws": "wsaccel"}, "ws='wsaccel' is not one of"),
        ({"ws_max_size": 0}, "ws_max_size=0 must be a number of at least 1"),
        ({"ws_deflate_server_max_window_bits": 16}, "must be a number from 9 to 15"),
        ({"ws_deflate_level": 0}, "must be a number from 1 to 9"),
        ({"ws_max_size": 2**63}, "must be a number from 1 to 9223372036854775807"),
        ({"ws_close_timeout": float("inf")}, r"must be a number from 0 to 1e\+09"),
        ({"ws_close_timeout": float("nan")}, "must be a number of at least 0"),
    ):
        with pytest.raises(ValueError, match=words):
            outrider.Config(Kept(), **wrong)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_compression_is_negotiated_unless_it_is_turned_off(is_enabled: bool) -> None:
    lines = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]
    with (
        serving(Kept(), ws_per_message_deflate=is_enabled, ws_deflate_server_max_window_bits=11) as server,
        WebSocketClient(server, opens=False) as client,
    ):
        extensions = client.ask("/", *lines).header("sec-websocket-extensions")
    if is_enabled:
        assert extensions is not None
        assert "permessage-deflate" in extensions and "server_max_window_bits=11" in extensions
    else:
        assert extensions is None


def test_compressed_messages_are_echoed_to_real_clients() -> None:
    from apps import websocket_plain

    websockets = pytest.importorskip("websockets.sync.client")
    for options in ({}, {"ws_deflate_server_no_context_takeover": True, "ws_deflate_client_no_context_takeover": True}):
        with (
            serving(websocket_plain.app, **options) as server,
            websockets.connect(url_of(server, "/echo/a"), proxy=None) as client,
        ):
            assert client.response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
            for message in MESSAGES * 2:
                client.send(message)
                assert client.recv() == message
        assert list(server.errors) == []


def test_a_websocket_over_a_unix_socket(tmp_path: Any) -> None:
    from apps import websocket_plain

    with (
        serving(websocket_plain.app, uds=str(tmp_path / "socket")) as server,
        WebSocketClient(server, "/echo/a") as client,
    ):
        client.say("hello")
        assert client.hear() == "hello"


def test_a_client_that_breaks_off_leaves_nothing_behind(eventually: Eventually) -> None:
    from apps import websocket_plain

    websocket_plain.codes.clear()
    with serving(websocket_plain.app) as server:
        for _ in range(5):
            WebSocketClient(server, "/echo/a").reset()
        eventually(lambda: websocket_plain.codes == [1006] * 5)
        with WebSocketClient(server, "/echo/a") as client:
            client.say("still here")
            assert client.hear() == "still here"
    assert list(server.errors) == []
