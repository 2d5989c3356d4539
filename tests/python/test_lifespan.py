"""The lifespan of an application (ASGI 3.0, "Lifespan Protocol"): its messages, their order, and what breaks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import outrider
import pytest
from asgi_app import DONE, OK, Receive, Scope, Send
from wire_client import WireClient

Eventually = Callable[[Callable[[], bool]], None]
STARTED = {"type": "lifespan.startup.complete"}
ENDED = {"type": "lifespan.shutdown.complete"}
QUICK = outrider.StopPolicy(grace=0.01, disconnect=0.01, cancel=0.5, lifespan=0.05)


class Application:
    """Answers requests; its lifespan is a function of receive and send."""

    def __init__(self, lifespan: Callable[[Receive, Send], Any]) -> None:
        self.lifespan = lifespan
        self.scope: Scope = {}
        self.raised: BaseException | None = None
        self.states: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self.scope = scope
            try:
                await self.lifespan(receive, send)
            except BaseException as error:
                self.raised = error
                raise
            return
        self.states.append(scope.get("state"))
        await send(OK)
        await send(DONE)


def serve_once(app: Any, **options: Any) -> outrider.StopReport:
    with outrider.serve(app, **options) as server:
        with WireClient(server) as client:
            assert client.get().status == 200
        return server.stop(QUICK)


def test_the_scope_of_a_lifespan_has_every_field_of_the_specification() -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        assert await receive() == {"type": "lifespan.startup"}
        await send(STARTED)
        assert await receive() == {"type": "lifespan.shutdown"}
        await send(ENDED)

    app = Application(lifespan)
    report = serve_once(app)
    assert (report.lifespan, report.lifespan_error) == ("completed", None)
    asgi = {"version": "3.0", "spec_version": "2.0"}
    assert app.scope == {"type": "lifespan", "asgi": asgi, "state": {}}
    assert app.states == [{}]


def test_no_request_is_answered_before_the_startup_is_complete_and_none_after_the_shutdown() -> None:
    waits, goes_on = threading.Event(), threading.Event()
    order: list[str] = []

    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        waits.set()
        await asyncio.to_thread(goes_on.wait, 10)
        order.append("started")
        await send(STARTED)
        await receive()
        order.append("shut down")
        await send(ENDED)

    class Ordered(Application):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                order.append("request")
            await super().__call__(scope, receive, send)

    server = outrider.serve(Ordered(lifespan))
    starts = threading.Thread(target=server.start)
    starts.start()
    assert waits.wait(10)
    with pytest.raises(ConnectionRefusedError):
        WireClient(server)
    goes_on.set()
    starts.join()
    with WireClient(server) as client:
        client.get()
    server.stop()
    assert order == ["started", "request", "shut down"]


@pytest.mark.parametrize(
    "lifespan_message", [OK, DONE, {"type": "websocket.accept"}, {"type": None}, {}], ids=lambda it: str(it.get("type"))
)
@pytest.mark.parametrize("receives", [False, True])
def test_an_application_that_takes_the_lifespan_for_a_request_has_none(
    receives: bool, lifespan_message: dict[str, Any]
) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        if receives:
            await receive()
        await send(lifespan_message)

    app = Application(lifespan)
    assert serve_once(app).lifespan == "off"
    assert app.states == [None]
    assert isinstance(app.raised, ValueError)
    with pytest.raises(outrider.LifespanError) as caught:
        outrider.serve(Application(lifespan), lifespan="on").start()
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("kind", [ValueError, TypeError, AssertionError, SystemExit, KeyboardInterrupt])
def test_an_application_that_raises_for_the_scope_has_no_lifespan(kind: type[BaseException]) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        raise kind("only http")

    assert serve_once(Application(lifespan)).lifespan == "off"


def test_an_application_that_ignores_the_lifespan_has_none() -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        pass

    assert serve_once(Application(lifespan)).lifespan == "off"


def test_an_application_of_two_callables_fails_in_its_requests_and_says_why() -> None:
    def legacy(scope: Scope) -> Any:
        raise NotImplementedError

    with outrider.serve(legacy) as server, WireClient(server) as client:
        assert client.get().status == 500
        assert "positional argument" in str(server.errors[0])


def test_a_startup_that_returns_or_raises_says_how_to_serve_without_a_lifespan() -> None:
    async def returns(receive: Receive, send: Send) -> None:
        await receive()

    async def raises(receive: Receive, send: Send) -> None:
        await receive()
        raise KeyError("no database")

    for lifespan in (returns, raises):
        with pytest.raises(outrider.LifespanError, match="lifespan='off'"):
            outrider.serve(Application(lifespan)).start()
        assert serve_once(Application(lifespan), lifespan="off").lifespan == "off"


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        (None, TypeError, "must be a dict, not None"),
        ("lifespan.startup.complete", TypeError, "must be a dict"),
        ({"type": "lifespan.startup"}, ValueError, "unknown lifespan message type 'lifespan.startup'"),
        ({"type": "lifespan.startup.done"}, ValueError, "unknown lifespan message type"),
        ({"type": "lifespan.startup.failed", "message": 5}, TypeError, "'message' of 'lifespan.startup.failed'"),
        ({"type": "lifespan.startup.failed", "message": None}, TypeError, "must be a str, not None"),
        (ENDED, outrider.ProtocolError, "before 'lifespan.shutdown' was received"),
        ({"type": "lifespan.shutdown.failed"}, outrider.ProtocolError, "before 'lifespan.shutdown' was received"),
    ],
)
def test_a_message_that_is_none_of_a_startups_is_refused_and_the_startup_can_go_on(
    message: Any, kind: type[BaseException], words: str
) -> None:
    raised: list[BaseException] = []

    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send(message)
        except Exception as error:
            raised.append(error)
        await send({**STARTED, "more": 1})
        await receive()
        await send(ENDED)

    assert serve_once(Application(lifespan)).lifespan == "completed"
    assert type(raised[0]) is kind
    assert words in str(raised[0])


@pytest.mark.parametrize(
    "second", [STARTED, {"type": "lifespan.startup.failed", "message": "too late"}], ids=["complete", "failed"]
)
def test_a_second_answer_to_the_startup_is_refused_and_the_server_serves(second: dict[str, Any]) -> None:
    raised: list[BaseException] = []

    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        try:
            await send(second)
        except outrider.ProtocolError as error:
            raised.append(error)
        await receive()
        await send(ENDED)

    assert serve_once(Application(lifespan)).lifespan == "completed"
    assert "answered already" in str(raised[0])


def test_a_startup_that_failed_without_a_message_fails_the_start() -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed"})

    with pytest.raises(outrider.LifespanError, match=r"startup failed$"):
        outrider.serve(Application(lifespan)).start()


def test_a_shutdown_that_fails_is_logged_with_its_message_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "pool is stuck"})

    report = serve_once(Application(lifespan))
    assert (report.lifespan, str(report.lifespan_error)) == ("failed", "pool is stuck")
    assert "pool is stuck" in caplog.text


def test_a_shutdown_that_raises_is_logged_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        await receive()
        raise LookupError("pool is stuck")

    report = serve_once(Application(lifespan))
    assert report.lifespan == "failed"
    assert isinstance(report.lifespan_error, LookupError)
    assert "pool is stuck" in caplog.text


def test_a_lifespan_that_returns_while_the_server_serves_is_over_without_an_error() -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)

    assert serve_once(Application(lifespan)).lifespan == "completed"


def test_a_lifespan_that_raises_while_the_server_serves_is_logged_at_once_and_the_server_goes_on(
    caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        raise LookupError("listener died")

    with outrider.serve(Application(lifespan)) as server:
        eventually(lambda: "the application's lifespan raised before its shutdown" in caplog.text)
        with WireClient(server) as client:
            assert client.get().status == 200
        report = server.stop()
    assert report.lifespan == "failed"
    assert isinstance(report.lifespan_error, LookupError)


@pytest.mark.parametrize("answers", [False, True])
def test_a_lifespan_that_asks_for_more_than_the_shutdown_does_not_hold_up_the_stop(answers: bool) -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send(STARTED)
            elif answers:
                await send(ENDED)

    report = serve_once(Application(lifespan))
    assert report.lifespan == ("completed" if answers else "timed out")
    assert report.elapsed < 5


def test_a_lifespan_that_works_on_behind_its_last_answer_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrider._lifespan._END_SECONDS", 0.05)
    cancelled = threading.Event()

    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await send(STARTED)
        await receive()
        await send(ENDED)
        try:
            await asyncio.sleep(1000)
        finally:
            cancelled.set()

    assert serve_once(Application(lifespan)).lifespan == "completed"
    assert cancelled.is_set()


def test_a_startup_that_hangs_fails_the_start_after_its_time() -> None:
    async def lifespan(receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(1000)

    app = Application(lifespan)
    with pytest.raises(outrider.LifespanError, match=r"start_timeout=0\.05"):
        outrider.serve(app, start_timeout=0.05).start()
    assert isinstance(app.raised, asyncio.CancelledError)


def test_an_application_whose_address_is_taken_is_not_started_up() -> None:
    events: list[str] = []

    async def lifespan(receive: Receive, send: Send) -> None:
        events.append((await receive())["type"])
        await send(STARTED)
        events.append((await receive())["type"])
        await send(ENDED)

    with outrider.serve(Application(lifespan)) as first, pytest.raises(outrider.BindError):
        outrider.serve(Application(lifespan), port=first.port).start()
    assert events == ["lifespan.startup", "lifespan.shutdown"]  # the first's: a port is taken before the startup
