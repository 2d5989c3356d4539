"""Starlette's TestClient with a live Outrider in place of its in-process transport.

It is that class in all but two things. A request goes over a TCP connection to a server that runs the application,
the very object that the test gave, on a thread of its own; and ``with client:`` starts such a server with a lifespan.
What the in-process client has by calling the application itself is made from what a server tells:

- a request returns when the application's task has ended, background tasks included;
- an exception that the application let out is in ``Server.errors``, and raised where the in-process client raises it;
- a WebSocket's frames are the websockets package's: live_websocket.py;
- ``base_url`` and the Host field stay what the test asked for; only the connection leads elsewhere;
- what an application says for debugging (the template of a response) comes by ``on_debug``, trailers come by h11;
- ``root_path`` is taken off the path on the way, as the proxy does that the server's option is for.

Not to be had over a real connection, and so not imitated: an address of the client's choice (``client=``), a scheme
without its TLS, trio.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any, Self

import h11
import outrider
from httpcore2._sync.http11 import HTTP11Connection
from live_websocket import LiveWebSocket
from starlette.testclient import TestClient, _Upgrade, httpx

# For all that can hang. The limit of a test is higher, so that this one names what was waited for.
SECONDS_MAX = 15.0

# What Server.errors keeps.
ERRORS_MAX = 100

TRAILERS = "http.response.trailers"


def keep_trailers(connection: type[HTTP11Connection]) -> None:
    """httpcore drops the trailers that h11 has read: from now on they are kept at the connection's stream."""
    receive_event = connection._receive_event

    def receive(self: HTTP11Connection, *arguments: Any, **options: Any) -> Any:
        event = receive_event(self, *arguments, **options)
        if isinstance(event, h11.EndOfMessage):
            self._network_stream.trailers = list(event.headers)
        return event

    connection._receive_event = receive


keep_trailers(HTTP11Connection)


class LiveServer:
    """A running Outrider and the connections to it."""

    running: list[LiveServer] = []  # those that have been started and not stopped
    exchanges = 0  # of all of them so far

    def __init__(self, app: Any, *, lifespan: str, root_path: str, loop: str) -> None:
        self.debug: list[dict[str, Any]] = []  # what was said since somebody took it from here
        options = {"lifespan": lifespan, "root_path": root_path, "loop": loop, "on_debug": self._on_debug}
        self.server = outrider.serve(app, **options)
        self.server.start()
        self._root_path = root_path.encode()
        self._errors_told = 0
        self.websocket_tasks: set[asyncio.Task[Any]] = set()  # of WebSockets that are open, which settle() lets be
        self._transport = httpx.HTTPTransport(verify=False, trust_env=False)
        LiveServer.running.append(self)

    def _on_debug(self, request: str, info: dict[str, Any]) -> None:
        self.debug.append(info)

    @property
    def lifespan_state(self) -> dict[str, Any]:
        """The state that the lifespan has made; a server shows it to its application alone."""
        return self.server._service._lifespan.state

    def count(self) -> None:
        LiveServer.exchanges += 1

    def send(self, request: httpx.Request) -> httpx.Response:
        self.count()
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS_MAX)
        # h11 sends no white space around a value, and no recipient lets it through (RFC 9110 §5.5).
        headers = [(name, value.strip(b" \t")) for name, value in request.headers.raw]
        return self._transport.handle_request(
            httpx.Request(
                request.method,
                self.url(request.url),
                headers=headers,
                stream=request.stream,
                extensions={**request.extensions, "timeout": timeouts},
            )
        )

    def url(self, url: httpx.URL) -> httpx.URL:
        """Where a request for ``url`` is sent."""
        target = url.raw_path
        if target.startswith(self._root_path + b"/"):
            target = target.removeprefix(self._root_path)
        return url.copy_with(scheme="http", host="127.0.0.1", port=self.server.port, raw_path=target)

    def settle(self) -> BaseException | None:
        """Waits until no task of the application is running, but for those of open WebSockets; returns the first
        exception that it let out since the last time. Raises ``AssertionError`` when the server has sent something
        behind the end of a response."""
        self.server.run_coroutine(self._end_of_tasks(), SECONDS_MAX)
        self._check_connections()
        errors = self.server.errors
        assert len(errors) < ERRORS_MAX, "the server keeps no more exceptions, so that new ones can't be told"
        new, self._errors_told = errors[self._errors_told :], len(errors)
        return new[0] if new else None

    def running_tasks(self) -> set[asyncio.Task[Any]]:
        """Those of the application, background tasks included."""

        async def running() -> set[asyncio.Task[Any]]:
            return {task for task in self.server._engine.tasks if not task.done()}

        return self.server.run_coroutine(running(), SECONDS_MAX)

    async def _end_of_tasks(self) -> None:
        # quiesce() would do, but it closes the connections, which are to be used again.
        tasks = self.server._engine.tasks
        while running := {task for task in tasks if not task.done()} - self.websocket_tasks:
            await asyncio.wait(running)

    def _check_connections(self) -> None:
        """httpx silently drops an idle connection that has bytes: what a server must never send is looked for here."""
        for connection in self._transport._pool.connections:
            http11 = connection._connection
            if http11 is None or not http11.is_idle():
                continue
            left, _ = http11._h11_state.trailing_data
            stream = http11._network_stream
            if stream.get_extra_info("is_readable"):  # b"" when the server has closed it
                left += stream.get_extra_info("socket").recv(1 << 16, socket.MSG_PEEK)
            assert not left, f"behind the end of a response came {left!r}"

    def stop(self) -> outrider.StopReport:
        LiveServer.running.remove(self)
        self._transport.close()
        return self.server.stop()


