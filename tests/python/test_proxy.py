"""Behind a proxy: whom the application sees as the client, over real sockets."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.probe import Exchange, application
from wire_client import WireClient

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOOPBACK = "127.0.0.0/8"


async def tell(exchange: Exchange) -> None:
    """Answers with what the scope says of the client: `('1.2.3.4', 0) https example.com`."""
    scope = exchange.scope
    hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
    await exchange.answer(f"{scope['client']} {scope['scheme']} {' '.join(hosts)}".encode())


def serve(**options: Any) -> outrider.Server:
    return outrider.serve(application(tell), **options)


def ask(server: outrider.Server, *lines: str) -> str:
    """What the application saw of a request with these fields, on a connection of its own."""
    with WireClient(server) as client:
        answer = client.get("/", *lines)
        return answer.body.decode() if answer.status == 200 else str(answer.status)


def peer(server: outrider.Server) -> str:
    """The same without fields, with the port left out, which is different each time."""
    return re.sub(r"\d+\)", "PORT)", ask(server))


def binary(source: tuple[str, int], destination: tuple[str, int], extensions: bytes = b"") -> bytes:
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    block = b"".join(socket.inet_pton(family, host) for host, _ in (source, destination))
    block += struct.pack(">HH", source[1], destination[1]) + extensions
    return SIGNATURE + b"\x21" + (b"\x21" if ":" in source[0] else b"\x11") + struct.pack(">H", len(block)) + block


# --- header fields -------------------------------------------------------------------------------------------------


def test_nobody_is_believed_by_default() -> None:
    with serve() as server:
        fields = ("Forwarded: for=6.6.6.6;proto=https", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https")
        assert re.fullmatch(r"\('127\.0\.0\.1', \d+\) http test", ask(server, *fields))


def test_who_is_no_trusted_proxy_is_not_believed() -> None:
    with serve(trusted_proxies="10.0.0.0/8,::1") as server:
        assert ask(server, "X-Forwarded-For: 6.6.6.6").startswith("('127.0.0.1', ")
        assert ask(server, 'Forwarded: for="').startswith("('127.0.0.1', ")


@pytest.mark.parametrize("trusted", ["127.0.0.1", LOOPBACK, "10.0.0.0/8, 127.0.0.1", ["127.0.0.1"], ("*",), "*"])
def test_a_trusted_proxy_tells_client_and_scheme(trusted: Any) -> None:
    with serve(trusted_proxies=trusted) as server:
        assert ask(server, "X-Forwarded-For: 203.0.113.7") == "('203.0.113.7', 0) http test"
        assert ask(server, "X-Forwarded-For: 203.0.113.7:99", "X-Forwarded-Proto: https") == (
            "('203.0.113.7', 99) https test"
        )
        assert ask(server, 'Forwarded: for="[2001:db8::7]:99";proto=https') == "('2001:db8::7', 99) https test"
        assert peer(server) == "('127.0.0.1', PORT) http test"


def test_the_fields_of_one_request_are_forgotten_in_the_next() -> None:
    with serve(trusted_proxies="*") as server, WireClient(server) as client:
        own = client.get().body
        assert own.startswith(b"('127.0.0.1', ")
        assert client.get("/", "X-Forwarded-For: 203.0.113.7").body == b"('203.0.113.7', 0) http test"
        assert client.get("/", "X-Forwarded-For: 203.0.113.8").body == b"('203.0.113.8', 0) http test"
        assert client.get().body == own


def test_the_client_is_the_first_from_the_right_that_is_no_proxy() -> None:
    with serve(trusted_proxies=f"{LOOPBACK},10.0.0.0/8,2001:db8::/32") as server:
        assert ask(server, "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.9") == "('203.0.113.7', 0) http test"
        assert ask(server, "X-Forwarded-For: 6.6.6.6, 203.0.113.7", "X-Forwarded-For: 2001:db8::9") == (
            "('203.0.113.7', 0) http test"
        )
        assert ask(server, "Forwarded: for=6.6.6.6, for=203.0.113.7;proto=https, for=10.0.0.9;proto=http") == (
            "('203.0.113.7', 0) https test"
        )
        assert ask(server, "X-Forwarded-For: 10.0.0.8, 10.0.0.9") == "('10.0.0.8', 0) http test"


def test_an_asterisk_trusts_who_is_connected_and_not_what_its_client_wrote() -> None:
    with serve(trusted_proxies="*") as server:
        assert ask(server, "X-Forwarded-For: 6.6.6.6, 203.0.113.7") == "('203.0.113.7', 0) http test"


def test_a_client_that_the_proxy_does_not_know_is_none() -> None:
    with serve(trusted_proxies="*") as server:
        assert ask(server, "Forwarded: for=unknown") == "None http test"
        assert ask(server, "Forwarded: for=_hidden;proto=https") == "None https test"


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Forwarded-For: example.com"],
        ["X-Forwarded-Proto: gopher"],
        ['Forwarded: for="203.0.113.7'],
        ["Forwarded: for=6.6.6.6", "X-Forwarded-For: 203.0.113.7"],
        ["Forwarded: for=203.0.113.7;host=evil", "X-Forwarded-For: 203.0.113.7"],
    ],
)
def test_what_cannot_be_understood_or_contradicts_itself_is_answered_400(fields: list[str]) -> None:
    with serve(trusted_proxies="*") as server:
        assert ask(server, *fields) == "400"
    with serve() as server:
        assert peer(server) == "('127.0.0.1', PORT) http test"


def test_the_host_is_read_only_where_it_is_asked_for() -> None:
    with serve(trusted_proxies="*") as server:
        assert ask(server, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil") == "('1.2.3.4', 0) http test"
    fields = "x-forwarded-for, X-Forwarded-Host, x-forwarded-port"
    with serve(trusted_proxies="*", proxy_headers=fields) as server:
        assert ask(server, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: example.com") == (
            "('1.2.3.4', 0) http example.com"
        )
        assert ask(server, "X-Forwarded-Host: example.com", "X-Forwarded-Port: 8080").endswith(" example.com:8080")
        assert ask(server, "X-Forwarded-For: 1.2.3.4", "Forwarded: for=6.6.6.6") == "('1.2.3.4', 0) http test"
        assert ask(server, "X-Forwarded-Host: a/b") == "400"
    with serve(trusted_proxies="*", proxy_headers=()) as server:
        assert ask(server, "X-Forwarded-For: 1.2.3.4").startswith("('127.0.0.1', ")


def test_ipv6_peers_are_compared_as_addresses() -> None:
    try:
        server = serve(host="::1", trusted_proxies="0:0:0:0:0:0:0:1").start()
    except outrider.BindError:
        pytest.skip("this machine has no IPv6 loopback address")
    assert ask(server, "X-Forwarded-For: 203.0.113.7") == "('203.0.113.7', 0) http test"
    server.stop()


def test_a_dual_stack_socket_knows_its_ipv4_peers() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no dual-stack sockets")
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as mine,
        outrider.serve(application(tell), sockets=[mine], trusted_proxies=LOOPBACK),
        socket.create_connection(("127.0.0.1", mine.getsockname()[1])) as client,
    ):
        client.settimeout(10)
        client.sendall(b"GET / HTTP/1.0\r\nHost: test\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
        assert b"('203.0.113.7', 0) http test" in answer


def test_peers_of_a_unix_socket_are_trusted_by_name(tmp_path: Path) -> None:
    for trusted, client in (("unix", "('203.0.113.7', 0)"), ("*", "('203.0.113.7', 0)"), ("0.0.0.0/0,::/0", "None")):
        with serve(uds=str(tmp_path / "socket"), trusted_proxies=trusted) as server:
            assert ask(server, "X-Forwarded-For: 203.0.113.7") == f"{client} http test"
            assert ask(server) == "None http test"


def test_the_access_log_shows_the_client(caplog: pytest.LogCaptureFixture, eventually: Any) -> None:
    caplog.set_level(logging.INFO, "outrider.access")
    with serve(trusted_proxies="*") as server:
        ask(server, "X-Forwarded-For: 203.0.113.7")
        ask(server, "X-Forwarded-For: 203.0.113.8:99")
        ask(server, "X-Forwarded-For: unknown")
        eventually(lambda: len([record for record in caplog.records if record.name == "outrider.access"]) == 3)
    lines = [record.getMessage() for record in caplog.records if record.name == "outrider.access"]
    assert lines[0].startswith("203.0.113.7 ")
    assert lines[1].startswith("203.0.113.8:99 ")
    assert lines[2].startswith("- ")


# --- the PROXY protocol --------------------------------------------------------------------------------------------


HEADERS = {
    "version 1": b"PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\r\n",
    "version 2": binary(("203.0.113.7", 50412), ("192.0.2.1", 443), b"\x02\x00\x0bexample.com"),
}
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture
def proxied() -> Iterator[outrider.Server]:
    with serve(trusted_proxies=LOOPBACK, proxy_protocol=True) as server:
        yield server


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_proxy_header_names_the_client_of_all_requests_of_its_connection(
    proxied: outrider.Server, header: bytes
) -> None:
    with WireClient(proxied) as client:
        client.send(header + REQUEST)
        assert client.answer().body == b"('203.0.113.7', 50412) http test"
        # It isn't trusted itself.
        assert client.get("/", "X-Forwarded-For: 6.6.6.6").body == b"('203.0.113.7', 50412) http test"


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_proxy_header_may_come_in_pieces(proxied: outrider.Server, header: bytes) -> None:
    with WireClient(proxied) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in header + REQUEST:
            client.send(bytes([byte]))
        assert client.answer().body == b"('203.0.113.7', 50412) http test"


def test_both_ends_are_those_of_the_connection_to_the_proxy() -> None:
    async def server_of(exchange: Exchange) -> None:
        await exchange.answer(str(exchange.scope["server"]).encode())

    app = application(server_of)
    with outrider.serve(app, trusted_proxies="*", proxy_protocol=True) as server, WireClient(server) as client:
        client.send(binary(("2001:db8::7", 1), ("2001:db8::1", 443)) + REQUEST)
        assert client.answer().body == b"('2001:db8::1', 443)"


def test_a_trusted_proxy_behind_another_one_is_believed() -> None:
    with serve(trusted_proxies=[LOOPBACK, "10.0.0.0/8"], proxy_protocol=True) as server, WireClient(server) as client:
        client.send(b"PROXY TCP4 10.0.0.9 192.0.2.1 1 443\r\n")
        answer = client.get("/", "X-Forwarded-For: 6.6.6.6, 203.0.113.7", "X-Forwarded-Proto: https")
        assert answer.body == b"('203.0.113.7', 0) https test"


def test_an_asterisk_does_not_trust_whom_a_proxy_header_names() -> None:
    with serve(trusted_proxies="*", proxy_protocol=True) as server, WireClient(server) as client:
        client.send(HEADERS["version 1"])
        assert client.get("/", "X-Forwarded-For: 6.6.6.6").body == b"('203.0.113.7', 50412) http test"


def test_a_health_check_of_the_proxy_has_its_own_address(proxied: outrider.Server) -> None:
    for header in (SIGNATURE + b"\x20\x00\x00\x00", b"PROXY UNKNOWN\r\n"):
        with WireClient(proxied) as client:
            client.send(header + REQUEST)
            host, port = client.socket.getsockname()
            assert client.answer().body == f"('{host}', {port}) http test".encode()


@pytest.mark.parametrize(
    "garbage",
    [
        REQUEST,
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 50412 443\n" + REQUEST,
        b"PROXY TCP4 203.0.113.7 192.0.2.1 50412\r\n" + REQUEST,
        b"PROXY " + b"x" * 200,
        SIGNATURE + b"\x31\x11\x00\x00" + REQUEST,
        SIGNATURE + b"\x21\x11\x00\x04abcd" + REQUEST,
        binary(("203.0.113.7", 1), ("192.0.2.1", 2), b"\x03\x00\x04abcd") + REQUEST,
    ],
)
def test_a_connection_without_a_proxy_header_is_closed_without_an_answer(
    proxied: outrider.Server, garbage: bytes
) -> None:
    with WireClient(proxied) as client:
        client.send(garbage)
        assert client.read_to_end() == b""
    with WireClient(proxied) as client:  # which troubles nobody else
        client.send(HEADERS["version 1"] + REQUEST)
        assert client.answer().status == 200


def test_a_stranger_cannot_name_a_client(caplog: pytest.LogCaptureFixture, eventually: Any) -> None:
    caplog.set_level(logging.DEBUG, "outrider")
    with serve(trusted_proxies="10.0.0.0/8", proxy_protocol=True) as server, WireClient(server) as client:
        assert client.read_to_end() == b""
        eventually(lambda: "none of the trusted proxies" in caplog.text)
    assert "closed a connection of 127.0.0.1:" in caplog.text


def test_a_proxy_header_has_the_time_of_a_head() -> None:
    with serve(trusted_proxies="*", proxy_protocol=True, timeout_head=0.05) as server, WireClient(server) as client:
        client.send("PROXY TCP4 ")
        assert client.read_to_end() == b""


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trusted_proxies": "localhost"}, "trusted_proxies='localhost': \"localhost\" is neither an address nor a "),
        ({"trusted_proxies": ["10.0.0.1/8"]}, 'write "10.0.0.0/8" for the network, or "10.0.0.1" for the address'),
        ({"trusted_proxies": "10.0.0.0/40"}, "after the slash come 0 to 32"),
        ({"proxy_headers": "x-real-ip"}, "proxy_headers='x-real-ip': \"x-real-ip\" is no field that tells"),
        ({"proxy_headers": "x-forwarded-port"}, "completes x-forwarded-host"),
        ({"proxy_protocol": True}, "proxy_protocol=True without trusted_proxies"),
        ({"forwarded_allow_ips": "/run/proxy.sock"}, '"/run/proxy.sock" is neither an address nor a network'),
        ({"forwarded_allow_ips": "*", "trusted_proxies": "*"}, "can't be used together"),
    ],
)
def test_a_mistake_is_named_when_the_server_is_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as raised:
        serve(**options)
    assert words in str(raised.value)


def test_a_network_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="must be str"):
        serve(trusted_proxies=[10])
    with pytest.raises(TypeError, match="trusted_proxies"):
        serve(trusted_proxies=True)


def test_uvicorns_options_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    app = application(tell)

    def rules(**options: Any) -> tuple[Any, Any]:
        config = outrider.Config(app, **options)
        return config.trusted_proxies, config.proxy_headers

    default = outrider.Config(app).proxy_headers
    usual = "x-forwarded-for,x-forwarded-proto"
    assert rules() == ("", default)
    assert rules(proxy_headers=None, forwarded_allow_ips=None) == ("", default)
    assert rules(proxy_headers=True) == ("127.0.0.1", usual)
    assert rules(proxy_headers=True, forwarded_allow_ips="127.0.0.1,10.0.0.0/8") == ("127.0.0.1,10.0.0.0/8", usual)
    assert rules(forwarded_allow_ips=["::1"]) == (["::1"], usual)
    assert rules(proxy_headers=False, forwarded_allow_ips="*") == ("", "")
    assert rules(proxy_headers=True, trusted_proxies="::1") == ("::1", usual)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")
    assert rules(proxy_headers=True) == ("192.0.2.1", usual)
    assert rules(forwarded_allow_ips="::1") == ("::1", usual)
    assert rules() == ("", default)  # the environment decides nothing unasked


def test_a_process_of_its_own_is_told_whom_to_believe() -> None:
    options: dict[str, Any] = {"factory": True, "isolation": "process"}
    with (
        outrider.serve("test_proxy:make_app", trusted_proxies=[LOOPBACK], proxy_protocol=True, **options) as server,
        WireClient(server) as client,
    ):
        client.send(HEADERS["version 2"] + REQUEST)
        assert client.answer().body == b"('203.0.113.7', 50412) http test"


def make_app() -> Any:
    return application(tell)


@pytest.mark.parametrize(
    ("arguments", "environment", "client"),
    [
        ([], {}, "127.0.0.1"),
        (["--trusted-proxies", LOOPBACK], {}, "203.0.113.7"),
        ([], {"FORWARDED_ALLOW_IPS": "127.0.0.1"}, "203.0.113.7"),
        (["--trusted-proxies", ""], {"FORWARDED_ALLOW_IPS": "127.0.0.1"}, "127.0.0.1"),
    ],
)
def test_the_command_line_takes_proxies_and_uvicorns_environment_variable(
    arguments: list[str], environment: dict[str, str], client: str
) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "FORWARDED_ALLOW_IPS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "outrider", "test_proxy:make_app", "--factory", "--port", "0", *arguments],
        cwd=Path(__file__).parent,
        env={**inherited, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = re.search(r"serving on http://127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1]))) as connection:
            connection.settimeout(10)
            connection.sendall(b"GET / HTTP/1.0\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert f"('{client}'".encode() in answer
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
