"""A start that fails, and options that are refused: nothing is left running, and the reason is told."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from typing import Any

import outrider
import pytest
from apps.hello import Message, Receive, Send, Stream, app
from scripts import run_script
from wire_client import WireClient


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


@pytest.mark.skipif(
    int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 2, reason="no port is privileged here"
)
def test_a_privileged_port_raises_a_bind_error_that_names_it() -> None:
    done = run_script(
        """
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    outrider.serve(app, port=1).start()
except outrider.BindError as error:
    say(error.errno, error)
"""
    )
    assert (done.status, done.stderr) == (0, "")
    assert done.said[0].startswith("13 ") and "127.0.0.1:1" in done.said[0]


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
        {"http": "h11", "interface": "asgi3", "app_dir": "", "env_file": None},
        {
            "ssl_keyfile": None,
            "ssl_certfile": None,
            "headers": None,
            "limit_concurrency": None,
            "limit_max_requests": None,
        },
    ],
)
def test_options_of_uvicorns_that_ask_for_nothing_are_taken(options: dict[str, Any]) -> None:
    with outrider.serve(app, **options) as server, WireClient(server) as client:
        assert client.get().body == b"hello"


@pytest.mark.parametrize(
    "options",
    [{"reload": True}, {"workers": 4}, {"ssl_version": 5}, {"http": "wsgi"}],
)
def test_options_of_uvicorns_that_ask_for_something_are_refused_with_the_reason(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{next(iter(options))}=.*an option of uvicorn's, can't be had: "):
        outrider.Config(app, **options)


def test_a_start_for_which_there_is_no_thread_fails_and_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    server = outrider.serve(app)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(outrider.StartError, match="can't start new thread"):
            server.start()
        assert server.state == "failed"
        server.stop()
    with server, WireClient(server) as client:
        assert client.get().body == b"hello"


def test_ctrl_c_while_the_thread_is_being_started_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    server = outrider.serve(app)
    threads = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            server.start()
    assert server.state == "stopped"
    assert_nothing_is_left(threads)


def test_an_option_that_uvicorn_calls_otherwise_is_taken_by_that_name() -> None:
    assert outrider.Config(app, limit_max_requests=3).stop_after == 3
    assert outrider.Config(app, limit_max_requests=None).stop_after == 0
