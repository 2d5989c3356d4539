"""The extensions of ASGI's HTTP responses: files, trailers, early hints, debugging."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.hello import OK, Message, Receive, Send
from wire_client import WireClient

GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
LAST = {"type": "http.response.body"}


class Sends:
    """An application that sends these messages; it keeps what send() raises, and answers 500 then if it can."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages
        self.errors: list[Exception] = []
        self.extensions: dict[str, Any] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.extensions = scope["extensions"]
        for message in self.messages:
            try:
                await send(message)
            except Exception as error:
                self.errors.append(error)


def ask(app: Any, text: str = GET, **options: Any) -> bytes:
    """Everything that is answered to a request, whose connection then closes."""
    with (
        outrider.serve(app, lifespan="off", date_header=False, server_header=False, **options) as server,
        WireClient(server) as client,
    ):
        client.send(text.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        return client.read_to_end()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"".join(b"%d " % number for number in range(400_000)))
    return path


def test_the_extensions_are_offered_and_debugging_only_when_somebody_listens() -> None:
    app = Sends(OK, LAST)
    ask(app)
    names = ["early_hint", "pathsend", "trailers", "zerocopysend"]
    assert app.extensions == {**{f"http.response.{name}": {} for name in names}, "outrider.abort": {}}
    ask(app, on_debug=lambda line, info: None)
    assert "http.response.debug" in app.extensions


def test_a_path_is_sent_as_the_whole_body(file: Path) -> None:
    app = Sends(OK, {"type": "http.response.pathsend", "path": str(file)})
    head, _, body = ask(app).partition(b"\r\n\r\n")
    assert f"content-length: {file.stat().st_size}".encode() in head
    assert body == file.read_bytes()
    assert not app.errors


def test_a_relative_path_is_one_from_the_working_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    app = Sends(OK, {"type": "http.response.pathsend", "path": file.name})
    assert ask(app).partition(b"\r\n\r\n")[2] == file.read_bytes()
    assert not app.errors


def test_a_path_is_not_sent_in_answer_to_head(file: Path) -> None:
    app = Sends(OK, {"type": "http.response.pathsend", "path": str(file)})
    answer = ask(app, "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert f"content-length: {file.stat().st_size}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("no/such/file", FileNotFoundError),
        ("/no/such/file", FileNotFoundError),
        ("/", IsADirectoryError),
        ("/dev/null", OSError),
        ("/tmp/a\0b", ValueError),
        (None, TypeError),
        (3, TypeError),
        (..., TypeError),
    ],
    ids=str,
)
def test_a_path_that_cannot_be_sent_is_refused_before_anything_leaves(path: Any, error: type[Exception]) -> None:
    app = Sends(OK, {"type": "http.response.pathsend", "path": path}, {**LAST, "body": b"instead"})
    if path is ...:
        del app.messages[1]["path"]
    assert ask(app).endswith(b"\r\n\r\ninstead")
    assert [type(one) for one in app.errors] == [error]


def test_a_path_that_is_not_as_long_as_was_said_is_refused(file: Path) -> None:
    start = {**OK, "headers": [(b"content-length", b"5")]}
    app = Sends(start, {"type": "http.response.pathsend", "path": str(file)}, {**LAST, "body": b"12345"})
    assert ask(app).endswith(b"\r\n\r\n12345")
    assert [type(one) for one in app.errors] == [outrider.ProtocolError]


def test_parts_of_files_are_sent_from_where_they_stand_or_are_said_to_begin(file: Path) -> None:
    content = file.read_bytes()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(OK)
        with file.open("rb") as opened:
            assert opened.read(10) == content[:10]
            message = {"type": "http.response.zerocopysend", "file": opened, "more_body": True}
            await send({**message, "count": 90})
            assert opened.tell() == 100
            await send({**message, "count": 100, "offset": 1000})
            assert opened.tell() == 100
            await send({**message, "file": opened.fileno(), "offset": 3, "count": 0})
            await send({**message, "more_body": False})

    body = ask(app).partition(b"\r\n\r\n")[2]
    pieces = []
    while True:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            break
        pieces.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    assert pieces == [content[10:100], content[1000:1100], content[100:]]


