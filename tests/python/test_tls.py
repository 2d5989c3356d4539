# SPDX-License-Identifier: MIT
"""https: the options, the throw-away authority, and the clients that are shown it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import outrider
import pytest
from outrider._engine import throw_away_certificate

Scope = dict[str, Any]


async def show(scope: Scope, receive: Any, send: Any) -> None:
    """Answers with what the scope says of TLS, or with so many bytes."""
    if scope["type"] == "lifespan":
        return
    size = int(scope["query_string"] or 0)
    shown = {"scheme": scope["scheme"], "tls": scope["extensions"].get("tls"), "server": scope["server"]}
    body = b"x" * size if size else json.dumps(shown).encode()
    if scope["path"] == "/wait":
        await asyncio.sleep(3600)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/stream":
        while True:
            await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
            await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def server() -> Iterator[outrider.Server]:
    with outrider.serve(show, tls=True) as one:
        yield one


@pytest.fixture
def ca_file(server: outrider.Server, tmp_path: Path) -> str:
    return server.save_ca(tmp_path / "ca.pem")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str, ssl.SSLContext]:
    """Files with a certificate and its key, and what a client needs to trust it."""
    pem, key, ca = throw_away_certificate([])
    (tmp_path / "server.pem").write_text(pem)
    (tmp_path / "server.key").write_text(key)
    return str(tmp_path / "server.pem"), str(tmp_path / "server.key"), ssl.create_default_context(cadata=ca)


def serial_number(server: outrider.Server) -> int:
    host, port = server.addresses[0]
    assert port is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((host, port))) as connection:
        pem = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
    run = subprocess.run(
        [need("openssl"), "x509", "-noout", "-serial"], check=True, input=pem, text=True, capture_output=True
    )
    return int(run.stdout.partition("=")[2], 16)


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} isn't installed")
    return path


# --- the throw-away authority, and clients ---------------------------------------------------------------------------


def test_the_url_says_https_and_the_scope_what_the_handshake_came_to(server: outrider.Server) -> None:
    assert server.url == f"https://127.0.0.1:{server.port}"
    seen = httpx.get(server.url, verify=server.ssl_context()).json()
    assert seen["scheme"] == "https"
    tls = seen["tls"]
    assert tls.pop("server_cert").startswith("-----BEGIN CERTIFICATE-----\n")
    assert tls.pop("cipher_suite") in (0x1301, 0x1302, 0x1303)
    assert tls == {"client_cert_chain": [], "client_cert_name": None, "client_cert_error": None, "tls_version": 0x304}


def test_without_tls_there_is_no_extension_of_it() -> None:
    with outrider.serve(show) as plain:
        seen = httpx.get(plain.url).json()
        assert seen["scheme"] == "http"
        assert seen["tls"] is None
        assert plain.chromium_arguments == []
        with pytest.raises(outrider.StateError, match="only a server with tls=True"):
            _ = plain.ca_pem
        with pytest.raises(outrider.StateError, match="no TLS to reload"):
            plain.reload_tls()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_httpx_trusts_the_authority(server: outrider.Server, host: str) -> None:
    with httpx.Client(verify=server.ssl_context()) as client:
        for _ in range(3):
            assert client.get(f"https://{host}:{server.port}/").json()["scheme"] == "https"


def test_a_client_that_does_not_know_the_authority_refuses_the_server(server: outrider.Server) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(server.url)


def test_requests_trusts_the_authority(server: outrider.Server, ca_file: str) -> None:
    requests = pytest.importorskip("requests")
    assert requests.get(server.url, verify=ca_file, timeout=10).json()["scheme"] == "https"


def test_aiohttp_trusts_the_authority(server: outrider.Server) -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def get() -> Any:
        async with aiohttp.ClientSession() as session, session.get(server.url, ssl=server.ssl_context()) as response:
            return await response.json(content_type=None)

    assert asyncio.run(get())["scheme"] == "https"


def test_curl_trusts_the_authority(server: outrider.Server, ca_file: str) -> None:
    command = [need("curl"), "-sS", "--max-time", "10", "--cacert", ca_file]
    for more in ([], ["--tls-max", "1.2"], ["--http1.0"]):
        run = subprocess.run([*command, *more, server.url], check=False, capture_output=True, text=True)
        assert json.loads(run.stdout)["scheme"] == "https", run.stderr


def test_node_trusts_the_authority(server: outrider.Server, ca_file: str) -> None:
    script = f"fetch('{server.url}').then(r => r.json()).then(seen => console.log(seen.scheme))"
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": ca_file}
    command = [need("node"), "-e", script]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environment)
    assert run.stdout == "https\n", run.stderr


def test_chromium_takes_the_certificate_with_the_arguments(server: outrider.Server, tmp_path: Path) -> None:
    command = [
        need("chromium"),
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"),
        *server.chromium_arguments,
        *("--dump-dom", server.url),
    ]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert "&quot;https&quot;" in run.stdout or '"https"' in run.stdout, run.stderr


def test_the_certificate_is_for_the_configured_host_too() -> None:
    with outrider.serve(show, tls=True, host="::1") as six:
        assert httpx.get(six.url, verify=six.ssl_context()).json()["scheme"] == "https"


def test_nothing_is_written_to_disk_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with outrider.serve(show, tls=True) as one:
        httpx.get(one.url, verify=one.ssl_context())
    assert list(tmp_path.iterdir()) == []
    assert Path(one.save_ca("ca.pem")).read_text() == one.ca_pem


def test_a_server_that_is_started_again_has_the_same_authority() -> None:
    server = outrider.serve(show, tls=True)
    context = server.ssl_context()  # before it has started
    for _ in range(2):
        with server:
            assert httpx.get(server.url, verify=context).status_code == 200


def test_servers_have_authorities_of_their_own(server: outrider.Server) -> None:
    with outrider.serve(show, tls=True) as other, pytest.raises(httpx.ConnectError):
        httpx.get(other.url, verify=server.ssl_context())


def test_on_the_callers_loop() -> None:
    async def main() -> None:
        server = outrider.serve(show, tls=True, isolation="none")
        async with server, httpx.AsyncClient(verify=server.ssl_context()) as client:
            assert (await client.get(server.url)).json()["scheme"] == "https"

    asyncio.run(main())


def test_in_a_process_of_its_own(certificate: tuple[str, str, ssl.SSLContext]) -> None:
    with outrider.serve("test_tls:show", tls=True, isolation="process") as server:
        context = server.ssl_context()
        assert httpx.get(server.url, verify=context).json()["scheme"] == "https"
        with open(f"/proc/{server._child.pid}/cmdline", encoding="utf-8") as file:  # type: ignore[union-attr]
            assert "PRIVATE KEY" not in file.read()
        server.reload_tls()
        assert httpx.get(server.url, verify=context).json()["scheme"] == "https"
    path, key, _ = certificate
    with outrider.serve("test_tls:show", ssl_certfile=path, ssl_keyfile=key, isolation="process") as server:
        before = serial_number(server)
        replace(path, key)
        server.reload_tls()
        assert serial_number(server) != before


def test_on_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with outrider.serve(show, tls=True, uds=path) as server:
        assert server.url.startswith("https+unix://")
        with httpx.Client(transport=httpx.HTTPTransport(uds=path, verify=server.ssl_context())) as client:
            assert client.get("https://localhost/").json()["scheme"] == "https"


def test_on_the_command_line(tmp_path: Path, certificate: tuple[str, str, ssl.SSLContext]) -> None:
    path, key, context = certificate
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    for options in (["--ssl-certfile", path, "--ssl-keyfile", key], ["--tls"]):
        command = [sys.executable, "-m", "outrider", "test_tls:show", "--fd", str(listener.fileno()), *options]
        with subprocess.Popen(
            command,
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        ) as process:
            assert process.stderr is not None
            assert any("serving on https://" in line for line in process.stderr)
            verify = context if "--tls" not in options else False
            answer = httpx.get(f"https://127.0.0.1:{listener.getsockname()[1]}", verify=verify)
            process.terminate()
            process.communicate(timeout=30)
        assert answer.json()["scheme"] == "https"
    listener.close()


# --- certificates of one's own ---------------------------------------------------------------------------------------


def replace(path: str, key: str) -> None:
    pem, private, _ = throw_away_certificate([])
    Path(path).write_text(pem)
    Path(key).write_text(private)


def test_files_paths_and_pem_in_memory_are_taken(certificate: tuple[str, str, ssl.SSLContext]) -> None:
    path, key, context = certificate
    text, private = Path(path).read_text(), Path(key).read_text()
    for options in (
        {"ssl_certfile": path, "ssl_keyfile": key},
        {"ssl_certfile": Path(path), "ssl_keyfile": Path(key)},
        {"ssl_certfile": text, "ssl_keyfile": private},
        {"ssl_certfile": text.encode() + private.encode()},
    ):
        with outrider.serve(show, **options) as server:
            assert httpx.get(server.url, verify=context).json()["scheme"] == "https"
        assert "PRIVATE KEY" not in repr(server.config)


def test_a_reload_shows_the_new_certificate_and_keeps_open_connections(
    certificate: tuple[str, str, ssl.SSLContext],
) -> None:
    path, key, context = certificate
    with outrider.serve(show, ssl_certfile=path, ssl_keyfile=key) as server, httpx.Client(verify=context) as client:
        client.get(server.url)
        before = serial_number(server)
        replace(path, key)
        assert serial_number(server) == before
        server.reload_tls()
        assert serial_number(server) != before
        assert client.get(server.url).status_code == 200  # on the connection of before
        Path(key).unlink()
        now = serial_number(server)
        with pytest.raises(outrider.StartError, match=r"can't read the private key .*No such file"):
            server.reload_tls()
        assert serial_number(server) == now


def test_a_client_is_shown_the_certificate_of_the_server_that_it_names(
    certificate: tuple[str, str, ssl.SSLContext],
) -> None:
    path, key, _ = certificate
    pem, private, ca = throw_away_certificate(["shop.test"])
    context = ssl.create_default_context(cadata=ca)
    options: dict[str, Any] = {"ssl_certfile": path, "ssl_keyfile": key, "ssl_more_certs": [(pem, private)]}
    with outrider.serve(show, **options) as server:
        raw = socket.create_connection(("127.0.0.1", server.port))
        with context.wrap_socket(raw, server_hostname="shop.test") as connection:
            assert ("DNS", "shop.test") in connection.getpeercert()["subjectAltName"]  # type: ignore[index]


def make_client_certificate(folder: Path) -> tuple[str, str, str]:
    """A client's certificate, its key, and the authority: as files, by openssl."""
    openssl = need("openssl")
    for arguments in (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=clients",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ann.key -out ann.csr -subj /O=Example/CN=ann",
        "x509 -req -in ann.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ann.pem -days 2",
    ):
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)
    return str(folder / "ann.pem"), str(folder / "ann.key"), str(folder / "ca.pem")


