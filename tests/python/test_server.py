"""The handle: start, address, stop, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import outrider
import pytest
from wire_client import WireClient

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

OK = {"type": "http.response.start", "status": 200, "headers": []}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send(OK)
    await send({"type": "http.response.body", "body": b"hello"})


class Stream:
    """An endless response; says when it has begun, and how it ended."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("no lifespan")
        await receive()
        await send(OK)
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        self.begun.set()
        try:
            self.end = (await receive())["type"]
        except asyncio.CancelledError:
            self.end = "cancelled"
            raise


def test_a_server_is_known_by_its_url_and_serves_until_the_with_block_ends() -> None:
    with outrider.serve(app) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.addresses == [("127.0.0.1", server.port)]
        with WireClient(server) as client:
            assert client.get().body == b"hello"
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_same_port_can_be_bound_again_at_once() -> None:
    with outrider.serve(app) as server:
        port = server.port
        with WireClient(server) as client:
            client.get()
    with outrider.serve(app, port=port) as server, WireClient(server) as client:
        assert client.get().status == 200


def test_a_server_can_be_started_again_after_it_stopped() -> None:
    server = outrider.serve(app)
    for _ in range(3):
        with server, WireClient(server) as client:
            assert client.get().status == 200


def test_ipv6_is_served() -> None:
    try:
        server = outrider.serve(app, host="::1").start()
    except outrider.BindError:
        pytest.skip("this machine has no IPv6 loopback address")
    with WireClient(server) as client:
        assert client.get().status == 200
    assert server.url == f"http://[::1]:{server.port}"
    server.stop()


def test_a_socket_of_the_callers_is_served_and_stays_the_callers() -> None:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        with outrider.serve(app, fd=mine.fileno()) as server:
            assert server.port == mine.getsockname()[1]
            with WireClient(server) as client:
                assert client.get().status == 200
        assert mine.fileno() >= 0
        with outrider.serve(app, sockets=[mine]) as server, WireClient(server) as client:
            assert client.get().status == 200


def test_several_servers_run_at_once() -> None:
    servers = [outrider.serve(app).start() for _ in range(5)]
    assert len({server.port for server in servers}) == 5
    for server in servers:
        with WireClient(server) as client:
            assert client.get().status == 200
        server.stop()


# --- start that fails ---


def assert_nothing_is_left(threads: int) -> None:
    assert threading.active_count() == threads


def test_a_taken_port_raises_a_bind_error_that_names_the_address() -> None:
    with outrider.serve(app) as server:
        threads = threading.active_count()
        with pytest.raises(outrider.BindError, match=f"127.0.0.1:{server.port}") as caught:
            outrider.serve(app, port=server.port).start()
        assert caught.value.errno == errno.EADDRINUSE
        assert isinstance(caught.value, OSError)
        assert_nothing_is_left(threads)


def test_a_host_that_is_not_known_raises_a_bind_error() -> None:
    with pytest.raises(outrider.BindError, match=r"no-such-host\.invalid"):
        outrider.serve(app, host="no-such-host.invalid").start()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "not of the form"),
        ("no_such_module:app", "no module 'no_such_module'"),
        ("sys:no_such_thing", "no attribute 'no_such_thing'"),
        ("sys:version", "can't be called"),
    ],
)
def test_an_application_that_cannot_be_had_raises_an_import_error(name: str, words: str) -> None:
    with pytest.raises(outrider.AppImportError, match=words):
        outrider.serve(name).start()