def test_a_file_may_be_closed_once_it_was_sent(file: Path) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(OK)
        with file.open("rb") as opened:
            await send({"type": "http.response.zerocopysend", "file": opened})

    before = len(os.listdir("/proc/self/fd"))
    assert ask(app).endswith(file.read_bytes())
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"count": 10_000_000}, ValueError),
        ({"offset": 10_000_000, "count": 1}, ValueError),
        ({"offset": -1}, ValueError),
        ({"count": -1}, ValueError),
        ({"count": 2**80}, ValueError),
        ({"count": "1"}, TypeError),
        ({"offset": 1.0}, TypeError),
        ({"count": True}, TypeError),
        ({"file": None}, TypeError),
        ({"file": ...}, TypeError),
        ({"file": -1}, ValueError),
        ({"file": "pipe"}, OSError),
    ],
    ids=str,
)
def test_a_part_of_a_file_that_cannot_be_sent_is_refused(
    file: Path, message: dict[str, Any], error: type[Exception]
) -> None:
    reading, writing = os.pipe()
    with file.open("rb") as opened:
        asked = {"type": "http.response.zerocopysend", "file": opened, **message}
        if asked["file"] is ...:
            del asked["file"]
        elif asked["file"] == "pipe":
            asked["file"] = reading
        app = Sends(OK, asked, {**LAST, "body": b"instead"})
        assert ask(app).endswith(b"\r\n\r\ninstead")
        assert [type(one) for one in app.errors] == [error]
    os.close(reading)
    os.close(writing)


def test_a_client_that_does_not_take_a_file_suspends_send_and_may_go(file: Path) -> None:
    outcome: list[str] = []
    ended = threading.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await send(OK)
            for _ in range(1000):
                with file.open("rb") as opened:
                    await send({"type": "http.response.zerocopysend", "file": opened, "more_body": True})
        except OSError as error:
            outcome.append(type(error).__name__)
        finally:
            ended.set()

    with outrider.serve(app, lifespan="off") as server:
        with WireClient(server) as client:
            client.send(GET)
            assert client.socket.recv(1)
        assert ended.wait(10)
    assert outcome == ["ClientDisconnected"]


def test_trailers_follow_the_body() -> None:
    app = Sends(
        {**OK, "trailers": True},
        {**LAST, "body": b"abc"},
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"6")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": iter([[b"x-more", b""]])},
    )
    assert ask(app).endswith(b"\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 6\r\nx-more: \r\n\r\n")
    assert not app.errors


def test_trailers_follow_a_file(file: Path) -> None:
    app = Sends(
        {**OK, "trailers": True},
        {"type": "http.response.pathsend", "path": str(file)},
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"6")]},
    )
    assert ask(app).endswith(file.read_bytes()[-10:] + b"\r\n0\r\nx-sum: 6\r\n\r\n")


@pytest.mark.parametrize(
    "messages",
    [
        [OK, {"type": "http.response.trailers"}, LAST],
        [{**OK, "trailers": True}, {"type": "http.response.trailers"}, LAST, {"type": "http.response.trailers"}],
        [{**OK, "trailers": True}, LAST, LAST, {"type": "http.response.trailers"}],
        [{**OK, "trailers": True}, LAST, OK, {"type": "http.response.trailers"}],
        [OK, LAST, {"type": "http.response.trailers"}],
        [
            {**OK, "trailers": True},
            LAST,
            {"type": "http.response.trailers", "headers": [(b"content-length", b"3")]},
            {"type": "http.response.trailers"},
        ],
    ],
)
def test_trailers_out_of_order_are_refused_and_the_response_is_as_if_they_had_not_been(messages: Any) -> None:
    app = Sends(*messages)
    assert ask(app).endswith(b"\r\n\r\n")
    assert [type(one) for one in app.errors] == [outrider.ProtocolError]


def test_trailers_that_do_not_come_cut_the_connection() -> None:
    app = Sends({**OK, "trailers": True}, {**LAST, "body": b"abc"})
    with outrider.serve(app, lifespan="off") as server, WireClient(server) as client:
        client.send(GET)
        assert not client.read_to_end().endswith(b"0\r\n\r\n")
        assert "before its response was complete" in str(server.errors[0])


def test_early_hints_come_before_the_response_as_often_as_they_are_sent() -> None:
    hint = {"type": "http.response.early_hint"}
    app = Sends({**hint, "links": [b"</a>", b"</b>"]}, {**hint, "links": []}, {**hint, "links": (b"</c>",)}, OK, LAST)
    answer = ask(app)
    assert answer.startswith(
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nlink: </c>\r\n\r\nHTTP/1.1 200 OK\r\n"
    )
    assert not app.errors
    assert ask(app, "GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("hint", "error"),
    [
        ({"links": [b"a\r\nb"]}, outrider.ProtocolError),
        ({"links": ["</a>"]}, TypeError),
        ({"links": b"</a>"}, TypeError),
        ({}, TypeError),
    ],
    ids=str,
)
def test_an_early_hint_that_is_wrong_is_refused(hint: Any, error: type[Exception]) -> None:
    app = Sends({"type": "http.response.early_hint", **hint}, OK, LAST)
    assert ask(app).startswith(b"HTTP/1.1 200 OK\r\n")
    assert [type(one) for one in app.errors] == [error]


