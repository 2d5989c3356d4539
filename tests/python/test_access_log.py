"""The access log, through logging and written by the engine; requests' ids; the engine's own answers in the log."""

from __future__ import annotations

import http.client
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.plain_asgi import Message, Receive, Send
from outrider._config import Config
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]

UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def app(scope: Message, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    if scope["path"] == "/raise":
        raise LookupError("no such thing")
    headers = [(name, value) for name, value in scope["headers"] if name == b"x-request-id"]
    seen = b",".join(value for _, value in headers)
    own = [(b"x-request-id", b"mine")] if scope["path"] == "/own" else []
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-seen", seen), *own]})
    if scope["path"] == "/cut":
        await send({"type": "http.response.body", "body": b"12345", "more_body": True})
        raise ConnectionError("in the middle")
    await send({"type": "http.response.body", "body": b"hello"})


def serve(**options: Any) -> outrider.Server:
    return outrider.serve(app, lifespan="off", **options)


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "outrider.access"]


# --- through logging -----------------------------------------------------------------------------------------------


def test_a_record_has_its_line_and_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "outrider"), serve() as server, WireClient(server) as client:
        client.send("GET /a?b HTTP/1.1\r\nHost: example.com\r\nUser-Agent: \xff\r\n\r\n")
        client.answer()
    (record,) = records(caplog)
    assert re.fullmatch(r'127\.0\.0\.1:\d+ - "GET /a\?b HTTP/1\.1" 200 \d+\.\d{3} ms', record.getMessage())
    assert record.levelno == logging.INFO
    fields = vars(record)
    assert fields["duration_us"] > 0 and fields["client_port"] > 0
    expected = {"client": "127.0.0.1", "method": "GET", "target": "/a?b", "protocol": "HTTP/1.1", "status": 200}
    expected |= {"host": "example.com", "complete": True, "bytes": 5, "request_id": None}
    expected |= {"user_agent": "�", "referer": None}
    assert {name: fields[name] for name in expected} == expected


def test_the_format_is_the_option(caplog: pytest.LogCaptureFixture) -> None:
    options = {"access_log_format": '%m %U %s %B 100%% "%{x-seen}o"'}
    with caplog.at_level(logging.INFO, "outrider"), serve(**options) as server, WireClient(server) as client:
        client.get("/a?b")
    assert records(caplog)[0].getMessage() == 'GET /a 200 5 100% ""'.replace('""', '"-"')


