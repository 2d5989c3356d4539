"""Four HTTP clients behind one call, so that a test reads the same whichever of them asks."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

BLOCK = 256 * 1024


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """`ask()` sends one request; its body goes out chunked in blocks, or whole with its length."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, document: Any = None) -> Answer:
        body = b"" if document is None else json.dumps(document).encode()
        return self.ask("POST", path, body)

    def upload(self, path: str, body: bytes, *, chunked: bool) -> Answer:
        return self.ask("POST", path, body, chunked=chunked)

    def ask(self, method: str, path: str, body: bytes = b"", *, chunked: bool = False) -> Answer:
        raise NotImplementedError

    def close(self) -> None:
        pass


class HttpxClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        import httpx

        self.session = httpx.Client(base_url=url, timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"", *, chunked: bool = False) -> Answer:
        content = blocks(body) if chunked else body
        headers = {"content-type": media_type(body)}
        response = self.session.request(method, path, content=content, headers=headers)
        return Answer(response.status_code, dict(response.headers.items()), response.content)

    def close(self) -> None:
        self.session.close()


class RequestsClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        import requests

        self.session = requests.Session()

    def ask(self, method: str, path: str, body: bytes = b"", *, chunked: bool = False) -> Answer:
        data = blocks(body) if chunked else body
        headers = {"content-type": media_type(body)}
        response = self.session.request(method, self.url + path, data=data, headers=headers, timeout=20)
        return Answer(response.status_code, lower(response.headers.items()), response.content)

    def close(self) -> None:
        self.session.close()


class AiohttpClient(Client):
    def __init__(self, url: str) -> None:
        super().__init__(url)
        import aiohttp

        async def open_session() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20))

        self.runner = asyncio.Runner()
        self.session = self.runner.run(open_session())

    def ask(self, method: str, path: str, body: bytes = b"", *, chunked: bool = False) -> Answer:
        return self.runner.run(self.ask_here(method, path, body, chunked))

    async def ask_here(self, method: str, path: str, body: bytes, chunked: bool) -> Answer:
        data = async_blocks(body) if chunked else io.BytesIO(body)
        headers = {"content-type": media_type(body)}
        async with self.session.request(
            method, self.url + path, data=data if body else None, headers=headers
        ) as response:
            return Answer(response.status, lower(response.headers.items()), await response.read())

    def close(self) -> None:
        self.runner.run(self.session.close())
        self.runner.close()


class CurlClient(Client):
    def ask(self, method: str, path: str, body: bytes = b"", *, chunked: bool = False) -> Answer:
        command = ["curl", "--silent", "--show-error", "--max-time", "20", "--include"]
        command += ["--request", method, "--header", f"content-type: {media_type(body)}"]
        command += ["--data-binary", "@-"] if body else []
        command += ["--header", "transfer-encoding: chunked"] if chunked else []
        done = subprocess.run([*command, self.url + path], input=body, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return parse(done.stdout)


CLIENTS = {
    "httpx": HttpxClient,
    "requests": RequestsClient,
    "aiohttp": AiohttpClient,
    "curl": CurlClient,
}


def parse(received: bytes) -> Answer:
    """The last response of what `curl --include` wrote; a `100 Continue` comes before it."""
    while True:
        head, _, received = received.partition(b"\r\n\r\n")
        status_line, _, fields = head.partition(b"\r\n")
        status = int(status_line.split()[1])
        if status >= 200:
            headers = BytesParser(policy=HTTP).parsebytes(fields)
            return Answer(status, lower(headers.items()), received)


def blocks(body: bytes) -> Iterator[bytes]:
    return (body[start : start + BLOCK] for start in range(0, len(body), BLOCK))


async def async_blocks(body: bytes) -> AsyncIterator[bytes]:
    for block in blocks(body):
        yield block


def media_type(body: bytes) -> str:
    return "application/json" if body[:1] == b"{" else "application/octet-stream"


def lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers}