def test_an_early_hint_that_is_late_is_refused() -> None:
    app = Sends(OK, {"type": "http.response.early_hint", "links": [b"</a>"]}, LAST)
    assert ask(app).startswith(b"HTTP/1.1 200 OK\r\n")
    assert [type(one) for one in app.errors] == [outrider.ProtocolError]


def test_what_is_said_for_debugging_reaches_who_asked_for_it() -> None:
    told: list[Any] = []
    app = Sends({"type": "http.response.debug", "info": {"template": "x.html"}}, OK, LAST)
    assert b"200 OK" in ask(app, on_debug=lambda line, info: told.append((line, info)))
    assert told == [("GET /", {"template": "x.html"})]
    assert not app.errors
    ask(app)
    assert [type(one) for one in app.errors] == [ValueError]  # not offered
    with pytest.raises(TypeError, match="on_debug"):
        outrider.serve("apps.hello:app", isolation="process", on_debug=print)


def test_what_the_listener_of_debugging_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fails(line: str, info: Any) -> None:
        raise RuntimeError("not today")

    app = Sends({"type": "http.response.debug", "info": {}}, OK, LAST)
    assert b"200 OK" in ask(app, on_debug=fails)
    assert "not today" in caplog.text


ABORT = {"type": "outrider.abort"}
PIECE = {"type": "http.response.body", "body": b"piece", "more_body": True}
HINT = {"type": "http.response.early_hint", "links": [b"</a>"]}
SIZED = {**OK, "headers": [(b"content-length", b"100")]}


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        ((), b""),
        ((OK,), b""),  # a head leaves with the first content
        ((OK, {**PIECE, "body": b""}), b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
        (
            (OK, PIECE),
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\npiece\r\n",
        ),
        ((SIZED, PIECE), b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\npiece"),
        (
            (HINT,),
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
        ),
    ],
    ids=["nothing", "start", "head", "chunk", "part of the length", "hint"],
)
def test_an_abort_ends_the_connection_behind_what_was_sent(
    messages: tuple[Message, ...], left: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = Sends(*messages, ABORT)
    with (
        outrider.serve(app, lifespan="off", date_header=False, server_header=False) as server,
        WireClient(server) as client,
    ):
        client.send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        assert client.read_to_end() == left
        server.quiesce()
        assert not app.errors
        assert not server.errors
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_answers_before_an_aborted_one_still_arrive_and_requests_behind_it_are_not_answered() -> None:
    asked: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        asked.append(scope["path"])
        await send({**OK, "headers": [(b"content-length", b"4")]})
        if scope["path"] == "/bad":
            await send({**PIECE, "body": b"ba"})
            await send(ABORT)
        else:
            await send({**LAST, "body": b"good"})

    with outrider.serve(app, lifespan="off", date_header=False, server_header=False) as server:
        with WireClient(server) as client:
            client.send("".join(GET.replace(" / ", f" /{path} ") for path in ("good", "bad", "behind")))
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
            assert client.read_to_end() == answer + b"good" + answer + b"ba"
        server.quiesce()
    assert asked == ["/good", "/bad"]


def test_after_an_abort_the_application_hears_of_the_end_and_whatever_it_sends_is_refused() -> None:
    heard: list[str] = []
    errors: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send(ABORT)
        heard.append((await receive())["type"])
        for message in (OK, LAST, ABORT):
            try:
                await send(message)
            except outrider.ProtocolError as error:
                errors.append(error)

    assert ask(app) == b""
    assert heard == ["http.disconnect"]
    assert len(errors) == 3
    assert all("after 'outrider.abort', which has ended the connection" in str(error) for error in errors)


def test_an_abort_behind_a_complete_response_is_refused_and_one_of_a_client_that_has_gone_does_nothing() -> None:
    app = Sends(OK, LAST, ABORT)
    assert ask(app).startswith(b"HTTP/1.1 200 OK")
    assert [type(error) for error in app.errors] == [outrider.ProtocolError]
    ended = threading.Event()

    async def waits(scope: Message, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await send(ABORT)
        ended.set()

    with outrider.serve(waits, lifespan="off") as server:
        with WireClient(server) as client:
            client.send(GET)
        assert ended.wait(10)
        server.quiesce()
        assert server.errors == []


def test_what_is_raised_after_an_abort_is_an_error_of_the_application() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(ABORT)
        raise ArithmeticError

    with outrider.serve(app, lifespan="off") as server, WireClient(server) as client:
        client.send(GET)
        assert client.read_to_end() == b""
        server.quiesce()
        assert [type(error) for error in server.errors] == [ArithmeticError]
