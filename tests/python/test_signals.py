"""Signals that a program gets while a server runs beside it."""

from __future__ import annotations

import signal

import pytest
from scripts import Script, run_script

# Where the main thread is when Ctrl-C comes; it has said "there", or the handler of its request has.
PLACES = {
    "a sleep": "say('there'); time.sleep(1000)",
    "a computation": "say('there')\n    while True: pass",
    "a lock": "say('there'); threading.Event().wait()",
    "a request to the server": "get(server.url + '/there')",
    "a coroutine on the server's loop": "server.run_coroutine(there(None, None))",
    "a wait for the server": "say('there'); server.wait()",
}
THERE = """
async def there(receive, send):
    say("there")
    await asyncio.sleep(1000)
"""


@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_gets_through_at_once_and_the_with_block_stops_the_server(place: str) -> None:
    script = Script(
        THERE
        + f"""
try:
  with outrider.serve(app, timeout_graceful_shutdown=0) as server:
    {PLACES[place]}
except KeyboardInterrupt:
    say("interrupted", server.state)
"""
    )
    script.wait_for("startup", "there")
    script.process.send_signal(signal.SIGINT)
    done = script.end()
    assert (done.said, done.status) == (["shutdown", "interrupted stopped"], 0)
    assert "Traceback" not in done.stderr


def test_ctrl_c_that_nobody_catches_ends_the_program_by_sigint_after_the_shutdown() -> None:
    script = Script("with outrider.serve(app) as server:\n    say('there'); time.sleep(1000)")
    script.wait_for("startup", "there")
    script.process.send_signal(signal.SIGINT)
    done = script.end()
    assert (done.said, done.status) == (["shutdown"], -signal.SIGINT)
    assert done.stderr.count("Traceback") == 1 and done.stderr.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize(
    ("isolation", "start"), [("thread", "server.start()"), ("none", "asyncio.run(server.__aenter__())")]
)
def test_ctrl_c_during_a_startup_that_hangs_leaves_nothing_running(isolation: str, start: str) -> None:
    script = Script(
        f"""
async def app(scope, receive, send):
    say("there")
    await asyncio.sleep(1000)
server = outrider.serve(app, isolation={isolation!r})
try:
    {start}
except KeyboardInterrupt:
    say(server.state, [thread.name for thread in threading.enumerate()])
"""
    )
    script.wait_for("there")
    script.process.send_signal(signal.SIGINT)
    done = script.end()
    assert (done.said, done.stderr, done.status) == (["stopped ['MainThread']"], "", 0)


def test_ctrl_c_during_a_stop_gets_through_and_the_stop_ends_with_the_program() -> None:
    script = Script(
        """
async def app(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("there")
    try:
        await asyncio.sleep(1000)
    finally:
        say("given up")
server = outrider.serve(app).start()
try:
    server.stop(outrider.StopPolicy(lifespan=1000))
except KeyboardInterrupt:
    say("interrupted", server.state)
"""
    )
    script.wait_for("there")
    script.process.send_signal(signal.SIGINT)
    done = script.end()
    assert (done.said, done.stderr, done.status) == (["interrupted draining", "given up"], "", 0)


def test_ctrl_c_in_asyncio_run_stops_a_server_on_its_loop() -> None:
    script = Script(
        """
async def main():
    async with outrider.serve(app, isolation="none", timeout_graceful_shutdown=0) as server:
        ask(server, "/forever")
        await asyncio.to_thread(begun.wait, 10)
        say("there")
        await asyncio.sleep(1000)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    say("interrupted")
"""
    )
    script.wait_for("startup", "there")
    script.process.send_signal(signal.SIGINT)
    done = script.end()
    assert (done.said, done.status) == (["shutdown", "interrupted"], 0)
    assert "Traceback" not in done.stderr


def test_sigterm_ends_a_program_beside_which_a_server_runs_at_once() -> None:
    script = Script("server = outrider.serve(app).start()\nsay('there'); time.sleep(1000)")
    script.wait_for("startup", "there")
    script.process.send_signal(signal.SIGTERM)
    done = script.end()
    assert (done.said, done.stderr, done.status) == ([], "", -signal.SIGTERM)


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt"])
def test_an_exit_that_a_handler_raises_ends_its_request_alone(kind: str, loop: str) -> None:
    done = run_script(
        f"""
async def leave(receive, send):
    raise {kind}
with outrider.serve(app, loop={loop!r}) as server:
    with contextlib.suppress(OSError, urllib.error.HTTPError):
        get(server.url + "/leave")
    say(get(server.url), *[type(error).__name__ for error in server.errors])
"""
    )
    assert (done.said, done.status) == (["startup", f"b'hello' {kind}", "shutdown"], 0)