@pytest.mark.parametrize(("requirement", "needs_one"), [(ssl.CERT_OPTIONAL, False), (ssl.CERT_REQUIRED, True)])
def test_client_certificates_reach_the_application(
    certificate: tuple[str, str, ssl.SSLContext], tmp_path: Path, requirement: int, needs_one: bool
) -> None:
    path, key, context = certificate
    ann, ann_key, authority = make_client_certificate(tmp_path)
    options: dict[str, Any] = {"ssl_cert_reqs": requirement, "ssl_ca_certs": authority}
    with outrider.serve(show, ssl_certfile=path, ssl_keyfile=key, **options) as server:
        if needs_one:
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError)):
                httpx.get(server.url, verify=context)
        else:
            assert httpx.get(server.url, verify=context).json()["tls"]["client_cert_name"] is None
        context.load_cert_chain(ann, ann_key)
        tls = httpx.get(server.url, verify=context).json()["tls"]
        assert tls["client_cert_name"] == "CN=ann,O=Example"
        assert tls["client_cert_error"] is None
        assert tls["client_cert_chain"][0] == Path(ann).read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tls": True, "ssl_certfile": "x"}, "choose one"),
        ({"ssl_keyfile": "x"}, "ssl_certfile"),
        ({"ssl_ciphers": "x"}, "of no use without a certificate"),
        ({"ssl_minimum_version": "1.3"}, "of no use without a certificate"),
        ({"tls": True, "ssl_keyfile_password": "x"}, "whose key isn't encrypted"),
        ({"ssl_certfile": "a\0.pem"}, "ssl_certfile has a NUL character"),
        ({"tls": True, "ssl_more_certs": [("a", "b\0")]}, "ssl_more_certs has a NUL character"),
        ({"tls": True, "ssl_ciphers": "\udcff"}, "ssl_ciphers has a lone surrogate"),
        ({"tls": True, "ssl_cert_reqs": 3}, "not one of 0"),
        ({"tls": True, "ssl_cert_reqs": 2}, "ssl_ca_certs doesn't name"),
        ({"tls": True, "ssl_ca_certs": "x"}, "aren't asked for certificates"),
        ({"tls": True, "ssl_version": 5}, "ssl_minimum_version"),
        ({"tls": True, "ssl_minimum_version": "1.1"}, "not one of '1.2', '1.3'"),
        ({"tls": True, "ssl_context_factory": lambda *_: None}, "keeps its certificates to itself"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        outrider.Config(show, **options)


def test_files_may_have_names_that_are_not_utf_8(certificate: tuple[str, str, ssl.SSLContext]) -> None:
    path, key, context = certificate
    names = [os.fsencode(path) + b"\xff", os.fsencode(key) + b"\xff"]
    try:
        for old, new in zip((path, key), names, strict=True):
            os.rename(old, new)
    except OSError:
        pytest.skip("this file system takes no such names")
    with outrider.serve(show, ssl_certfile=names[0], ssl_keyfile=names[1]) as server:
        assert httpx.get(server.url, verify=context).json()["scheme"] == "https"
    with pytest.raises(outrider.StartError, match=r"can't read the private key .*none\udcff': No such file"):
        outrider.serve(show, ssl_certfile=names[0], ssl_keyfile=os.path.dirname(names[0]) + b"/none\xff").start()


def test_uvicorns_defaults_mean_what_they_mean_there() -> None:
    defaults = {
        "ssl_keyfile": None,
        "ssl_certfile": None,
        "ssl_keyfile_password": None,
        "ssl_version": ssl.PROTOCOL_TLS_SERVER,
        "ssl_cert_reqs": ssl.CERT_NONE,
        "ssl_ca_certs": None,
        "ssl_ciphers": "TLSv1",
    }
    assert not outrider.Config(show, **defaults).is_secured


def test_a_start_that_fails_says_what_and_where(tmp_path: Path, certificate: tuple[str, str, ssl.SSLContext]) -> None:
    path, _key, _ = certificate
    with pytest.raises(outrider.StartError, match=r"can't read the certificate '/nowhere.pem': No such file"):
        outrider.serve(show, ssl_certfile="/nowhere.pem").start()
    with pytest.raises(outrider.StartError, match="there is no private key in PEM form"):
        outrider.serve(show, ssl_certfile=path).start()
    (tmp_path / "other.key").write_text(throw_away_certificate([])[1])
    with pytest.raises(outrider.StartError, match="isn't that of the certificate"):
        outrider.serve(show, ssl_certfile=path, ssl_keyfile=tmp_path / "other.key").start()


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_start_that_fails_takes_no_place(isolation: str) -> None:
    refusal = pytest.raises(outrider.StartError, match=r"can't read the certificate '/nowhere.pem': No such file")
    with outrider.serve(show) as other, refusal:
        # Were the port asked for first, the error would be about that.
        outrider.serve("test_tls:show", port=other.port, isolation=isolation, ssl_certfile="/nowhere.pem").start()


@pytest.mark.parametrize(
    ("authorities", "message"),
    [
        ("/nowhere.pem", r"can't read the clients' authorities '/nowhere.pem': No such file"),
        ("nothing.pem", r"the clients' authorities: there is none in PEM form .* in 'nothing.pem'"),
        ("-----BEGIN CERTIFICATE-----\nx", "the clients' authorities given as PEM text can't be read"),
    ],
)
def test_a_start_without_the_clients_authorities_has_words_of_this_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authorities: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing.pem").touch()
    with pytest.raises(outrider.StartError, match=message) as failure:
        outrider.serve(show, tls=True, ssl_cert_reqs=2, ssl_ca_certs=authorities).start()
    assert "client_ca" not in str(failure.value)


# --- what is refused, by openssl s_client ----------------------------------------------------------------------------


@pytest.fixture
def s_client(server: outrider.Server) -> Callable[..., str]:
    openssl = need("openssl")

    def run(*arguments: str, sent: str = "") -> str:
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{server.port}", *arguments]
        done = subprocess.run(command, input=sent, check=False, capture_output=True, text=True, timeout=30)
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("-tls1_2", "Protocol  : TLSv1.2"),
        ("-tls1_3", "TLSv1.3, Cipher is TLS_"),
        ("-alpn h2,http/1.1", "ALPN protocol: http/1.1"),
        ("-alpn h2", "alert no application protocol"),
        ("-tls1_1 -cipher ALL@SECLEVEL=0", "alert protocol version"),
        ("-tls1 -cipher ALL@SECLEVEL=0", "alert protocol version"),
        ("-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", "alert handshake failure"),
        ("-tls1_2 -cipher AES128-GCM-SHA256", "alert handshake failure"),
        ("-tls1_2 -cipher eNULL@SECLEVEL=0", "alert handshake failure"),
        ("-tls1_2 -cipher ADH@SECLEVEL=0", "alert handshake failure"),
        ("-tls1_2", "Compression: NONE"),
        ("-tls1_2", "Secure Renegotiation IS supported"),  # RFC 5746, which is none
        ("-tls1_3", "Max Early Data: 0"),
    ],
)
def test_what_openssl_is_given_and_refused(s_client: Callable[..., str], arguments: str, answer: str) -> None:
    said = s_client(*arguments.split(), *(["-ign_eof"] if "Early" in answer else []), sent="GET / HTTP/1.0\r\n\r\n")
    assert answer in said


