"""The two recipes people use to run uvicorn in the background, with nothing changed but the import.

And where those wait for ever, because the server could not start, the caller is told the cause.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import outrider
import outrider as uvicorn
import pytest
from apps import recipe_process

APP = "apps.plain_asgi:app"
HELLO = "hello from plain"

# A forked child of a program with threads: the recipe does that, and newer Pythons warn of it.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
fails_in_its_thread = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class ThreadedServer(uvicorn.Server):
    """The first recipe."""

    def install_signal_handlers(self) -> None:
        pass

    @contextlib.contextmanager
    def run_in_thread(self, **arguments: Any) -> Iterator[ThreadedServer]:
        thread = threading.Thread(target=self.run, kwargs=arguments)
        thread.start()
        try:
            while not self.started:
                time.sleep(1e-3)
            yield self
        finally:
            self.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "run() did not return"


def configure(port: int, app: Any = APP) -> uvicorn.Config:
    return uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", loop="asyncio")


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
        return str(response.read().decode())


def assert_nobody_listens(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield int(sock.getsockname()[1])


# The first recipe: a thread


def test_the_thread_recipe_serves_and_stops(unused_port: int) -> None:
    with ThreadedServer(config=configure(unused_port)).run_in_thread():
        assert get(unused_port) == HELLO
    assert_nobody_listens(unused_port)


def test_the_thread_recipe_works_again_on_the_same_port(unused_port: int) -> None:
    for _ in range(3):
        with ThreadedServer(config=configure(unused_port)).run_in_thread():
            assert get(unused_port) == HELLO


def test_the_thread_recipe_takes_the_callers_socket() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with ThreadedServer(config=configure(0)).run_in_thread(sockets=[sock]):
            assert get(port) == HELLO
    assert_nobody_listens(port)


def test_the_thread_recipe_leaves_signals_and_threads_as_they_were(unused_port: int) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = threading.enumerate()
    with ThreadedServer(config=configure(unused_port)).run_in_thread():
        assert get(unused_port) == HELLO
        assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert threading.enumerate() == threads


def test_the_thread_recipe_needs_no_override_of_the_signal_handlers(unused_port: int) -> None:
    server = uvicorn.Server(configure(unused_port))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(1e-3)
    assert get(unused_port) == HELLO
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def session_port() -> Iterator[int]:
    """The first recipe as it stands in many a conftest.py."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    server = ThreadedServer(config=configure(port))
    with server.run_in_thread():
        yield port


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_thread_recipe_is_a_session_fixture(session_port: int, number: int) -> None:
    assert get(session_port) == HELLO


@fails_in_its_thread
def test_a_taken_port_is_raised_where_the_caller_waits(taken_port: int) -> None:
    server = ThreadedServer(config=configure(taken_port))
    with pytest.raises(outrider.StartError) as caught, server.run_in_thread():
        pytest.fail("the server says it has started")
    assert isinstance(caught.value, outrider.BindError)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EADDRINUSE
    assert f"127.0.0.1:{taken_port}" in str(caught.value)


@fails_in_its_thread
@pytest.mark.parametrize(
    ("app", "cause"),
    [
        ("apps.no_such_module:app", ModuleNotFoundError),
        ("apps.plain_asgi:no_such_name", AttributeError),
    ],
)
def test_an_application_that_cannot_be_imported_is_raised_with_its_cause(app: str, cause: type[Exception]) -> None:
    server = ThreadedServer(config=configure(0, app))
    with pytest.raises(outrider.AppImportError) as caught, server.run_in_thread():
        pytest.fail("the server says it has started")
    assert isinstance(caught.value, outrider.StartError)
    assert isinstance(caught.value.__cause__, cause)


@fails_in_its_thread
def test_a_failed_start_up_of_the_application_is_raised_with_its_cause(unused_port: int) -> None:
    server = ThreadedServer(config=configure(unused_port, "apps.broken_lifespan:app"))
    with pytest.raises(outrider.LifespanError) as caught, server.run_in_thread():
        pytest.fail("the server says it has started")
    assert isinstance(caught.value, outrider.StartError)
    assert "nobody answers at the database's door" in str(caught.value.__cause__)
    assert_nobody_listens(unused_port)


def test_run_raises_in_its_own_thread_as_well(taken_port: int) -> None:
    raised: list[Any] = []

    def run() -> None:
        try:
            uvicorn.Server(configure(taken_port)).run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert isinstance(raised[0], outrider.BindError)


def test_a_port_that_was_taken_can_be_used_once_it_is_free(unused_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_port)), pytest.raises(outrider.BindError):
        uvicorn.Server(configure(unused_port)).run()
    with ThreadedServer(config=configure(unused_port)).run_in_thread():
        assert get(unused_port) == HELLO


# The second recipe: a process

both_methods = pytest.mark.parametrize("method", ["fork", "spawn"])
Capture = Callable[[], Any]


@both_methods
def test_the_process_recipe_starts_ends_and_starts_again_on_its_port(method: str, unused_port: int) -> None:
    for _ in range(2):
        process = recipe_process.start(method, unused_port)
        try:
            assert recipe_process.get_when_ready(process, unused_port).decode() == HELLO
        finally:
            recipe_process.end(process)
        assert_nobody_listens(unused_port)


@both_methods
def test_the_process_recipe_works_from_a_main_program(method: str, unused_port: int) -> None:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, here / "apps" / "recipe_process.py", method, str(unused_port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [HELLO, HELLO]


def test_a_forked_process_serves_beside_a_server_in_a_thread(unused_port: int) -> None:
    with outrider.serve(APP) as server:
        process = recipe_process.start("fork", unused_port)
        try:
            assert recipe_process.get_when_ready(process, unused_port).decode() == HELLO
            assert get(server.port) == HELLO
        finally:
            recipe_process.end(process)
        assert get(server.port) == HELLO


@both_methods
@pytest.mark.parametrize("trouble", ["port", "import", "lifespan"])
def test_a_process_that_cannot_start_ends_at_once_and_says_why(
    method: str, trouble: str, taken_port: int, unused_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    app, port, reason = {
        "port": (APP, taken_port, f"127.0.0.1:{taken_port}"),
        "import": ("apps.no_such_module:app", unused_port, "no_such_module"),
        "lifespan": ("apps.broken_lifespan:app", unused_port, "NoDatabase"),
    }[trouble]
    process = recipe_process.start(method, port, app)
    process.join(10)
    assert process.exitcode not in (None, 0)
    assert reason in capfd.readouterr().err