class _Body(httpx.SyncByteStream):
    """A response's body; at its end, and when it is closed before, the request is over for the client."""

    def __init__(self, transport: LiveTransport, live: LiveServer, response: httpx.Response) -> None:
        self.trailers: list[tuple[bytes, bytes]] = []  # complete at the body's end
        self._transport = transport
        self._live = live
        self._response = response
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.stream
        except httpx.TransportError as error:
            self._end(error)
        else:
            self.trailers += getattr(self._response.extensions["network_stream"], "trailers", [])
            self._end(None)

    def close(self) -> None:
        self._end(None)

    def _end(self, failure: Exception | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._response.close()
            self._transport.end(self._live, failure)


class LiveTransport(httpx.BaseTransport):
    def __init__(self, client: LiveClient, raise_server_exceptions: bool) -> None:
        self._client = client
        self._raises = raise_server_exceptions

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        live = self._client.live()
        if request.url.scheme in ("ws", "wss"):
            raise _Upgrade(LiveWebSocket(live, request, SECONDS_MAX))
        try:
            response = live.send(request)
        except httpx.TransportError as error:
            self.end(live, error)
        body = _Body(self, live, response)
        answer = httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=body,
            extensions={**response.extensions, TRAILERS: body.trailers},
            request=request,
        )
        if live.debug:
            info, live.debug = live.debug[-1], []
            answer.extensions["http.response.debug"] = info
            for name in {"template", "context"} & info.keys():
                setattr(answer, name, info[name])
        return answer

    def close(self) -> None:
        self._client.stop()

    def end(self, live: LiveServer, failure: Exception | None) -> None:
        if live not in LiveServer.running:
            return  # a response that a test has dropped is closed when it is collected, which may be after its end
        error = live.settle()
        if error is not None and self._raises:
            raise error
        if failure is not None:
            raise failure


class LiveClient(TestClient):
    """In the place of ``starlette.testclient.TestClient`` while a suite runs."""

    _live: LiveServer | None = None

    def __init__(self, app: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(app, *arguments, **options)
        inner = self._transport
        self._root_path = inner.root_path
        self._transport = LiveTransport(self, inner.raise_server_exceptions)

    def live(self, lifespan: str = "off") -> LiveServer:
        """The server of this client: outside of ``with client:`` one that lasts for a test, as the plugin sees to."""
        if self._live is None or self._live not in LiveServer.running:
            loop = "uvloop" if self.async_backend["backend_options"].get("use_uvloop") else "asyncio"
            self._live = LiveServer(self.app, lifespan=lifespan, root_path=self._root_path, loop=loop)
        return self._live

    def __enter__(self) -> Self:
        self.stop()
        try:
            self.app_state = self.live("on").lifespan_state
        except outrider.LifespanError as error:
            raise (error.__cause__ or error) from None
        return self

    def __exit__(self, *exception: object) -> None:
        report = self.stop()
        if report is not None and report.lifespan_error is not None:
            raise report.lifespan_error

    def stop(self) -> outrider.StopReport | None:
        live, self._live = self._live, None
        return live.stop() if live is not None and live in LiveServer.running else None