def test_an_exception_while_importing_is_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "breaks_on_import.py").write_text("raise KeyError('missing setting')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(outrider.AppImportError, match="missing setting") as caught:
        outrider.serve("breaks_on_import:app").start()
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_module_that_exits_while_it_is_imported_ends_the_start_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(4)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(outrider.AppImportError, match=r"SystemExit: 4 \(.*exits.py, line 2\)") as caught:
        outrider.serve("exits:app").start()
    assert isinstance(caught.value.__cause__, SystemExit)


def test_an_async_factory_is_refused() -> None:
    async def make() -> Any:
        return app

    with pytest.raises(outrider.AppImportError, match="is async"):
        outrider.serve(make, factory=True).start()


def test_a_file_name_for_a_module_is_said_to_be_one() -> None:
    with pytest.raises(outrider.AppImportError, match="write main:app"):
        outrider.serve("main.py:app").start()


def test_a_factory_is_called_and_its_exception_is_the_cause() -> None:
    with outrider.serve(lambda: app, factory=True) as server, WireClient(server) as client:
        assert client.get().status == 200

    def broken() -> Any:
        raise KeyError("no database")

    with pytest.raises(outrider.AppImportError, match="no database") as caught:
        outrider.serve(broken, factory=True).start()
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_exception_in_the_lifespan_startup_is_the_cause() -> None:
    async def broken(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        raise KeyError("no database")

    threads = threading.active_count()
    with pytest.raises(outrider.LifespanError, match="no database") as caught:
        outrider.serve(broken).start()
    assert isinstance(caught.value.__cause__, KeyError)
    assert_nothing_is_left(threads)


def test_a_startup_that_the_application_refuses_raises_with_its_message() -> None:
    async def broken(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "out of coffee"})

    with pytest.raises(outrider.LifespanError, match="out of coffee"):
        outrider.serve(broken).start()


def test_a_server_whose_start_failed_can_be_started_again() -> None:
    with outrider.serve(app) as other:
        server = outrider.serve(app, port=other.port)
        with pytest.raises(outrider.BindError):
            server.start()
        assert server.state == "failed"
        with pytest.raises(outrider.BindError):
            server.wait_ready()
    with server, WireClient(server) as client:
        assert client.get().status == 200


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_an_application_without_lifespan_is_served(mode: str) -> None:
    stream = Stream()
    with outrider.serve(stream, lifespan=mode) as server:
        assert server.stop().lifespan == "off"


def test_lifespan_on_makes_an_application_without_one_fail() -> None:
    with pytest.raises(outrider.LifespanError):
        outrider.serve(Stream(), lifespan="on").start()


@pytest.mark.parametrize(
    "options",
    [
        {"port": -1},
        {"port": 70000},
        {"port": "8000"},
        {"port": True},
        {"port": 80.5},
        {"port": None},
        {"host": None},
        {"host": b"127.0.0.1"},
        {"host": "[::1]"},
        {"uds": "x", "fd": 3},
        {"uds": 3},
        {"fd": -1},
        {"lifespan": "maybe"},
        {"lifespan": True},
        {"loop": 3},
        {"isolation": None},
        {"isolation": "somewhere"},
        {"root_path": 3},
        {"access_log": "yes"},
        {"backlog": 0},
        {"request_log": -1},
        {"head_bytes_max": -5},
        {"head_bytes_max": 1.5},
        {"head_bytes_max": 0},
        {"request_line_bytes_max": 0},
        {"header_count_max": 0},
        {"connections_max": -1},
        {"timeout_head": -1},
        {"timeout_head": float("nan")},
        {"timeout_keep_alive": "5"},
        {"timeout_graceful_shutdown": "x"},
        {"timeout_lifespan": -1},
        {"log_level": "loud"},
    ],
    ids=str,
)
def test_a_bad_option_is_refused_by_name_when_the_config_is_made(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        outrider.serve(app, **options)


def test_an_unknown_option_is_refused_with_what_may_have_been_meant() -> None:
    with pytest.raises(TypeError, match="no option 'no_such_option'"):
        outrider.serve(app, no_such_option=1)
    with pytest.raises(TypeError, match="did you mean timeout_keep_alive"):
        outrider.serve(app, timeout_keepalive=1)
    with pytest.raises(TypeError, match="did you mean 8000"):
        outrider.serve(app, port="8000")


def test_a_loop_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(outrider.StartError, match="loop='trio' is not"):
        outrider.serve(app, loop="trio").start()


@pytest.mark.parametrize(
    "options",
    [
        {"reload": False, "workers": 1, "log_config": None, "proxy_headers": False, "use_colors": False},
        {"http": "h11", "ws": "none", "interface": "asgi3", "app_dir": "", "env_file": None, "headers": []},
        {"ssl_keyfile": None, "ssl_certfile": None, "limit_concurrency": None, "limit_max_requests": None},
    ],
)
def test_options_of_uvicorns_that_ask_for_nothing_are_taken(options: dict[str, Any]) -> None:
    with outrider.serve(app, **options) as server, WireClient(server) as client:
        assert client.get().body == b"hello"


@pytest.mark.parametrize(
    "options",
    [{"reload": True}, {"workers": 4}, {"ssl_keyfile": "key.pem"}, {"proxy_headers": True}, {"ws": "wsproto"}],
)
def test_options_of_uvicorns_that_ask_for_something_are_refused_with_the_reason(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(options))}=.*an option of uvicorn's, can't be had: "):
        outrider.Config(app, **options)


# --- stop ---


def test_stop_reports_the_lifespan_and_can_be_called_again() -> None:
    server = outrider.serve(app).start()
    report = server.stop()
    assert report.lifespan == "completed"
    assert server.stop() is report
    assert "lifespan completed" in str(report)


def test_stop_before_start_and_after_a_failed_start_return() -> None:
    assert outrider.serve(app).stop().completed == 0
    server = outrider.serve("no_such_module:app")
    with pytest.raises(outrider.AppImportError):
        server.start()
    server.stop()


def test_stop_from_many_threads_gives_everyone_the_report() -> None:
    server = outrider.serve(app).start()
    reports: list[outrider.StopReport] = []
    threads = [threading.Thread(target=lambda: reports.append(server.stop())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 8
    assert all(report is reports[0] for report in reports)


def test_an_endless_stream_is_told_at_once_and_the_stop_is_quick() -> None:
    stream = Stream()
    with outrider.serve(stream) as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert stream.begun.wait(10)
        report = server.stop()
    assert stream.end == "http.disconnect"
    assert report.disconnected == 1
    assert report.elapsed < outrider.StopPolicy().grace


def test_a_request_in_the_grace_is_completed() -> None:
    begun = threading.Event()
    go_on: list[asyncio.Event] = []

    async def slow(scope: Message, receive: Receive, send: Send) -> None:
        go_on.append(asyncio.Event())
        begun.set()
        await go_on[0].wait()
        await send(OK)
        await send({"type": "http.response.body", "body": b"late"})

    with outrider.serve(slow, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.request_stop(outrider.StopPolicy(grace=30))
        loop = server._loop
        assert loop is not None
        while server.state != "draining":
            time.sleep(1e-3)
        loop.call_soon_threadsafe(go_on[0].set)
        answer = client.answer()
        assert (answer.body, answer.header("connection")) == (b"late", "close")
        assert server.stop().lifespan == "off"


@pytest.mark.parametrize("swallows", [False, True])
def test_a_handler_that_does_not_listen_is_cancelled_and_then_cut_off(swallows: bool) -> None:
    begun = threading.Event()
    cancelled = []

    async def deaf(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(True)
                if not swallows or len(cancelled) > 2:
                    raise

    with outrider.serve(deaf, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        report = server.stop(outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=0.05))
    assert (report.cancelled, report.aborted) == ((0, 1) if swallows else (1, 0))
    assert cancelled


def test_a_second_stop_makes_the_first_hurry() -> None:
    begun = threading.Event()

    async def deaf(scope: Message, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(3600)

    with outrider.serve(deaf, lifespan="off") as server, WireClient(server) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert begun.wait(10)
        server.request_stop(outrider.StopPolicy(grace=3600))
        server.request_stop(outrider.StopPolicy.immediate())
        assert server.stop().elapsed < 60


def test_a_background_task_behind_a_complete_response_is_waited_for() -> None:
    done = []

    async def with_background(scope: Message, receive: Receive, send: Send) -> None:
        await send(OK)
        await send({"type": "http.response.body", "body": b"x"})
        await asyncio.sleep(0.05)
        done.append(True)

    with outrider.serve(with_background, lifespan="off") as server, WireClient(server) as client:
        client.get()
    assert done == [True]


def test_an_idle_connection_is_closed_in_order() -> None:
    with outrider.serve(app) as server, WireClient(server) as client:
        client.get()
        server.stop()
        assert client.read_to_end() == b""


def test_stop_in_a_handler_asks_for_the_stop_and_the_handlers_response_is_sent() -> None:
    reports: list[outrider.StopReport] = []

    async def stops(scope: Message, receive: Receive, send: Send) -> None:
        reports.append(server.stop())
        await send(OK)
        await send({"type": "http.response.body", "body": b"bye"})

    server = outrider.serve(stops, lifespan="off").start()
    with WireClient(server) as client:
        assert client.get().body == b"bye"
    assert reports[0].lifespan == "pending"
    assert server.stop().lifespan == "off"


def test_an_exception_in_the_with_block_stops_the_server_and_goes_on() -> None:
    with pytest.raises(KeyError), outrider.serve(app) as server:
        raise KeyError("mine")
    assert server.state == "stopped"


def test_threads_and_descriptors_are_as_before() -> None:
    def count() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with outrider.serve(app) as server, WireClient(server) as client:
        client.get()
    before = count()
    for _ in range(20):
        with outrider.serve(app) as server, WireClient(server) as client:
            client.get()
    assert count() == before


# --- beside the program ---


def test_call_and_run_coroutine_run_on_the_servers_loop_and_exceptions_travel() -> None:
    with outrider.serve(app) as server:
        assert server.call(threading.current_thread) is not threading.current_thread()

        async def where() -> Any:
            return asyncio.get_running_loop()

        assert server.run_coroutine(where()) is server._loop
        with pytest.raises(ZeroDivisionError):
            server.call(lambda: 1 // 0)
    with pytest.raises(outrider.StateError, match="stopped"):
        server.call(lambda: None)


def test_requests_tells_what_was_asked_even_after_the_stop() -> None:
    with outrider.serve(app) as server, WireClient(server) as client:
        client.get("/a?b=c")
        record = server.requests[0]
        assert record[:3] == ("GET", "/a?b=c", 200)
        assert record.ms >= 0
    assert len(server.requests) == 1


def test_what_the_caller_and_the_lifespan_set_is_visible_in_each_request() -> None:
    of_caller: contextvars.ContextVar[str] = contextvars.ContextVar("of_caller")
    of_lifespan: contextvars.ContextVar[str] = contextvars.ContextVar("of_lifespan")
    of_request: contextvars.ContextVar[str] = contextvars.ContextVar("of_request", default="none")

    async def reads(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            of_lifespan.set("lifespan")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        text = f"{of_caller.get()} {of_lifespan.get()} {of_request.get()}"
        of_request.set("leaked")
        await send(OK)
        await send({"type": "http.response.body", "body": text.encode()})

    of_caller.set("caller")
    with outrider.serve(reads) as server, WireClient(server) as client:
        assert [client.get().body for _ in range(2)] == [b"caller lifespan none"] * 2


def test_nothing_of_the_process_is_touched() -> None:
    def look() -> Any:
        return (
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
            list(logging.getLogger().handlers),
            list(logging.getLogger("outrider").handlers),
            logging.getLogger("outrider").level,
            os.getcwd(),
            sys.stdout,
            sys.stderr,
            sys.getswitchinterval(),
            list(sys.path),
        )

    before = look()
    with outrider.serve(app) as server, WireClient(server) as client:
        client.get()
        assert look() == before
    assert look() == before


def test_the_access_log_is_one_line_a_request_when_logging_asks_for_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "outrider"), outrider.serve(app) as server, WireClient(server) as client:
        client.get("/a?b")
    lines = [record.getMessage() for record in caplog.records if record.name == "outrider.access"]
    assert len(lines) == 1
    assert '"GET /a?b HTTP/1.1" 200' in lines[0]


def test_the_log_level_is_that_of_the_option_while_the_server_runs() -> None:
    logger = logging.getLogger("outrider")
    before = logger.level
    with outrider.serve(app, log_level="error"):
        assert logger.level == logging.ERROR
    assert logger.level == before
    with pytest.raises(outrider.AppImportError):
        outrider.serve("no_such_module:app", log_level="error").start()
    assert logger.level == before


def test_no_access_log_without_the_option(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "outrider"),
        outrider.serve(app, access_log=False) as server,
        WireClient(server) as client,
    ):
        client.get()
    assert not [record for record in caplog.records if record.name == "outrider.access"]


@pytest.mark.parametrize("awaits_first", [False, True])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_application_cannot_end_the_server_beside_a_program(kind: type[BaseException], awaits_first: bool) -> None:
    async def exits(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/exit":
            if awaits_first:
                await asyncio.sleep(0)
            raise kind()
        await app(scope, receive, send)

    with outrider.serve(exits, lifespan="off") as server, WireClient(server) as client:
        assert client.get("/exit").status == 500
        assert client.get("/").status == 200
        assert any(isinstance(error, kind) for error in server.errors)


def test_a_server_shows_itself() -> None:
    server = outrider.serve(app)
    assert repr(server) == "<outrider.Server created>"
    with server:
        assert repr(server) == f"<outrider.Server ready on {server.url}>"
        assert f'href="{server.url}"' in server._repr_html_()


def test_the_address_is_not_known_before_the_start() -> None:
    with pytest.raises(outrider.StateError, match="before it is started"):
        _ = outrider.serve(app).url


def test_starting_twice_is_refused() -> None:
    with outrider.serve(app) as server, pytest.raises(outrider.StateError, match="stop it"):
        server.start()


# --- on an event loop ---


@pytest.mark.parametrize("isolation", ["thread", "none"])
def test_async_with_serves_while_the_loop_goes_on(isolation: str) -> None:
    async def main() -> None:
        async with outrider.serve(app, isolation=isolation) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            assert (await reader.read()).endswith(b"hello")
            writer.close()
            await writer.wait_closed()
        assert server.state == "stopped"

    asyncio.run(main())


def test_serve_runs_on_the_callers_loop_until_should_exit() -> None:
    async def main() -> None:
        server = outrider.Server(outrider.Config(app, port=0))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        server.should_exit = True
        assert isinstance(await task, outrider.StopReport)

    asyncio.run(main())


def test_cancelling_serve_stops_the_server() -> None:
    async def main() -> outrider.Server:
        server = outrider.Server(outrider.Config(app, port=0))
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return server

    assert asyncio.run(main()).state == "stopped"


def test_an_async_start_that_fails_raises() -> None:
    async def main(isolation: str) -> None:
        async with outrider.serve("no_such_module:app", isolation=isolation):
            pass

    for isolation in ("thread", "none"):
        with pytest.raises(outrider.AppImportError):
            asyncio.run(main(isolation))


# --- in the foreground ---

FOREGROUND = """
import sys, outrider
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                print("shut down", flush=True)
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_run_stops_at_a_signal_and_returns(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    (tmp_path / "main.py").write_text(
        FOREGROUND + f"print('report', type(outrider.run(app, port=0, loop={loop!r})).__name__, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "serving on http://127.0.0.1:" in line
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output.splitlines() == ["shut down", "report StopReport"]
    assert process.returncode == 0


def test_a_second_signal_takes_the_grace_away_and_a_third_cuts_off(tmp_path: Path) -> None:
    # One request lets its cancellation pass, one ignores everything.
    (tmp_path / "main.py").write_text(
        "import asyncio, outrider\n"
        "async def app(scope, receive, send):\n"
        "    print('begun', flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            await asyncio.sleep(1000)\n"
        "        except asyncio.CancelledError:\n"
        "            print('cancelled', flush=True)\n"
        "            if scope['path'] == '/polite':\n"
        "                raise\n"
        "report = outrider.run(app, port=0, lifespan='off', access_log=False)\n"
        "print(report.cancelled, report.aborted, report.abandoned, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None and process.stdout is not None
    port = int(process.stderr.readline().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as two:
        for path, client in (("/polite", one), ("/stubborn", two)):
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(ConnectionRefusedError):  # until it has been seen
            while True:
                socket.create_connection(("127.0.0.1", port)).close()
        process.send_signal(signal.SIGINT)
        assert [process.stdout.readline() for _ in range(2)] == ["cancelled\n"] * 2
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert output.splitlines()[-1] == "1 1 1"
    assert process.returncode == 0


def test_a_process_that_ends_without_stop_runs_the_lifespans_shutdown(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(FOREGROUND + "server = outrider.serve(app).start()\n")
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "shut down\n"
    assert done.stderr == ""


def test_a_forked_child_ends_and_the_parents_server_goes_on(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        FOREGROUND
        + """
import os, socket, urllib.request
server = outrider.serve(app).start()
idle = socket.create_connection(("127.0.0.1", server.port))
idle.sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
idle.recv(65536)

def sockets():
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink("/proc/self/fd/" + entry))
        except FileNotFoundError:
            pass
    return {name for name in found if name.startswith("socket:")}

before = sockets()
child = os.fork()
if child == 0:
    # The listener and the server's end of the connection; what is left is the client's and asyncio's own.
    print(server.state, len(before) - len(sockets()), flush=True)
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print(urllib.request.urlopen(server.url).read(), flush=True)
idle.sendall(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n")
assert idle.recv(65536).endswith(b"hello")
server.stop()
"""
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "main.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == ["stopped 2", "7", "b'hello'", "shut down"]


def test_a_server_for_the_callers_loop_cannot_be_started_beside_it() -> None:
    with pytest.raises(outrider.StateError, match="async with"):
        outrider.serve(app, isolation="none").start()
