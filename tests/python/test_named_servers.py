# SPDX-License-Identifier: MIT
"""Servers with names: one of each runs, and another one may take its place and its port."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import outrider
import pytest

APP = "apps.plain_asgi:app"


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """One that no other test has."""
    return f"shop of {request.node.name}"


@pytest.fixture(params=["thread", "process"])
def isolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def stopped(*servers: outrider.Server) -> Iterator[None]:
    try:
        yield
    finally:
        for server in servers:
            server.stop()


def get(server: outrider.Server, path: str = "/") -> str:
    with urllib.request.urlopen(server.url + path, timeout=10) as response:
        return str(response.read().decode())


async def answer(send: Any, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


def says(text: str) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, text)

    return app


def serve(app: Any, name: str | None, **options: Any) -> outrider.Server:
    return outrider.serve(app, name=name, lifespan="off", **options)


# --- in the place of another one --------------------------------------------------------------------------------------


def test_a_server_takes_the_place_of_the_one_of_its_name_on_the_same_port(name: str, isolation: str) -> None:
    first = outrider.serve(APP, name=name, replace=True, isolation=isolation).start()
    second = outrider.serve(APP, name=name, replace=True, isolation=isolation)
    with stopped(first, second):
        port = first.port
        assert second.start() is second
        assert (first.state, second.state, second.port) == ("stopped", "ready", port)
        assert get(second) == "hello from plain"


def test_a_process_takes_the_place_of_a_thread_and_a_thread_that_of_a_process(name: str) -> None:
    ports = set()
    before = None
    for isolation in ("thread", "process", "thread"):
        server = outrider.serve(APP, name=name, replace=True, isolation=isolation).start()
        assert before is None or before.state == "stopped"
        assert get(server) == "hello from plain"
        ports.add(server.port)
        before = server
    server.stop()
    assert len(ports) == 1


def test_without_replace_the_running_server_stays_and_the_error_says_what_to_do(name: str, isolation: str) -> None:
    with outrider.serve(APP, name=name, isolation=isolation) as first:
        second = outrider.serve(APP, name=name)
        with pytest.raises(outrider.StateError) as caught:
            second.start()
        assert str(caught.value) == (
            f"the server '{name}' is ready on {first.url}: stop it first, or start this one with replace=True, which "
            "does that"
        )
        assert second.state == "created"
        assert get(first) == "hello from plain"
    with second:
        assert get(second) == "hello from plain"


def test_the_one_that_is_replaced_stops_by_its_own_policy(name: str) -> None:
    has_begun, may_end = threading.Event(), threading.Event()
    reports: list[outrider.StopReport] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        has_begun.set()
        await asyncio.to_thread(may_end.wait)
        await answer(send, "in the end")

    first = serve(slow, name, timeout_graceful_shutdown=60, on_stop=reports.append).start()
    second = serve(says("second"), name, replace=True)
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(get(first)))
    with stopped(first, second):
        asking.start()
        assert has_begun.wait(10)
        replacing = threading.Thread(target=second.start)
        replacing.start()
        with first._changed:
            assert first._changed.wait_for(lambda: first.state == "draining", 10)
        assert second.state == "created"
        may_end.set()
        replacing.join()
        asking.join()
        assert answers == ["in the end"]
        assert [report.completed for report in reports] == [1]
        assert get(second) == "second"


def test_a_port_that_is_named_is_the_port(name: str, unused_port: int) -> None:
    first = serve(says("first"), name).start()
    second = serve(says("second"), name, replace=True, port=unused_port)
    with stopped(first, second):
        assert second.start().port == unused_port != first.port


def test_names_and_servers_without_one_do_not_disturb_each_other(name: str) -> None:
    servers = [serve(says("it"), each, replace=each is not None) for each in (name, f"other {name}", None, None)]
    with stopped(*servers):
        ports = {server.start().port for server in servers}
        assert len(ports) == 4
        assert [server.state for server in servers] == ["ready"] * 4


def test_a_name_is_free_when_its_server_has_stopped_or_could_not_start(name: str, unused_port: int) -> None:
    def start(app: Any = APP, **options: Any) -> None:
        with outrider.serve(app, name=name, **options) as server:
            assert server.state == "ready"

    start()
    with pytest.raises(outrider.AppImportError):
        start("no.module:app")
    with pytest.raises(outrider.AppImportError):
        start("no.module:app", isolation="process")
    with socket.socket() as taken, pytest.raises(outrider.BindError):
        taken.bind(("127.0.0.1", unused_port))
        taken.listen()
        start(port=unused_port)
    start()
    serve(says("never started"), name)
    gc.collect()
    start()


def test_a_server_can_be_started_again_under_its_name(name: str) -> None:
    server = serve(says("it"), name)
    for _ in range(2):
        with server:
            with pytest.raises(outrider.StateError, match="stop it before it is started again"):
                server.start()
            assert get(server) == "it"


async def refuse_to_start(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("no database")


def test_after_a_start_that_failed_and_after_a_stop_the_port_is_the_same_again(name: str) -> None:
    with serve(says("first"), name, replace=True) as first:
        port = first.port
        with pytest.raises(outrider.LifespanError):
            outrider.serve(refuse_to_start, name=name, replace=True, lifespan="on").start()
        assert first.state == "stopped"
    with serve(says("second"), name, replace=True) as second:
        assert second.port == port


def test_a_port_that_somebody_else_has_meanwhile_is_left_to_him(name: str) -> None:
    with serve(says("first"), name, replace=True) as first:
        port = first.port
    with serve(says("somebody's"), None, port=port) as other:
        with serve(says("second"), name, replace=True) as second:
            assert second.port not in (0, port)
            assert get(second) == "second"
        assert get(other) == "somebody's"


def test_of_eight_threads_that_replace_each_others_servers_one_has_it_in_the_end(name: str) -> None:
    servers = [serve(says(str(number)), name, replace=True) for number in range(8)]
    strange: list[BaseException] = []
    together = threading.Barrier(len(servers))

    def start(server: outrider.Server) -> None:
        together.wait()
        try:
            server.start()
        except outrider.StateError as error:
            if "stopped before it was ready" not in str(error):
                strange.append(error)
        except BaseException as error:
            strange.append(error)

    threads = [threading.Thread(target=start, args=(server,)) for server in servers]
    with stopped(*servers):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert strange == []
        assert sorted(server.state for server in servers) == ["ready"] + ["stopped"] * 7
        (left,) = [number for number, server in enumerate(servers) if server.state == "ready"]
        assert get(servers[left]) == str(left)


# --- where it can't wait ----------------------------------------------------------------------------------------------


def test_a_handler_cannot_replace_its_own_server_and_is_told_so(name: str) -> None:
    caught: list[Exception] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for start in (serve(app, name, replace=True).start, serve(app, name, replace=True).__aenter__):
            try:
                await start()
            except outrider.StateError as error:
                caught.append(error)
        await answer(send, "still there")

    with serve(app, name) as server:
        assert get(server) == "still there"
    assert len(caught) == 2
    assert all("replace it from elsewhere" in str(error) for error in caught)


def test_servers_on_one_event_loop_replace_each_other(name: str) -> None:
    async def main() -> None:
        first = serve(says("first"), name, isolation="none")
        async with first:
            second = serve(says("second"), name, isolation="none", replace=True)
            async with second:
                assert (first.state, second.port) == ("stopped", first.port)
                third = serve(says("third"), name, isolation="none", replace=True)
                serving = asyncio.create_task(third.serve())
                await asyncio.to_thread(third.wait_ready, 10)
                assert (second.state, third.port) == ("stopped", first.port)
                async with serve(says("fourth"), name, replace=True) as fourth:  # in a thread
                    await serving
                    assert await asyncio.to_thread(get, fourth) == "fourth"
                    assert fourth.port == first.port

    asyncio.run(main())


def test_a_server_on_this_very_event_loop_is_not_waited_for_by_a_call_that_blocks_it(name: str) -> None:
    async def main() -> None:
        async with serve(says("first"), name, isolation="none") as first:
            with pytest.raises(outrider.StateError, match="replace it from elsewhere"):
                serve(says("second"), name, replace=True).start()
            assert first.state == "ready"

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_has_the_names_for_itself(name: str) -> None:
    with serve(says("parent's"), name) as server:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                with serve(says("child's"), name) as own:
                    status = 0 if get(own) == "child's" else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert get(server) == "parent's"


# --- where the name is seen -------------------------------------------------------------------------------------------


def test_the_name_is_in_the_repr_and_in_the_threads_name(name: str) -> None:
    with serve(says("it"), name) as server:
        assert repr(server) == f"<outrider.Server '{name}' ready on {server.url}>"
        assert f"outrider {name}" in [thread.name for thread in threading.enumerate()]


def test_a_notebook_shows_a_link_as_long_as_there_is_something_behind_it() -> None:
    server = serve(says("it"), "<b>shop</b>")
    assert server._repr_html_() == "<code>outrider.Server</code> &lt;b&gt;shop&lt;/b&gt; created"
    with server:
        link = f'<a href="{server.url}" target="_blank" rel="noopener">{server.url}</a>'
        assert server._repr_html_() == f"<code>outrider.Server</code> &lt;b&gt;shop&lt;/b&gt; ready on {link}"
    assert server._repr_html_() == f"<code>outrider.Server</code> &lt;b&gt;shop&lt;/b&gt; stopped on {server.url}"


def test_a_unix_socket_is_no_link_for_a_browser(tmp_path: Any) -> None:
    with outrider.serve(says("it"), uds=str(tmp_path / "a&b.sock"), lifespan="off") as server:
        shown = server._repr_html_()
    assert "<a" not in shown
    assert shown.endswith("a%26b.sock") or shown.endswith("a&amp;b.sock")


def test_the_name_is_before_each_line_of_the_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("100% broken")

    caplog.set_level(logging.DEBUG, "outrider")
    with serve(fails, name, access_log=False) as server:
        with pytest.raises(urllib.error.HTTPError) as answered:
            get(server, "/100%25")
        answered.value.close()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /%s HTTP/1.1\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        serve(fails, name, replace=True).start().stop()
    lines = [record.getMessage() for record in caplog.records if record.name == "outrider"]
    assert [line for line in lines if not line.startswith(f"{name}: ")] == []
    begins = [line.removeprefix(f"{name}: ") for line in lines]
    assert begins[0] == f"serving on {server.url}"
    assert any(line.startswith("the application raised an exception during GET /100%") for line in begins)
    assert "is replaced by another server of that name" in begins
    assert caplog.records[0].filename == "_server.py"  # and not where the name is added


def test_without_a_name_the_log_and_the_repr_are_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "outrider")
    with serve(says("it"), None) as server:
        assert repr(server) == f"<outrider.Server ready on {server.url}>"
    assert caplog.records[0].getMessage() == f"serving on {server.url}"
    assert caplog.records[0].filename == "_server.py"


# --- the options ------------------------------------------------------------------------------------------------------


def test_replace_needs_a_name() -> None:
    with pytest.raises(ValueError, match="replace=True needs a name"):
        outrider.serve(says("it"), replace=True)


@pytest.mark.parametrize("name", ["", " ", "two\nlines"])
def test_a_name_is_something_to_be_seen(name: str) -> None:
    with pytest.raises(ValueError, match="must be printable, and not empty"):
        outrider.serve(says("it"), name=name)


def test_an_application_that_can_not_be_imported_replaces_nobody(name: str) -> None:
    first = outrider.serve(APP, name=name).start()
    with stopped(first):
        with pytest.raises(outrider.AppImportError):
            outrider.serve("apps.plain_asgi:nope", name=name, replace=True).start()
        assert first.state == "ready"
