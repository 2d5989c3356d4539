"""isolation="process": a server in a fresh interpreter, on the program's socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import outrider
import pytest
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]

APP = "apps.in_process:app"


def serve(app: Any = APP, **options: Any) -> outrider.Server:
    return outrider.serve(app, isolation="process", **options)


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_a_server_in_a_process_of_its_own_answers_and_reports() -> None:
    with serve() as server:
        with WireClient(server) as client:
            pid = int(client.get().body)
        assert pid != os.getpid()
        assert server.state == "ready" and server.poll() is None
        port = server.port
    report = server.stop()
    assert report.lifespan == "completed"
    assert server.poll() == report == server.wait()
    assert [record.path for record in server.requests] == ["/"]
    assert "shut down" in server.output
    assert not is_alive(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with serve(port=port) as server, WireClient(server) as client:
        assert client.get().status == 200


def test_a_factory_and_a_unix_socket_are_served(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with serve("apps.in_process:make", factory=True, uds=path) as server, WireClient(server) as client:
        assert client.get().status == 200
    assert not os.path.exists(path)


@pytest.mark.parametrize(
    ("app", "kind", "words"),
    [
        ("no_such_module:app", outrider.AppImportError, "no module 'no_such_module'"),
        ("apps.in_process:no_startup", outrider.LifespanError, "no database"),
        ("apps.in_process:never_ready", outrider.StartError, "exited with 7"),
    ],
)
def test_a_start_that_fails_raises_what_the_child_raised(app: str, kind: type[Exception], words: str) -> None:
    server = serve(app)
    with pytest.raises(kind, match=words) as caught:
        server.start()
    assert server.state == "failed"
    if kind is outrider.LifespanError:
        assert "OSError: no database" in str(caught.value.__cause__)
    with pytest.raises(kind):
        server.poll()


def test_an_exception_in_a_factory_comes_with_its_traceback() -> None:
    with pytest.raises(outrider.AppImportError, match="no luck") as caught:
        serve("apps.in_process:fail", factory=True).start()
    assert "in fail" in str(caught.value.__cause__)


def test_what_cannot_be_imported_there_is_refused_with_what_to_do() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(outrider.AppImportError, match=r"pass 'package\.module:name'"):
        serve(app).start()
    with pytest.raises(outrider.AppImportError, match="move it into a module"):
        serve("__main__:app").start()


def test_a_taken_port_is_found_out_before_there_is_a_process() -> None:
    with serve() as first, pytest.raises(outrider.BindError, match=str(first.port)):
        serve(port=first.port).start()


def test_a_crash_is_noticed_and_told_with_the_last_output() -> None:
    server = serve().start()
    with WireClient(server) as client:
        client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
        with pytest.raises(outrider.ProcessError, match=r"(?s)ended by SIGKILL.*about to crash"):
            server.wait(20)
    with pytest.raises(outrider.ProcessError):
        server.poll()
    assert server.state == "failed"
    assert server.stop().lifespan == "killed"
    assert isinstance(server.stop().lifespan_error, outrider.ProcessError)
    with pytest.raises(outrider.StateError) as refused:
        server.call(os.getpid)
    assert isinstance(refused.value.__cause__, outrider.ProcessError)


def test_a_crash_that_nobody_has_heard_of_is_told_by_the_end_of_the_block(eventually: Eventually) -> None:
    with pytest.raises(outrider.ProcessError, match="ended by SIGKILL"), serve() as server:
        with WireClient(server) as client:
            client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
            client.read_to_end()
        eventually(lambda: server.state == "failed")
    with pytest.raises(KeyError), serve() as server:
        with WireClient(server) as client:
            client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
            client.read_to_end()
        eventually(lambda: server.state == "failed")
        raise KeyError("mine")


def test_a_process_that_crashes_is_replaced_as_often_as_is_allowed() -> None:
    stopped: list[outrider.StopReport] = []
    server = serve(process_restarts=2, on_stop=stopped.append).start()
    for _ in range(2):
        with WireClient(server) as client:
            client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
            assert client.read_to_end() == b""
        with WireClient(server) as client:  # which waits for the new process
            assert client.get().status == 200
        server.wait_ready(20)
    assert [type(error) for error in server.errors] == [outrider.ProcessError] * 2
    with WireClient(server) as client:
        client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
        with pytest.raises(outrider.ProcessError):
            server.wait(20)
    server.stop()
    assert [report.lifespan for report in stopped] == ["killed"]
    assert server.start().stop().lifespan == "completed"


def test_a_replaced_process_that_does_not_start_up_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "goes.py").write_text((Path(__file__).parent / "apps" / "in_process.py").read_text())
    sys.path.insert(0, str(tmp_path))
    try:
        server = serve("goes:app", process_restarts=5).start()
    finally:
        sys.path.remove(str(tmp_path))
    (tmp_path / "goes.py").unlink()
    with WireClient(server) as client:
        client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
        with pytest.raises(outrider.StartError):
            server.wait(20)
    assert server.state == "failed"


def test_errors_and_wait_until_reach_into_the_process() -> None:
    server = serve("apps.in_process:greet", factory=True, factory_arguments={"text": "hi"})
    with server, WireClient(server) as client:
        thread = threading.Thread(target=client.get)
        thread.start()
        assert server.wait_until(lambda: server.requests, 20)
        thread.join()
        assert client.get("/raise").status == 500
        assert [str(error) for error in server.errors] == ["mine"]
        assert "in greets" in str(server.errors[0].__cause__)
    assert [str(error) for error in server.errors] == ["mine"]


def test_a_crash_is_noted_on_what_the_block_raises_because_of_it(
    eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConnectionError) as caught, serve() as server:
        with WireClient(server) as client:
            client.send(b"GET /crash HTTP/1.1\r\nhost: a\r\n\r\n")
            client.read_to_end()
        eventually(lambda: server.state == "failed")
        raise ConnectionError("refused")
    assert "ended by SIGKILL" in caught.value.__notes__[0]
    assert "ended by SIGKILL" in str(server.errors[0])
    assert "ended by SIGKILL" in caplog.text


def test_a_startup_that_blocks_the_process_has_the_start_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrider._server._INTERPRETER_SECONDS", 0.0)
    server = serve("apps.in_process:blocks", start_timeout=1.0)
    with pytest.raises(outrider.LifespanError, match=r"start_timeout=1\.0"):
        server.start()
    assert server.state in ("stopped", "failed")


def test_ctrl_c_twice_while_the_process_starts_up_ends_the_program() -> None:
    program = (
        "import os, signal, sys, threading, time, traceback, outrider\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "server = outrider.serve('apps.in_process:blocks', isolation='process')\n"
        "def names():\n"
        "    stack = sys._current_frames()[threading.main_thread().ident]\n"
        "    return [entry.name for entry in traceback.extract_stack(stack)]\n"
        "def interrupt():\n"
        "    while 'blocks now' not in server.output: time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while '_stop_run' not in names(): time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=interrupt, daemon=True).start()\n"
        "try:\n"
        "    server.start()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr


def test_run_serves_from_a_process_of_its_own_until_a_signal() -> None:
    seen: list[int] = []

    def on_ready(server: outrider.Server) -> None:
        with WireClient(server) as client:
            seen.append(int(client.get().body))
        os.kill(os.getpid(), signal.SIGTERM)

    report = outrider.run(APP, isolation="process", port=0, on_ready=on_ready)
    assert report.lifespan == "completed"
    assert seen[0] != os.getpid()
    assert not is_alive(seen[0])


def test_serve_runs_a_process_until_it_is_cancelled() -> None:
    async def main() -> tuple[int, outrider.Server]:
        server = serve()
        task = asyncio.create_task(server.serve())
        await asyncio.to_thread(server.wait_ready)
        with WireClient(server) as client:
            pid = int((await asyncio.to_thread(client.get)).body)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid, server

    pid, server = asyncio.run(main())
    assert server.stop().lifespan == "completed"
    assert not is_alive(pid)


def test_quiesce_swap_restart_and_requests_reach_into_the_process() -> None:
    with serve() as server, WireClient(server) as idle:
        pid = int(idle.get().body)
        assert [record.path for record in server.requests] == ["/"]
        server.quiesce()
        assert idle.read_to_end() == b""
        assert server.restart().lifespan == "completed"
        with WireClient(server) as client:
            assert int(client.get().body) == pid
        with pytest.raises(outrider.AppImportError, match="no_such"):
            server.swap("apps.no_such:app")
        with pytest.raises(outrider.AppImportError, match="fresh interpreter"):
            server.swap(serve)
        report = server.swap("apps.in_process:greet", factory=True, factory_arguments={"text": "hello"})
        assert report.lifespan == "completed"
        with WireClient(server) as client:
            assert client.get().body == b"hello"
            client.send(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n")
            while len(server.requests) < 3:
                pass
            with pytest.raises(TimeoutError, match="GET /hang"):
                server.quiesce(0.01)
    with pytest.raises(outrider.StateError):
        server.quiesce()


def test_a_factory_gets_its_arguments_as_json() -> None:
    greet = "apps.in_process:greet"
    with serve(greet, factory=True, factory_arguments={"text": "hi"}) as server, WireClient(server) as client:
        assert client.get().body == b"hi"
    with pytest.raises(TypeError, match="of JSON's types"):
        serve(greet, factory=True, factory_arguments={"text": object()})
    with pytest.raises(ValueError, match="factory=True"):
        serve(factory_arguments={"text": "hi"})


@pytest.mark.parametrize("path", [b"/crash", b"/fork-and-crash"])
def test_a_server_that_crashed_can_be_started_again_and_crash_again(path: bytes) -> None:
    server = serve()
    for _ in range(2):
        server.start()
        with WireClient(server) as client:
            client.send(b"GET " + path + b" HTTP/1.1\r\nhost: a\r\n\r\n")
            with pytest.raises(outrider.ProcessError, match="ended by SIGKILL"):
                server.wait(20)
        server.stop()
    assert server.start().stop().lifespan == "completed"


def test_a_process_is_stopped_by_several_threads_at_once() -> None:
    server = serve().start()
    reports: list[outrider.StopReport] = []
    threads = [threading.Thread(target=lambda: reports.append(server.stop())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 8 and set(reports) == {server.stop()}
    assert reports[0].lifespan == "completed"


def test_output_is_kept_bounded_and_never_holds_the_server_up() -> None:
    with serve() as server, WireClient(server) as client:
        for _ in range(3):
            assert client.get("/print").status == 200
    assert 60_000 < len(server.output) <= 64 * 1024


def test_what_the_server_started_ends_with_it(eventually: Eventually) -> None:
    with serve() as server, WireClient(server) as client:
        grandchild = int(client.get("/child").body)
        assert is_alive(grandchild)
    eventually(lambda: not is_alive(grandchild))


def test_a_handler_that_hangs_is_left_and_the_stop_ends() -> None:
    with serve() as server, WireClient(server) as client:
        client.send(b"GET /hang HTTP/1.1\r\nhost: a\r\n\r\n")
        with WireClient(server) as other:
            pid = int(other.get().body)
        report = server.stop(outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=0.01))
    assert report.abandoned == 1 or report.aborted == 1
    assert not is_alive(pid)


def test_a_stopped_process_is_killed() -> None:
    server = serve().start()
    with WireClient(server) as client:
        pid = int(client.get().body)
    os.kill(pid, signal.SIGSTOP)
    report = server.stop(outrider.StopPolicy(grace=0, disconnect=0, cancel=0, lifespan=0))
    assert report.lifespan == "killed"
    assert not is_alive(pid)


def test_the_process_ends_when_its_parent_is_killed(eventually: Eventually) -> None:
    program = (
        "import os, sys, outrider, urllib.request\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"server = outrider.serve({APP!r}, isolation='process').start()\n"
        "print(urllib.request.urlopen(server.url).read().decode(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    pid = int(done.stdout)
    eventually(lambda: not is_alive(pid))


def test_nothing_can_be_run_on_its_loop_from_here() -> None:
    with serve() as server, pytest.raises(outrider.StateError, match="process of its own"):
        server.call(os.getpid)


def test_async_with_starts_and_stops_it() -> None:
    async def main() -> outrider.Server:
        async with serve() as server:
            assert server.state == "ready"
        return server

    assert asyncio.run(main()).state == "stopped"


@pytest.mark.parametrize("options", [{"output": "inherit"}, {"process_restarts": 1}])
def test_options_of_a_process_are_refused_where_there_is_none(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="isolation='process'"):
        outrider.serve(APP, **options)
