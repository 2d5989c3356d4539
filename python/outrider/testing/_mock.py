# SPDX-License-Identifier: MIT
"""An HTTP API of somebody else's, for the tests of its clients."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

from outrider._cancellation import outlast
from outrider._config import Config
from outrider._stop import StopPolicy
from outrider._threads import in_thread
from outrider.testing._live import LiveServer, raise_errors
from outrider.testing._mock_answer import Answer, AnswerOptions, Receive, Send
from outrider.testing._mock_checks import check_times, counted
from outrider.testing._mock_journal import Journal, Unexpected, merged, nearest_routes
from outrider.testing._mock_request import Fields, MockRequest
from outrider.testing._mock_routes import AnswerMaker, Conditions, Expected, Route

if TYPE_CHECKING:
    from typing import Unpack

# Nothing here is worth waiting for, but an answer that is being made may still get out.
_STOP = StopPolicy(grace=0.0)


class Mock:
    """A server that answers as it is told, and remembers what it was asked; for clients in any language.

    ::

        with Mock() as mock:
            mock.get("/weather/{place}", json={"degrees": 21})
            mock.post("/orders", Answer(503), Answer(201))
            client_under_test(mock.url)
        mock.assert_called("POST", "/orders", json={"item": 1}, times=2)

    Routes may be added at any time. Of those that match, the most specific answers, whatever their order: text in a
    path goes before ``{name}``, a method before ``"*"``, a route with conditions (``when()``) before one without; of
    equals the one that was added last. What no route answers is a 404 that names the routes, and with ``strict`` an
    error at the end of the block (``check()``).

    ``options`` are ``outrider.Config``'s: ``tls=True`` makes it https with a throw-away authority, which
    ``mock.server`` gives to clients (``client()``, ``ssl_context()``, ``save_ca()``). It keeps the last 10,000
    requests, fewer when their bodies have more than 64 MiB together.

    On an event loop: ``async with``. A mock that is started again keeps its routes and its requests (``reset()``).

    Thread: every method may be called from any.
    """

    def __init__(self, *, strict: bool = True, **options: Any) -> None:
        if options.get("isolation", "thread") != "thread":
            raise ValueError(f"isolation={options['isolation']!r}: a mock runs in a thread of this process")
        if "app" in options:
            raise TypeError(
                f"app={options['app']!r}: a mock is an application itself; for another one: outrider.serve(app)"
            )
        self.strict = strict
        self._journal = Journal()
        self._lock = threading.Lock()
        self._routes: list[Route] = []  # under the lock
        options = {"port": 0, "lifespan": "off", "ws": "none", **options}
        self.server = LiveServer(Config(self._serve, **options))

    # --- its life ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Starts the server; raises what ``Server.start()`` raises."""
        self.server.start()
        return self

    def stop(self) -> None:
        """Stops the server, and then raises what ``check()`` raises."""
        self.server.stop(_STOP)
        self.check()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.server.stop(_STOP)
        self._tell(error)

    async def __aenter__(self) -> Self:
        await self.server.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stopping = asyncio.ensure_future(in_thread(lambda: self.server.stop(_STOP)))
        try:
            await outlast(stopping, lambda: self.server.request_stop(StopPolicy.immediate()))
        finally:
            await self.server.__aexit__(kind, error, traceback)  # which closes its clients
        self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        if error is None:
            self.check()
            return
        for failure in self.failures():  # which may be the reason
            error.add_note(f"{type(failure).__name__}: {failure}")

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:49213"``. Raises ``StateError`` before it is started."""
        return self.server.url

    def __str__(self) -> str:
        return self.url

    def __add__(self, path: str) -> str:
        return f"{self.url}{path}"

    def __repr__(self) -> str:
        routes, requests = counted(len(self._routes), "route"), counted(len(self.requests), "request")
        return f"<Mock {self.server.state}: {routes}, {requests}>"

    # --- routes -----------------------------------------------------------------------------------------------------

    def route(self, method: str, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """Answers requests of that method (``"*"``: of each) and path as ``Route.answer()`` says.

        ``{name}`` in the path is one segment, ``{rest...}`` at its end all the rest, and ``?name=value`` a condition.
        A route for GET answers HEAD, too, where no other does.
        """
        return self._add(Route(Expected(method, path, {}), self._asked).answer(*answers, **answer))

    def get(self, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """``route("GET", ...)``."""
        return self.route("GET", path, *answers, **answer)

    def post(self, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """``route("POST", ...)``."""
        return self.route("POST", path, *answers, **answer)

    def put(self, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """``route("PUT", ...)``."""
        return self.route("PUT", path, *answers, **answer)

    def patch(self, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """``route("PATCH", ...)``."""
        return self.route("PATCH", path, *answers, **answer)

    def delete(self, path: str, *answers: Answer | AnswerMaker, **answer: Unpack[AnswerOptions]) -> Route:
        """``route("DELETE", ...)``."""
        return self.route("DELETE", path, *answers, **answer)

    def when(self, method: str, path: str, **conditions: Unpack[Conditions]) -> Route:
        """A route for requests with that ``query``, ``headers``, ``json`` or ``body`` only:
        ``mock.when("POST", "/orders", json={"item": 1}).answer(Answer(201))``. It answers 200 until it is told.

        The query and the header fields may have others besides; None means that there is none of that name, a list
        that these are all its values. ``json`` and ``body`` are compared as a whole, with ``==``:
        ``unittest.mock.ANY`` fits.
        """
        return self._add(Route(Expected(method, path, conditions), self._asked))

    def _add(self, route: Route) -> Route:
        with self._lock:
            self._routes.append(route)
        return route

    def _asked(self) -> tuple[MockRequest, ...]:
        return self.requests

    # --- what was asked ---------------------------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[MockRequest, ...]:
        """What was asked so far, the oldest first; also what no route answered."""
        return self._journal.requests

    def assert_called(
        self, method: str, path: str, *, times: int | None = None, **conditions: Unpack[Conditions]
    ) -> tuple[MockRequest, ...]:
        """Raises ``AssertionError`` unless that was asked: at least once, or so many ``times``; returns the requests.

        The conditions are those of ``when()``. The error shows what was asked, the nearest first.
        """
        __tracebackhide__ = True
        if times is not None:
            check_times(times, 0)
        expected = Expected(method, path, conditions)
        found = self._journal.matching(expected)
        if found if times is None else len(found) == times:
            return found
        often = f" {counted(len(found), 'time')}, not {times}" if found else ""
        was = "was" if found else "was not"
        raise AssertionError(f"the mock {was} asked for {expected}{often}. {self._journal.nearest(expected)}")

    def assert_not_called(self, method: str = "*", path: str = "/{path...}", **conditions: Unpack[Conditions]) -> None:
        """Raises ``AssertionError`` if that was asked; without arguments, if anything was."""
        __tracebackhide__ = True
        self.assert_called(method, path, times=0, **conditions)

    def wait_for(
        self, method: str, path: str, timeout: float = 5.0, *, times: int = 1, **conditions: Unpack[Conditions]
    ) -> MockRequest:
        """Waits until that was asked, for a client that does it later; returns the request.

        It may have been asked before; ``times`` says how often in all. Raises ``AssertionError`` after ``timeout``
        seconds. Not on the event loop that the client runs on, which couldn't go on: ``async_wait_for()``.
        """
        __tracebackhide__ = True
        check_times(times, 1)
        expected = Expected(method, path, conditions)
        request = self._journal.wait_for(expected, times, timeout)
        if request is not None:
            return request
        often = f" {times} times" if times != 1 else ""
        raise AssertionError(
            f"the mock was not asked for {expected}{often} within {timeout} s. {self._journal.nearest(expected)}"
        )

    async def async_wait_for(
        self, method: str, path: str, timeout: float = 5.0, *, times: int = 1, **conditions: Unpack[Conditions]
    ) -> MockRequest:
        """As ``wait_for()``, while the event loop goes on."""
        __tracebackhide__ = True
        return await in_thread(lambda: self.wait_for(method, path, timeout, times=times, **conditions))

    def failures(self) -> list[BaseException]:
        """What ``check()`` would raise."""
        return merged(self.server.observe().errors)

    def check(self) -> None:
        """Raises ``AssertionError`` if something was asked that no route answers (with ``strict``), and what a
        function raised that was to answer; several in a group."""
        __tracebackhide__ = True
        raise_errors(self.failures())

    def forget(self) -> None:
        """Forgets what was asked; the routes stay, and go on where they are."""
        self._journal.forget()
        self.server.forget()

    def reset(self) -> None:
        """Forgets what was asked, and the routes: a mock that tests share is as new."""
        with self._lock:
            self._routes.clear()
        self.forget()

    # --- the application --------------------------------------------------------------------------------------------

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = []
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has gone, and asked for nothing
            body.append(message["body"])
            more = message["more_body"]
        request, route = self._find(_request(scope, b"".join(body)))
        self._journal.add(request)
        answer = self._unknown(request) if route is None else await route.answer_to(request)
        await answer.send(receive, send)

    def _find(self, request: MockRequest) -> tuple[MockRequest, Route | None]:
        with self._lock:
            routes = self._routes[::-1]
        found = [route for route in routes if not route.expected.differences(request)]
        if not found and request.method == "HEAD":
            as_get = dataclasses.replace(request, method="GET")
            found = [route for route in routes if not route.expected.differences(as_get)]
        if not found:
            return request, None
        route = min(found, key=lambda one: one.expected.vagueness())
        parameters = route.expected.parameters(request.target) or {}
        return dataclasses.replace(request, route=route, parameters=parameters), route

    def _unknown(self, request: MockRequest) -> Answer:
        with self._lock:
            routes = list(self._routes)
        text = nearest_routes(routes, request)
        if self.strict:
            self.server.note(Unexpected(text))
        return Answer(404, text=text + "\n")


def _request(scope: dict[str, Any], body: bytes) -> MockRequest:
    raw_query = scope["query_string"].decode("latin-1")
    target = scope["raw_path"].decode("latin-1")
    return MockRequest(
        method=scope["method"],
        path=scope["path"],
        query=Fields(parse_qsl(raw_query, keep_blank_values=True)),
        headers=Fields([(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]], ignore_case=True),
        body=body,
        target=f"{target}?{raw_query}" if raw_query else target,
    )
