"""A program forks, or becomes another, while a server runs beside it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from scripts import Done, run_script

# CPython 3.12 warns of every fork beside a thread; here that is what is tested.
ALLOWED = ("-W", "ignore:This process:DeprecationWarning")


def run_forking(body: str, **how: Any) -> Done:
    return run_script(body, arguments=ALLOWED, **how)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("os._exit(7)", 7),
        ("sys.exit(7)", 7),
        ("pass", 0),
        ("server.stop(); server.stop()", 0),
        ("server.request_stop(); gc.collect()", 0),
        ("del server, parents; gc.collect()", 0),
    ],
)
def test_a_child_ends_in_any_way_and_the_parents_server_goes_on(end: str, status: int) -> None:
    done = run_forking(
        f"""
server = outrider.serve(app).start()
ask(server, "/forever"); begun.wait(10)
parents = server
child = os.fork()
if child == 0:
    say(server.state)
    {end}
else:
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), get(server.url))
"""
    )
    said = ["startup", "stopped", f"{status} b'hello'", "shutdown"]
    assert done == Done(0, said, "the application was cancelled during GET /forever\n")


@pytest.mark.parametrize("server", ["outrider.serve(app)", "server", "outrider.serve(app, loop='uvloop')"])
def test_a_child_can_start_a_server_of_its_own(server: str) -> None:
    if "uvloop" in server:
        pytest.importorskip("uvloop", reason="uvloop isn't installed for this Python")
    done = run_forking(
        f"""
server = outrider.serve(app).start()
port = server.port
child = os.fork()
if child == 0:
    server = {server}
    with server:
        say(get(server.url), server.port != port)
    server.start()  # and is ended by the end of the child
else:
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), get(server.url))
"""
    )
    childs = ["startup", "b'hello' True", "shutdown", "startup", "shutdown"]
    assert done == Done(0, ["startup", *childs, "0 b'hello'", "shutdown"], "")


def test_a_child_of_a_handler_ends_and_its_parent_answers(loop: str) -> None:
    done = run_forking(
        f"""
async def fork(receive, send):
    child = os.fork()
    if child == 0:
        say(server.state)
        os._exit(0)
    os.waitpid(child, 0)
    await hello(receive, send)
with outrider.serve(app, loop={loop!r}) as server:
    say(get(server.url + "/fork"), get(server.url))
"""
    )
    assert done == Done(0, ["startup", "stopped", "b'hello' b'hello'", "shutdown"], "")


@pytest.mark.parametrize(
    "run",
    [
        "asyncio.run(main())",
        "thread = threading.Thread(target=lambda: asyncio.run(main())); thread.start(); thread.join()",
    ],
)
def test_a_child_keeps_nothing_of_a_server_on_its_callers_loop(run: str) -> None:
    done = run_forking(
        f"""
async def main():
    read, write = os.pipe()
    async with outrider.serve(app, isolation="none") as server:
        port = server.port
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # until the parent has closed it
            say(server.state)
            socket.create_server(("127.0.0.1", port)).close()
            os._exit(0)
    os.close(write)
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
{run}
"""
    )
    assert done == Done(0, ["startup", "shutdown", "stopped", "0"], "")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing_works_beside_a_server(method: str) -> None:
    done = run_forking(
        f"""
import multiprocessing
server = outrider.serve(app).start()
context = multiprocessing.get_context({method!r})
child = context.Process(target=print, args=("child",))
child.start()
child.join()
with context.Pool(1) as pool:
    say(child.exitcode, pool.apply(abs, (-1,)), get(server.url))
"""
    )
    assert done == Done(0, ["startup", "child", "0 1 b'hello'", "shutdown"], "")


def test_a_program_that_becomes_another_leaves_no_descriptor_and_the_port_is_free(loop: str) -> None:
    done = run_script(
        f"""
server = outrider.serve(app, loop={loop!r}).start()
os.read(ask(server, "/"), 1)
again = (
    "import os, sys, outrider\\n"
    "print([fd for fd in range(3, 100) if os.path.exists(f'/proc/self/fd/{{fd}}')])\\n"
    "outrider.serve(print, port=int(sys.argv[1]), lifespan='off').start()\\n"
)
os.execv(sys.executable, [sys.executable, "-c", again, str(server.port)])
"""
    )
    assert done == Done(0, ["startup", "[]"], "")


def test_a_program_that_is_executed_by_a_child_has_none_of_the_servers_descriptors() -> None:
    done = run_forking(
        f"""
import subprocess
server = outrider.serve(app).start()
os.read(ask(server, "/"), 1)
subprocess.run([{sys.executable!r}, "-c", "import os; print(len(os.listdir('/proc/self/fd')))"], close_fds=False)
"""
    )
    assert done == Done(0, ["startup", "4", "shutdown"], "")  # three, and that of the list itself
