"""Applications of five frameworks and of none, unmodified, each asked by four different clients."""

from __future__ import annotations

import gc
import hashlib
import importlib
import random
import shutil
from collections.abc import Callable, Iterator

import outrider
import pytest
from apps import shared_file
from apps.clients import CLIENTS, Client

pytestmark = [
    # Django reads a FileResponse's file in the event loop when it is served by ASGI, and says so.
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning"),
    # Quart forgets the file of a download whose client leaves at once, as curl does, under every server.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

FRAMEWORKS = {
    "fastapi": "apps.with_fastapi:app",
    "starlette": "apps.with_starlette:app",
    "django": "apps.with_django:app",
    "litestar": "apps.with_litestar:app",
    "quart": "apps.with_quart:app",
    "plain": "apps.plain_asgi:app",
}

TEN_MEBIBYTES = random.Random(0).randbytes(10 * 1024 * 1024)
DIGEST = hashlib.sha256(TEN_MEBIBYTES).hexdigest()

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name != "plain":
        import_or_skip(name)
    return name


@pytest.fixture(scope="module")
def server(framework: str) -> Iterator[outrider.Server]:
    with outrider.serve(FRAMEWORKS[framework]) as server:
        yield server
        assert list(server.errors) == []
    gc.collect()  # what an application forgot to close is collected here, not in another test


@pytest.fixture(scope="module")
def clients(server: outrider.Server) -> Iterator[dict[str, Client]]:
    """The clients that were asked for so far: each keeps its connections from test to test."""
    clients: dict[str, Client] = {}
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, server: outrider.Server, clients: dict[str, Client]) -> Client:
    name = str(request.param)
    if name not in clients:
        skip_without(name)
        clients[name] = CLIENTS[name](server.url)
    return clients[name]


def skip_without(name: str) -> None:
    if name == "curl":
        if shutil.which("curl") is None:
            pytest.skip("curl isn't installed")
    else:
        import_or_skip(name)


def import_or_skip(name: str) -> None:
    try:
        importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} isn't installed for this Python: {error}")


def test_a_get_is_answered(framework: str, client: Client) -> None:
    answer = client.get("/")
    assert (answer.status, answer.text) == (200, f"hello from {framework}")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_posted_json_document_comes_back(client: Client) -> None:
    document = {"name": "Łukasz ✓", "numbers": [1, 2.5, None], "nested": {"deep": True}}
    answer = client.post("/json", document)
    assert (answer.status, answer.json) == (200, document)


@pytest.mark.parametrize("chunked", [False, True], ids=["with-its-length", "in-chunks"])
def test_an_upload_of_10_mebibytes_arrives_whole(client: Client, chunked: bool) -> None:
    answer = client.upload("/upload", TEN_MEBIBYTES, chunked=chunked)
    assert answer.status == 200
    assert answer.json == {"length": len(TEN_MEBIBYTES), "sha256": DIGEST}


def test_a_streamed_response_arrives_in_order(client: Client) -> None:
    answer = client.get("/stream")
    assert answer.status == 200
    assert answer.text.splitlines() == [f"line {number}" for number in range(100)]


def test_a_file_is_downloaded_under_its_name(client: Client) -> None:
    answer = client.get("/download")
    assert answer.status == 200
    assert answer.body == shared_file.CONTENT
    assert shared_file.NAME in answer.headers["content-disposition"]


def test_a_background_task_goes_on_after_its_response(client: Client, eventually: Eventually) -> None:
    started = client.post("/background")
    assert started.status == 202
    path = f"/background/{started.json['id']}"
    assert client.get(path).json == {"finished": False}  # the task waits for this very request
    eventually(lambda: client.get(path).json == {"finished": True})
