"""The handle: where it is, what it does beside the program and on an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import signal
import socket
import sys
import threading
from typing import Any

import outrider
import pytest
from apps.hello import OK, Message, Receive, Send, app
from scripts import Script
from wire_client import WireClient


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


def test_servers_with_log_levels_may_stop_in_the_order_in_which_they_started() -> None:
    logger = logging.getLogger("outrider")
    before = logger.level
    first = outrider.serve(app, log_level="error").start()
    second = outrider.serve(app, log_level="critical").start()
    first.stop()
    assert logger.level == logging.CRITICAL
    second.stop()
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


def test_out_of_descriptors_new_connections_wait_and_the_log_says_so_once() -> None:
    script = Script(
        """
import logging, resource
logging.basicConfig(handlers=[logging.StreamHandler(sys.stdout)], format="%(levelname)s", level=logging.WARNING)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with outrider.serve(app) as server:
    fillers = []
    with contextlib.suppress(OSError):
        while True:
            fillers.append(os.open("/dev/null", os.O_RDONLY))
    say(server.port)
    sys.stdin.readline()
    for filler in fillers:
        os.close(filler)
    sys.stdin.readline()
"""
    )
    script.wait_for("startup")
    client = socket.create_connection(("127.0.0.1", int(script.read_line())))
    client.settimeout(10)
    client.sendall(b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n")
    script.wait_for("WARNING")
    script.say()
    assert client.recv(65536).endswith(b"hello")
    client.close()
    script.say()
    assert script.end().said == ["shutdown"]
