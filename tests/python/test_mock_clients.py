"""How a mock's answers fail, as the clients see it: dropped, or sent in part."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from outrider.testing import Mock
from wire_client import WireClient

GIVEN_MAX = 10.0  # seconds for what comes at once


@pytest.fixture(params=["http", "https"])
def failing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mock]:
    with Mock(tls=request.param == "https") as mock:
        if request.param == "https":
            mock.server.save_ca(tmp_path / "ca.pem")
        mock.get("/fine", text="fine")
        mock.get("/dropped", drop=True)
        mock.post("/dropped", drop=True)
        mock.get("/half", body=b"x" * 100_000, cut_after=70_000)
        mock.get("/head", body=b"x" * 100, cut_after=0)
        mock.get("/chunked", body=[b"x" * 40_000, b"y" * 60_000], cut_after=70_000)
        mock.get("/no-chunk", body=[b"x"], cut_after=0)
        yield mock
        assert mock.server.errors == []
        assert not [line for line in mock.server.observe().log if line.startswith(("WARNING", "ERROR"))]


HALVES = {
    "/half": b"x" * 70_000,
    "/head": b"",
    "/chunked": b"x" * 40_000 + b"y" * 30_000,
    "/no-chunk": b"",
}


def test_httpx_sees_what_was_dropped_and_what_was_cut(failing: Mock) -> None:
    with failing.server.client() as client:
        for method in ("GET", "POST"):
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                client.request(method, "/dropped")
        for path, content in HALVES.items():
            assert client.get("/fine").text == "fine"
            received = b""
            with client.stream("GET", path) as answer:
                assert answer.status_code == 200
                with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
                    for piece in answer.iter_raw():
                        received += piece
            assert received == content


def test_requests_sees_what_was_dropped_and_what_was_cut(failing: Mock, tmp_path: Path) -> None:
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(tmp_path / "ca.pem") if failing.url.startswith("https") else True
        for method in ("GET", "POST"):
            with pytest.raises(requests.ConnectionError):
                session.request(method, failing + "/dropped", timeout=GIVEN_MAX)
        for path, content in HALVES.items():
            assert session.get(failing + "/fine", timeout=GIVEN_MAX).text == "fine"
            received = b""
            answer = session.get(failing + path, stream=True, timeout=GIVEN_MAX)
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                for piece in answer.iter_content(1000):
                    received += piece
            assert received == content


def test_aiohttp_sees_what_was_dropped_and_what_was_cut(failing: Mock) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    context = failing.server.ssl_context() if failing.url.startswith("https") else True

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            for method in ("GET", "POST"):
                with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
                    await session.request(method, failing + "/dropped", ssl=context)
            for path, content in HALVES.items():
                async with session.get(failing + "/fine", ssl=context) as answer:
                    assert await answer.text() == "fine"
                received = b""
                with pytest.raises(aiohttp.ClientPayloadError):
                    async with session.get(failing + path, ssl=context) as answer:
                        async for piece in answer.content.iter_any():
                            received += piece
                assert received == content

    asyncio.run(main())


def test_curl_sees_what_was_dropped_and_what_was_cut(failing: Mock, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl isn't installed")

    def ask(path: str) -> tuple[int, bytes]:
        command = [curl, "-q", "-sS", "--noproxy", "*", "--max-time", "10"]
        if failing.url.startswith("https"):
            command += ["--cacert", str(tmp_path / "ca.pem")]
        done = subprocess.run([*command, failing + path], capture_output=True, check=False, timeout=60)
        return done.returncode, done.stdout

    assert ask("/fine") == (0, b"fine")
    code, received = ask("/dropped")
    assert code in (52, 56), code  # no reply; the connection was reset
    assert received == b""
    for path, content in HALVES.items():
        code, received = ask(path)
        assert code in (18, 56), code  # a partial file; of chunks an older curl says: failure in receiving
        assert received == content


def test_a_client_of_http_1_0_is_cut_off_too() -> None:
    with Mock(date_header=False, server_header=False) as mock, WireClient(mock.server) as client:
        mock.get("/", body=[b"abc", b"def"], cut_after=4)
        client.send("GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while client.socket.recv(4096):
                pass