def test_the_level_may_change_while_the_server_runs(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("outrider.access")
    before = logger.level
    with caplog.at_level(logging.INFO, "outrider"), serve() as server, WireClient(server) as client:
        try:
            client.get("/one")
            logger.setLevel(logging.WARNING)
            client.get("/two")
            logger.setLevel(logging.INFO)
            client.get("/three")
            logging.disable(logging.INFO)
            client.get("/four")
            logging.disable(logging.NOTSET)
            client.get("/five")
        finally:
            logging.disable(logging.NOTSET)
            logger.setLevel(before)
    assert [vars(record)["target"] for record in records(caplog)] == ["/one", "/three", "/five"]


def test_a_logger_that_remembers_its_levels_otherwise_is_asked_each_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory(dict[int, bool]):
        """Not the dict that the engine would look into."""

    logger = logging.getLogger("outrider.access")
    monkeypatch.setattr(logger, "_cache", Memory())
    with caplog.at_level(logging.INFO, "outrider"), serve() as server, WireClient(server) as client:
        client.get("/one")
        logging.getLogger("outrider").setLevel(logging.WARNING)
        client.get("/two")
    assert [vars(record)["target"] for record in records(caplog)] == ["/one"]


def test_a_response_that_is_cut_short_shows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "outrider"), serve() as server, WireClient(server) as client:
        client.send("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises(http.client.IncompleteRead):
            client.answer()
    (record,) = records(caplog)
    assert '"GET /cut HTTP/1.1" 200 (cut short) ' in record.getMessage()
    assert vars(record)["complete"] is False
    assert vars(record)["bytes"] == 5


def test_a_filter_of_the_logger_sees_the_fields(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("outrider.access")

    def drops_health(record: logging.LogRecord) -> bool:
        return vars(record)["target"] != "/health"

    logger.addFilter(drops_health)
    try:
        with caplog.at_level(logging.INFO, "outrider"), serve() as server, WireClient(server) as client:
            client.get("/health")
            client.get("/other")
    finally:
        logger.removeFilter(drops_health)
    assert [vars(record)["target"] for record in records(caplog)] == ["/other"]


# --- written by the engine -----------------------------------------------------------------------------------------


def test_the_engine_writes_combined_lines_to_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "access.log"
    file.write_text("before\n")
    with (
        caplog.at_level(logging.INFO, "outrider"),
        serve(access_log_file=str(file)) as server,
        WireClient(server) as client,
    ):
        client.get("/a?b")
        client.get("/own")
    lines = file.read_text().splitlines()
    assert lines[0] == "before"
    assert len(lines) == 3
    pattern = r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /a\?b HTTP/1\.1" 200 5 "-" "-"'
    assert re.fullmatch(pattern, lines[1])
    assert not records(caplog)


def test_json_lines_are_json_whatever_a_client_sends(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    options = {"access_log_file": str(file), "access_log_format": "json", "request_id": "x-request-id"}
    agents = [bytes([byte]) for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte == 9]
    agents += [b'"}\\', "é€😀\u2028\u0085".encode(), b"\xed\xa0\x80\xf5\xc0\xaf"]
    with serve(**options) as server, WireClient(server) as client:
        for agent in agents:
            client.send(b"GET /x HTTP/1.1\r\nHost: a\r\nUser-Agent: a" + agent + b"z\r\n\r\n")
            client.answer()
    text = file.read_text("ascii")
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == len(agents) == text.count("\n")
    for line, agent in zip(lines, agents, strict=True):
        assert line["user_agent"] == (b"a" + agent + b"z").decode("utf-8", "replace") or b"\xed" in agent
        assert UUID7.fullmatch(line["request_id"])
        assert (line["status"], line["bytes"], line["complete"], line["method"]) == (200, 5, True, "GET")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"])
    assert lines[-1]["user_agent"] == "a" + "�" * 6 + "z"
    assert list(lines[0]) == [
        *("time", "client", "client_port", "method", "target", "protocol", "host", "status", "complete", "bytes"),
        *("duration_us", "user_agent", "referer", "request_id"),
    ]


def test_the_lines_of_a_loop_are_there_when_the_response_is(tmp_path: Path, loop: str, eventually: Eventually) -> None:
    file = tmp_path / "access.log"
    options = {"access_log_file": str(file), "access_log_format": "%U", "loop": loop}

    async def later(scope: Message, receive: Receive, send: Send) -> None:
        import asyncio

        await asyncio.sleep(0.001)  # the response ends outside of the engine's pass
        await app(scope, receive, send)

    with outrider.serve(later, lifespan="off", **options) as server, WireClient(server) as client:
        client.get("/one")
        eventually(lambda: file.read_text() == "/one\n")
        client.get("/two")
        eventually(lambda: file.read_text() == "/one\n/two\n")


def test_a_file_that_was_renamed_is_opened_again(tmp_path: Path) -> None:
    file, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    options = {"access_log_file": str(file), "access_log_format": "%U"}
    with serve(**options) as server, WireClient(server) as client:
        client.get("/one")
        file.rename(rotated)
        client.get("/two")
        server.reopen_access_log()
        client.get("/three")
        file.unlink()
        file.mkdir()
        with pytest.raises(IsADirectoryError, match=re.escape(str(file))):
            server.reopen_access_log()
    assert rotated.read_text() == "/one\n/two\n"
    with pytest.raises(outrider.StateError, match="stopped"):
        server.reopen_access_log()


def test_only_a_file_of_the_servers_own_can_be_opened_again() -> None:
    with serve() as server, pytest.raises(outrider.StateError, match="access_log_file=None"):
        server.reopen_access_log()


def test_a_descriptor_that_nobody_reads_holds_no_request_up(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    options = {"access_log_file": writing, "access_log_format": "%m " + "p" * 10_000}
    try:
        with (
            caplog.at_level(logging.WARNING, "outrider"),
            serve(**options) as server,
            WireClient(server) as client,
        ):
            for _ in range(250):  # more than the pipe and the buffer take
                assert client.get().body == b"hello"
            assert os.get_blocking(writing)
        messages = [record.getMessage() for record in caplog.records]
        assert len(messages) == 2
        assert f"descriptor {writing} takes nothing: lines are lost until its reader goes on" in messages[0]
        found = re.search(r"ends without (\d+) lines", messages[1])
        assert found and 150 < int(found[1]) < 250
        assert os.read(reading, 1024).startswith(b"GET pppp")
    finally:
        os.close(reading)
        os.close(writing)


def test_a_full_disk_is_said_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "outrider"),
        serve(access_log_file="/dev/full") as server,
        WireClient(server) as client,
    ):
        for _ in range(3):
            assert client.get().status == 200
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "/dev/full: No space left on device" in messages[0]
    assert "ends without 3 lines" in messages[1]


def test_a_log_that_cannot_be_opened_fails_the_start_by_name(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "access.log")
    with pytest.raises(outrider.StartError, match=re.escape(path)) as caught:
        serve(access_log_file=path).start()
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_server_in_a_process_of_its_own_logs_and_opens_again(tmp_path: Path, eventually: Eventually) -> None:
    file, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    options = {"access_log_file": str(file), "access_log_format": "%U %L", "request_id": "x-request-id"}
    target = "test_access_log:app"
    with (
        outrider.serve(target, isolation="process", lifespan="off", **options) as server,
        WireClient(server) as client,
    ):
        seen = client.get("/one").header("x-request-id")
        eventually(lambda: file.read_text() == f"/one {seen}\n")
        file.rename(rotated)
        server.reopen_access_log()
        client.get("/two")
        eventually(lambda: file.read_text().startswith("/two "))
        assert server.requests[0].request_id == seen
        client.get("/raise")
        assert "during GET /raise (request id " in str(server.errors[0].__cause__)
    assert rotated.read_text() == f"/one {seen}\n"


def test_the_command_writes_the_log_to_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "outrider", "test_access_log:app", "--app-dir", str(Path(__file__).parent)]
    options = ["--port", "0", "--lifespan", "off", "--access-log-file", "-", "--access-log-format", "%m %U %s"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    found = re.search(r"serving on (http://\S+)", process.stderr.readline())
    assert found
    subprocess.run(["curl", "-sf", f"{found[1]}/from/curl"], check=True, capture_output=True, timeout=20)
    assert process.stdout.readline() == "GET /from/curl 200\n"
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert output == ""
    assert "/from/curl" not in errors
    assert process.returncode == 0


# --- requests' ids -------------------------------------------------------------------------------------------------


def test_each_request_has_an_id_that_the_application_and_the_client_see() -> None:
    with serve(request_id="X-Request-ID") as server, WireClient(server) as client:
        answers = [client.get("/one"), client.get("/two")]
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: forged\r\n\r\n")
        answers.append(client.answer())
        ids = [answer.header("x-request-id") for answer in answers]
        assert [answer.header("x-seen") for answer in answers] == ids
        assert all(id is not None and UUID7.fullmatch(id) for id in ids)
        assert len(set(ids)) == 3
        assert [record.request_id for record in server.requests] == ids


def test_a_trusted_id_is_kept_and_one_of_the_applications_own_goes_out() -> None:
    options = {"request_id": "x-request-id", "trust_request_id": True}
    with serve(**options) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: from-the-proxy\r\n\r\n")
        answer = client.answer()
        assert answer.header("x-seen") == answer.header("x-request-id") == "from-the-proxy"
        client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: not "valid"\r\n\r\n')
        answer = client.answer()
        assert UUID7.fullmatch(answer.header("x-request-id") or "")
        answer = client.get("/own")
        assert [value for name, value in answer.headers if name.lower() == "x-request-id"] == ["mine"]


def test_an_exception_is_logged_and_kept_with_the_requests_id(caplog: pytest.LogCaptureFixture) -> None:
    with serve(request_id="x-request-id") as server, WireClient(server) as client:
        id = client.get("/raise").header("x-request-id")
        (error,) = server.errors
    assert UUID7.fullmatch(id or "")
    assert error.__notes__ == [f"during GET /raise (request id {id})"]
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f"the application raised an exception during GET /raise (request id {id})"


def test_without_the_option_there_is_no_id() -> None:
    with serve() as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: theirs\r\n\r\n")
        answer = client.answer()
        assert answer.header("x-seen") == "theirs"
        assert answer.header("x-request-id") is None
        client.get("/raise")
        assert not hasattr(server.errors[0], "__notes__")
        assert server.requests[0].request_id == ""


# --- the engine's own answers --------------------------------------------------------------------------------------


def test_what_the_engine_refuses_is_told_at_level_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "outrider"), serve() as server:
        with WireClient(server) as client:
            client.send("GET / HTTP/1.1\r\n\r\n")
            assert client.answer().status == 400
        logging.getLogger("outrider").setLevel(logging.INFO)
        with WireClient(server) as client:
            client.send("GET / HTTP/9.9\r\n\r\n")
            assert client.answer().status == 505
    messages = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert len(messages) == 1
    assert re.fullmatch(r"refused a request of 127\.0\.0\.1:\d+ with 400: .+", messages[0])
    assert not records(caplog)


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_log_format": "combind"}, "'combind' is no name.*common, combined, json, plain.*%h"),
        ({"access_log_format": "%h %y"}, "the directive '%y'"),
        ({"access_log_format": "%h\n"}, "a line break"),
        ({"access_log_format": 3}, "access_log_format=3"),
        ({"access_log_file": ""}, "access_log_file='' is no file"),
        ({"access_log_file": -1}, "access_log_file=-1"),
        ({"access_log_file": 1.5}, "access_log_file=1.5"),
        ({"access_log_file": True}, "access_log_file=True"),
        ({"access_log_file": "x", "access_log": False}, "access_log_file='x' is of no use with access_log=False"),
        ({"access_log_format": "json", "access_log": False}, "access_log_format='json' is of no use"),
        ({"access_log_file": 1, "isolation": "process"}, "access_log_file=1 is a descriptor"),
        ({"request_id": "x y"}, "request_id is 'x y'.*try x-request-id"),
        ({"request_id": ""}, "request_id is ''"),
        ({"request_id": "Host"}, "request_id is 'Host'"),
        ({"trust_request_id": True}, "trust_request_id=True needs request_id"),
    ],
    ids=str,
)
def test_a_mistake_in_the_options_of_the_log_is_named_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Config("main:app", **options)


def test_gunicorns_names_and_formats_are_taken() -> None:
    gunicorns = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
    config = Config(app, accesslog="-", access_log_format=gunicorns)
    assert config.access_log_file == "-"