def test_openssl_resumes_its_sessions(s_client: Callable[..., str], server: outrider.Server, tmp_path: Path) -> None:
    request = "GET / HTTP/1.0\r\n\r\n"
    for version in ("-tls1_2", "-tls1_3"):
        session = str(tmp_path / version)
        assert "Reused" not in s_client(version, "-ign_eof", "-sess_out", session, sent=request)
        assert "Reused" in s_client(version, "-ign_eof", "-sess_in", session, sent=request)
        server.reload_tls()
        assert "Reused" in s_client(version, "-ign_eof", "-sess_in", session, sent=request)


def test_openssl_gets_no_new_handshake_in_the_middle(s_client: Callable[..., str]) -> None:
    assert "no renegotiation" in s_client("-tls1_2", sent="R\n")


def test_plain_http_is_told_that_the_port_speaks_https(server: outrider.Server) -> None:
    answer = httpx.get(server.url.replace("https:", "http:"))
    assert answer.status_code == 400
    assert "this port speaks https" in answer.text


def test_tls_is_told_that_the_port_speaks_http() -> None:
    # "wrong version number" or "record layer failure", as OpenSSL's version puts it: and at once, not after a time-out.
    with outrider.serve(show) as plain, pytest.raises(httpx.ConnectError, match="SSL"):
        httpx.get(plain.url.replace("http:", "https:"), timeout=10)


