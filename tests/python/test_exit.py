"""A program ends while a server runs beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scripts import Done, run_script

UP_AND_DOWN = ["startup", "shutdown"]

CANCELLED = "the application was cancelled during GET {}\n"
LEFT = "tasks of the application went on after being cancelled, and were left behind: /deaf\n"

# What is going on when the program ends, and what is logged then.
GOING_ON = {
    "nothing": ("", ""),
    "an idle connection": ("idle = ask(server, '/'); os.read(idle, 1)", ""),
    "a request": ("ask(server, '/forever'); begun.wait(10)", CANCELLED.format("/forever")),
    "a stream": (
        """
async def stream(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        await asyncio.sleep(0)
os.read(ask(server, "/stream"), 1)
""",
        CANCELLED.format("/stream"),
    ),
    "a response that nobody reads": (
        """
async def large(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    begun.set()
    await send({"type": "http.response.body", "body": bytes(100_000_000), "more_body": True})
ask(server, "/large"); begun.wait(10)
""",
        CANCELLED.format("/large"),
    ),
    "half an upload": (
        """
async def upload(receive, send):
    await receive()
    begun.set()
    await receive()
os.write(ask(server, "/upload", "POST", "content-length: 10"), b"half"); begun.wait(10)
""",
        "the application was cancelled during POST /upload\n",
    ),
    "half a head": ("half = socket.create_connection(server.addresses[0]).detach(); os.write(half, b'GET ')", ""),
    "work in a thread": (
        """
def work():
    begun.set()
    time.sleep(0.2)
async def thread(receive, send):
    await asyncio.to_thread(work)
    await hello(receive, send)
ask(server, "/thread"); begun.wait(10)
""",
        "",
    ),
    "a handler that can't be cancelled": (
        """
async def deaf(receive, send):
    begun.set()
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
ask(server, "/deaf"); begun.wait(10)
""",
        LEFT,
    ),
    "a stop": ("ask(server, '/forever'); begun.wait(10); server.request_stop()", CANCELLED.format("/forever")),
}


@pytest.mark.parametrize("what", GOING_ON)
def test_a_program_ends_whatever_goes_on(what: str, loop: str) -> None:
    body, stderr = GOING_ON[what]
    done = run_script(f"server = outrider.serve(app, loop={loop!r}).start()\n{body}")
    assert (done.status, done.said) == (0, UP_AND_DOWN)
    # A stream may end when it is told, before it is cancelled.
    assert done.stderr == stderr or (done.stderr == "" and what in ("a stream", "a response that nobody reads"))


@pytest.mark.parametrize("closed", ["0", "1", "0, 1, 2"])
def test_a_program_without_its_standard_descriptors_can_serve(closed: str) -> None:
    done = run_script(
        f"""
for fd in ({closed},):
    os.close(fd)
with outrider.serve(app) as server:
    is_answered = get(server.url) == b"hello"
os._exit(7 if is_answered else 1)
"""
    )
    assert done.status == 7


@pytest.mark.parametrize("ends", ["await asyncio.sleep(1000)", "raise OSError('no goodbye')"])
def test_a_program_ends_whatever_the_lifespans_shutdown_does(ends: str) -> None:
    done = run_script(
        f"""
async def app(scope, receive, send):
    await receive()
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    say("shutdown")
    {ends}
outrider.serve(app).start()
"""
    )
    assert (done.said, done.status) == (["shutdown"], 0)
    if "raise" in ends:
        assert done.stderr.startswith("the application's lifespan shutdown failed: no goodbye\n")
        assert done.stderr.count("Traceback") == 1 and done.stderr.endswith("OSError: no goodbye\n")
    else:
        assert done.stderr == ""


@pytest.mark.parametrize("what", ["time.sleep(1000)", "time.sleep(0.0001)"])  # the second goes on asking for the GIL
def test_a_program_ends_though_a_handler_blocks_the_event_loop(what: str) -> None:
    done = run_script(
        f"""
async def block(receive, send):
    begun.set()
    while True:
        {what}
outrider._server._EXIT_SECONDS = 0.2
blocked, other = outrider.serve(app).start(), outrider.serve(app).start()
ask(blocked, "/block"); begun.wait(10)
"""
    )
    assert (done.said, done.status) == (["startup", "startup", "shutdown"], 0)
    assert re.fullmatch(
        "<outrider.Server ready on http://.*> is left behind: its application blocks the event loop\n", done.stderr
    )


@pytest.mark.parametrize(
    ("end", "status", "stderr"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('a reason')", 1, "a reason\n"),
        ("raise KeyError('mine')", 1, "KeyError: 'mine'\n"),
    ],
)
def test_the_status_and_the_traceback_are_the_programs_own(end: str, status: int, stderr: str) -> None:
    done = run_script(f"server = outrider.serve(app).start()\n{end}")
    assert (done.said, done.status) == (UP_AND_DOWN, status)
    assert done.stderr.endswith(stderr) and done.stderr.count("Traceback") == end.startswith("raise")


def test_os_exit_ends_at_once_and_nothing_is_run() -> None:
    assert run_script("server = outrider.serve(app).start()\nos._exit(5)") == Done(5, ["startup"], "")


def test_functions_registered_with_atexit_after_the_import_can_use_the_server_and_those_before_cannot() -> None:
    done = run_script(
        """
server = outrider.serve(app)
atexit.register(lambda: say("after the import", get(server.url)))
server.start()
atexit.register(lambda: say("after the start", get(server.url)))
""",
        first="import atexit\natexit.register(lambda: say('before the import', server.state))\n",
    )
    said = ["startup", "after the start b'hello'", "after the import b'hello'", "shutdown", "before the import stopped"]
    assert done == Done(0, said, "")


def test_a_stop_when_no_thread_can_be_started_any_more_is_in_order_after_all(loop: str) -> None:
    # From CPython 3.12 on, functions registered with atexit can't start threads.
    done = run_script(
        f"""
async def thread(receive, send):
    await asyncio.to_thread(int)
    await hello(receive, send)
server = outrider.serve(app, loop={loop!r}).start()
get(server.url + "/thread")
atexit.register(lambda: say(server.stop().lifespan, server.state))
"""
    )
    assert done == Done(0, [*UP_AND_DOWN, "completed stopped"], "")


def test_no_server_is_started_when_the_interpreter_has_ended_them() -> None:
    done = run_script(
        """
server = outrider.serve(app)
""",
        first="""
import atexit
def start():
    try:
        server.start()
    except outrider.StateError as error:
        say(error, server.state, server.stop().lifespan)
atexit.register(start)
""",
    )
    assert done == Done(0, ["the interpreter is ending: no server can be started any more created off"], "")


@pytest.mark.parametrize("kind", ["a thread", "an executor"])
def test_a_thread_that_python_waits_for_can_use_the_server_to_its_end(kind: str) -> None:
    # The main thread ends while the handler holds the first request.
    start = {
        "a thread": "threading.Thread(target=work).start()",
        "an executor": "concurrent.futures.ThreadPoolExecutor().submit(work)",
    }[kind]
    done = run_script(
        f"""
import concurrent.futures
async def slow(receive, send):
    begun.set()
    await asyncio.sleep(0.2)
    await hello(receive, send)
def work():
    for path in ("slow", "", ""):
        say(get(server.url + "/" + path), server.call(lambda: server.state))
server = outrider.serve(app).start()
{start}
begun.wait(10)
"""
    )
    assert done == Done(0, ["startup", *["b'hello' ready"] * 3, "shutdown"], "")


def test_daemon_threads_may_be_using_the_server_at_the_end() -> None:
    done = run_script(
        """
def work(use):
    while True:
        with contextlib.suppress(Exception):
            use()
            begun.set()
server = outrider.serve(app).start()
for use in (lambda: get(server.url), lambda: server.call(int), lambda: server.requests, server.wait, server.quiesce):
    threading.Thread(target=work, args=(use,), daemon=True).start()
begun.wait(10)
"""
    )
    assert done == Done(0, UP_AND_DOWN, "")


def test_a_thread_that_the_application_started_does_not_hold_the_end_up() -> None:
    done = run_script(
        """
async def spawn(receive, send):
    threading.Thread(target=threading.Event().wait).start()
    await hello(receive, send)
server = outrider.serve(app).start()
get(server.url + "/spawn")
"""
    )
    assert done == Done(0, UP_AND_DOWN, "")


@pytest.mark.parametrize("serve", ["server.run", "lambda: asyncio.run(server.serve())"])
def test_a_server_that_runs_in_a_thread_of_the_program_is_stopped_too(serve: str) -> None:
    done = run_script(
        f"""
server = outrider.serve(app)
threading.Thread(target={serve}, daemon=True).start()
server.wait_ready()
ask(server, "/forever"); begun.wait(10)
"""
    )
    assert done == Done(0, UP_AND_DOWN, CANCELLED.format("/forever"))


def test_a_server_on_a_loop_that_has_been_left_does_not_hold_the_end_up() -> None:
    done = run_script(
        """
loop = asyncio.new_event_loop()
server = outrider.serve(app, isolation="none")
loop.run_until_complete(server.__aenter__())
"""
    )
    assert (done.said, done.status) == (["startup"], 0)


def test_asyncio_run_cancels_a_server_that_nobody_leaves_and_its_lifespan_too(loop: str) -> None:
    done = run_script(
        f"""
async def main():
    global server
    server = outrider.serve(app, isolation="none")
    await server.__aenter__()
    ask(server, "/forever")
    await asyncio.to_thread(begun.wait, 10)
if {loop!r} == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
say(server.state, server.stop().lifespan)
"""
    )
    assert done == Done(0, ["startup", "stopped completed"], CANCELLED.format("/forever"))


def test_a_server_in_a_process_of_its_own_is_stopped_too() -> None:
    done = run_script(
        f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
outrider.serve("apps.in_process:app", isolation="process", output="inherit").start()
"""
    )
    assert done.status == 0
    assert done.said[-1] == "shut down"


def test_a_server_that_nobody_refers_to_goes_on_until_the_program_ends() -> None:
    done = run_script(
        """
server = outrider.serve(app).start()
url = server.url
del server
gc.collect()
say(get(url))
"""
    )
    assert done == Done(0, ["startup", "b'hello'", "shutdown"], "")


@pytest.mark.parametrize("state", ["created", "ready", "stopped"])
def test_a_server_may_be_part_of_a_cycle_when_the_interpreter_is_finalized(state: str) -> None:
    done = run_script(
        f"""
import builtins
class Owner:
    def __del__(self):
        self.server.errors, self.server.state
owner = Owner()
owner.me, owner.server = owner, outrider.serve(app)
app.server = owner
if {state!r} != "created":
    owner.server.start()
if {state!r} == "stopped":
    owner.server.stop()
builtins.kept = owner.server
"""
    )
    assert done == Done(0, [] if state == "created" else UP_AND_DOWN, "")
