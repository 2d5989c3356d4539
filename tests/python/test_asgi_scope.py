"""The scope of a request, field by field (ASGI 3.0, "HTTP Connection Scope"); test_asgi.py has it as a whole."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, unquote

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Recorder, Scope, Send, scope_of, serving
from wire_client import WireClient


def target_of(target: bytes, **options: Any) -> Scope:
    return scope_of(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n", **options)


def test_every_value_of_the_scope_has_the_type_that_the_specification_says() -> None:
    scope = target_of(b"/a?b")
    assert type(scope) is dict
    assert type(scope["asgi"]) is dict
    assert type(scope["extensions"]) is dict
    for name in ("type", "http_version", "method", "scheme", "path", "root_path"):
        assert type(scope[name]) is str, name
    for name in ("raw_path", "query_string"):
        assert type(scope[name]) is bytes, name
    assert all(type(name) is bytes and type(value) is bytes for name, value in scope["headers"])
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert all(type(key) is str for key in scope)


def test_nothing_that_an_application_writes_into_its_scope_reaches_the_next_request() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((dict(scope["asgi"]), sorted(scope["extensions"]), list(scope["headers"])))
        scope["asgi"]["version"] = "2.0"
        scope["extensions"]["mine"] = {}
        scope["headers"].append((b"x", b"y"))
        await send(OK)
        await send(DONE)

    with serving(app) as server, WireClient(server) as client, WireClient(server) as other:
        client.get()
        client.get()
        other.get()
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0]["version"] == "3.0"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/%E2%82%AC", "/€"),
        (b"/%e2%82%ac", "/€"),
        (b"/a%2Fb%3Fc", "/a/b?c"),
        (b"/%00%0a", "/\0\n"),
        (b"/%25%32%35", "/%25"),
        (b"/a+b", "/a+b"),
        (b"/%", "/%"),
        (b"/%4", "/%4"),
        (b"/%4g%g4", "/%4g%g4"),
        (b"/%C3", "/\ufffd"),
        (b"/%C3/%A9", "/\ufffd/\ufffd"),
        (b"/%ED%A0%80", "/\ufffd\ufffd\ufffd"),  # half of a surrogate pair
        (b"/%C0%AF", "/\ufffd\ufffd"),  # an overlong slash
        (b"/%F5%80%80%80", "/\ufffd\ufffd\ufffd\ufffd"),  # beyond U+10FFFF
        (b"/../a/./%2e%2e/", "/../a/./../"),
        (b"//a//b", "//a//b"),
        (b"/{a}|b", "/{a}|b"),
    ],
)
def test_a_path_is_decoded_once_and_kept_as_it_was_sent(target: bytes, path: str) -> None:
    scope = target_of(target)
    assert (scope["path"], scope["raw_path"]) == (path, target)


def test_paths_of_any_bytes_are_decoded_as_urllib_does_it() -> None:
    chance = random.Random(20)
    app = Recorder()
    with serving(app, exchanges_per_connection_max=0) as server, WireClient(server) as client:
        for _ in range(300):
            data = bytes(chance.choice([chance.randrange(256), 0xC3, 0xE2, 0x82, 0x25]) for _ in range(12))
            encoded = quote_from_bytes(data, safe=chance.choice(["", "%/"])).replace("%25", chance.choice(["%", "%25"]))
            assert client.get("/" + encoded).status == 200
    assert len(app.scopes) == 300
    for scope in app.scopes:
        assert scope["path"] == unquote(scope["raw_path"].decode()), scope["raw_path"]


@pytest.mark.parametrize("target", [b"/\xc3\xa9", b"/\x80", b"/a#b", b"/a b", b"/\x7f", b"/\t"])
def test_a_target_with_bytes_that_have_to_be_encoded_is_refused(target: bytes) -> None:
    app = Recorder()
    with serving(app) as server, WireClient(server) as client:
        client.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer().status == 400
    assert app.scopes == []


@pytest.mark.parametrize(
    ("target", "query"),
    [
        (b"/", b""),
        (b"/?", b""),
        (b"/?a=%C3%A9&b=+", b"a=%C3%A9&b=+"),
        (b"/??", b"?"),
        (b"/?a?b", b"a?b"),
        (b"/?%zz&%", b"%zz&%"),
    ],
)
def test_the_query_string_is_what_was_sent_behind_the_question_mark(target: bytes, query: bytes) -> None:
    scope = target_of(target)
    assert (scope["query_string"], scope["path"], scope["raw_path"]) == (query, "/", b"/")


@pytest.mark.parametrize(
    ("target", "raw_path"),
    [(b"http://a/b%20c?d", b"/b%20c"), (b"http://a?d", b"/"), (b"http://a", b"/"), (b"HTTP://a/", b"/")],
)
def test_of_an_absolute_target_only_the_path_and_the_query_are_told(target: bytes, raw_path: bytes) -> None:
    scope = target_of(target)
    assert (scope["raw_path"], scope["path"]) == (raw_path, unquote(raw_path.decode()))
    assert scope["query_string"] == (b"d" if b"?d" in target else b"")


@pytest.mark.parametrize("root_path", ["", "/api"])
def test_the_asterisk_of_options_is_the_path_without_a_root(root_path: str) -> None:
    scope = scope_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", root_path=root_path)
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("OPTIONS", "*", b"*")


def test_a_root_path_of_any_characters_is_decoded_in_path_and_encoded_in_raw_path() -> None:
    scope = target_of(b"/x%20y", root_path="/é 1")
    assert (scope["root_path"], scope["path"]) == ("/é 1", "/é 1/x y")
    assert scope["raw_path"] == b"/%C3%A9%201/x%20y"
    assert unquote(scope["raw_path"].decode()) == scope["path"]


@pytest.mark.parametrize("root_path", ["api", "/api/", "/"])
def test_a_root_path_that_makes_wrong_paths_is_refused(root_path: str) -> None:
    with pytest.raises(ValueError, match="root_path"):
        outrider.Config(Recorder(), root_path=root_path)


@pytest.mark.parametrize(
    ("sent", "told"), [("get", "GET"), ("Patch", "PATCH"), ("PURGE", "PURGE"), ("x-1!", "X-1!"), ("post", "POST")]
)
def test_the_method_is_uppercased(sent: str, told: str) -> None:
    assert scope_of(f"{sent} / HTTP/1.1\r\nHost: a\r\n\r\n")["method"] == told


def test_a_method_that_is_not_head_in_that_case_is_answered_with_its_content() -> None:
    # RFC 9110 §9.1: methods are case-sensitive. The client that sends "head" waits for content.
    app = Recorder()
    with serving(app) as server, WireClient(server) as client:
        client.send("head / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer().body == b"done"
    assert app.scopes[0]["method"] == "HEAD"


def test_header_names_are_lowercased_and_duplicates_stay_apart_and_in_order() -> None:
    scope = scope_of(
        b"GET / HTTP/1.1\r\nHOST: a\r\nX-B: 1\r\nCookie: a=1\r\nx-b: 2\r\nX-A: \r\ncookie: b=2\r\nX-B:3\xe9\r\n\r\n"
    )
    assert scope["headers"] == [
        (b"host", b"a"),
        (b"x-b", b"1"),
        (b"cookie", b"a=1"),
        (b"x-b", b"2"),
        (b"x-a", b""),
        (b"cookie", b"b=2"),
        (b"x-b", b"3\xe9"),
    ]


def test_fields_of_the_framing_are_told_as_they_came() -> None:
    scope = scope_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    assert scope["headers"] == [(b"host", b"a"), (b"transfer-encoding", b"chunked")]


def test_without_websockets_a_handshake_is_a_request_of_http() -> None:
    scope = scope_of(
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ws="none",
    )
    assert (scope["type"], scope["scheme"]) == ("http", "http")
    assert (b"upgrade", b"websocket") in scope["headers"]


def test_client_and_server_are_pairs_of_a_str_and_an_int() -> None:
    scope = target_of(b"/")
    for name in ("client", "server"):
        host, port = scope[name]
        assert (host, type(port)) == ("127.0.0.1", int), name


def test_an_ipv6_address_has_no_brackets() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    scope = target_of(b"/", host="::1")
    assert scope["client"][0] == scope["server"][0] == "::1"


def test_the_server_is_the_address_that_was_connected_to_not_the_one_that_was_listened_on() -> None:
    app = Recorder()
    with serving(app, host="0.0.0.0") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(10)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        assert app.scopes[0]["server"] == ("127.0.0.1", server.port)


def test_the_path_of_a_unix_socket_is_a_str_whatever_its_bytes(tmp_path: Path) -> None:
    path = str(tmp_path / "sé")
    app = Recorder()
    with serving(app, uds=path) as server, WireClient(server) as client:
        client.get()
    assert app.scopes[0]["server"] == (path, None)


def test_the_state_is_a_shallow_copy_for_each_request() -> None:
    shared: list[str] = []
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            assert scope["state"] == {}
            scope["state"]["shared"] = shared
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        scopes.append(scope)
        scope["state"]["shared"].append(scope["path"])
        scope["state"][scope["path"]] = True
        await send(OK)
        await send(DONE)

    with serving(app, lifespan="on") as server, WireClient(server) as client:
        client.get("/a")
        client.get("/b")
    assert [sorted(scope["state"]) for scope in scopes] == [["/a", "shared"], ["/b", "shared"]]
    assert scopes[0]["state"]["shared"] is shared
    assert shared == ["/a", "/b"]