# --- under load, and the end -----------------------------------------------------------------------------------------


def test_large_responses_and_bodies_arrive_whole(server: outrider.Server) -> None:
    with httpx.Client(verify=server.ssl_context(), timeout=60) as client:
        for size in (16383, 16384, 16385, 65536, 5_000_000):
            assert len(client.get(f"{server.url}/?{size}").content) == size


def test_a_stop_with_hundreds_of_connections_is_on_time(server: outrider.Server) -> None:
    policy = outrider.StopPolicy(grace=0.5, disconnect=0.5, cancel=0.5)
    one = outrider.serve(show, tls=True, timeout_keep_alive=3600.0, timeout_tls_handshake=3600.0).start()
    context = one.ssl_context()
    context.check_hostname = False
    connections: list[socket.socket] = []
    try:
        for i in range(300):
            raw = socket.create_connection(("127.0.0.1", one.port))
            if i % 3 == 0:  # in its handshake, or before it
                raw.sendall(b"\x16\x03\x01\x02\x00\x01" if i % 2 else b"")
                connections.append(raw)
                continue
            connection = context.wrap_socket(raw)
            connections.append(connection)
            path = "/" if i % 3 == 1 else "/stream"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert connection.recv(100)
        report = one.stop(policy)
    finally:
        for connection in connections:
            connection.close()
    assert report.elapsed < 10
    assert report.disconnected + report.cancelled == 100
    assert one.state == "stopped"
    assert threading.active_count() < 20
