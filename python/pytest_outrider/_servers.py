# SPDX-License-Identifier: MIT
"""The servers of a pytest session: who started them, what they serve, what they did during a test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from outrider import ProcessError, StateError
from outrider._cli import parse_options
from outrider.testing import LiveServer, Observed
from outrider.testing._live import live_server, raise_errors

from pytest_outrider._suite import DJANGO, chosen_raises, marked, suite_app

_NOT_NAMED = (
    "no application is named: pass it, outrider_server(app), or name it for the whole suite: outrider_app = "
    '"package.module:name" in pytest\'s ini options, --outrider-app, or @pytest.mark.outrider(app=...)'
)
# What has been told of a server of which nothing has been told.
_NOTHING = Observed("", (), (), ())


class ServerFactory:
    """Starts servers that end with the scope of its fixture."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.started: list[LiveServer] = []

    def __call__(self, app: Any = None, *, raise_server_exceptions: bool | None = None, **options: Any) -> LiveServer:
        """A server over ``app`` that accepts connections; raises what ``Server.start()`` raises.

        With ``isolation="none"`` it isn't started yet: ``async with outrider_server(app, isolation="none") as server:``
        serves on the test's own event loop. ``raise_server_exceptions``: whether what the application lets out fails
        the test; by default as the suite has it.
        """
        return self.start(self._servers.make(app, raise_server_exceptions, options))

    def start(self, server: LiveServer) -> LiveServer:
        """The same with a server that was made elsewhere."""
        if server.config.isolation != "none":
            server.start()
        self.started.append(server)
        self._servers.watch(server)
        return server

    def stop(self) -> None:
        """All of them, the last one first; raises what their applications let out that no test was told yet."""
        __tracebackhide__ = True
        failures = [failure for server in reversed(self.started) for failure in self._servers.stop(server, server)]
        raise_errors(failures)


class Servers:
    """All servers of a session that fixtures started, and those that ``live_server`` shares."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options: dict[str, Any] | None = None  # of the suite, once asked for
        self._watched: dict[LiveServer, Observed] = {}  # with what has been told of them
        self._left: list[Observed] = []  # of those that have stopped in this phase
        self._shared: dict[str, Any] = {}  # what live_server gives, by application and options

    @contextlib.contextmanager
    def factory(self) -> Iterator[ServerFactory]:
        __tracebackhide__ = True
        factory = ServerFactory(self)
        try:
            yield factory
        finally:
            factory.stop()

    def make(self, app: Any, raise_server_exceptions: bool | None, options: dict[str, Any]) -> LiveServer:
        if app is None:
            app, options = self._suite(), {**self._suite_options(), **options}
        if raise_server_exceptions is None:
            raise_server_exceptions = self._raises()
        return live_server(app, raise_server_exceptions=raise_server_exceptions, **options)

    def shared(self, node: Any = None) -> Any:
        """The server of the application that is named for a test, or for the suite; started when first asked for.

        A ``LiveServer``; a ``DjangoLiveServer`` where the application is ``"django"``.
        """
        chosen = marked(node) if node is not None else {}
        app = chosen.pop("app", None) or self._suite()
        chosen.pop("raise_server_exceptions", None)  # it is the test's, not the server's: end_phase()
        options = {**self._suite_options(), **chosen}
        key = repr((app if isinstance(app, str) else id(app), sorted(options.items())))
        handle = self._shared.get(key)
        if handle is not None and live(handle).state != "ready":  # a test has stopped it, or it has crashed
            self.stop(live(handle), self._shared.pop(key))
            handle = None
        if handle is None:
            handle = self._shared[key] = self._start_shared(app, options)
        return handle

    def _start_shared(self, app: Any, options: dict[str, Any]) -> Any:
        if app == DJANGO:
            if not self._config.pluginmanager.hasplugin("django"):
                pytest.fail("the application 'django' is the project of pytest-django's settings: it isn't installed")
            from outrider.contrib.django import DjangoLiveServer

            handle = DjangoLiveServer(self._config.getoption("liveserver", None), **options)
            handle.server.raise_server_exceptions = self._raises()
            self.watch(handle.server)
            return handle
        server = self.make(app, None, options)
        if server.config.isolation == "none":
            pytest.fail(
                "isolation='none' is for a server on a test's own event loop, and live_server is shared by tests: use "
                "async with outrider_server(app, isolation='none')",
                pytrace=False,
            )
        server.start()
        self.watch(server)
        return server

    def _suite(self) -> str:
        app = suite_app(self._config)
        if app is None:
            pytest.fail(_NOT_NAMED, pytrace=False)
        return app

    def _raises(self) -> bool:
        with _as_failure("the ini option outrider_raise_server_exceptions, which is true or false"):
            return bool(self._config.getini("outrider_raise_server_exceptions"))

    def _suite_options(self) -> dict[str, Any]:
        if self._options is None:
            with _as_failure("the ini option outrider_options"):
                self._options = parse_options(self._config.getini("outrider_options"))
        return self._options or {}

    def watch(self, server: LiveServer) -> None:
        self._watched[server] = _NOTHING

    def stop_shared(self) -> None:
        __tracebackhide__ = True
        failures = [failure for handle in self._shared.values() for failure in self.stop(live(handle), handle)]
        self._shared.clear()
        raise_errors(failures)

    def stop(self, server: LiveServer, handle: Any) -> list[BaseException]:
        """Stops what ``handle`` is, the server or Django's live server around it; what its application let out that no
        test was told yet, its lifespan's shutdown included."""
        told = self._watched.pop(server, _NOTHING)
        was_ready = server.state == "ready"
        try:
            handle.stop()
        except (StateError, ProcessError) as failure:
            return [failure]
        observed = server.observe().since(told)
        self._left.append(observed)
        if not server.raise_server_exceptions:
            return []
        error = server.stop().lifespan_error if was_ready else None  # of the stop before
        return [*observed.errors, error] if error is not None and error not in observed.errors else [*observed.errors]

    def settle(self) -> None:
        for server in self._watched:
            _settled(server)

    def end_phase(self, item: pytest.Item, phase: str, error: BaseException | None) -> None:
        """Ends what still runs, shows in the test's report what the servers did, and raises what their applications let
        out, unless the phase has failed with ``error`` anyway."""
        __tracebackhide__ = True
        is_chosen = chosen_raises(item)
        # A browser's pages, of which pictures may be taken, stay as the test left them until they are closed.
        may_go_on = phase != "teardown" and "new_context" in getattr(item, "fixturenames", ())
        failures: list[BaseException] = []
        for server, told in self._watched.items():
            if not may_go_on:
                failures += _settled(server)
            observed = server.observe()
            self._watched[server] = observed
            self._show(item, phase, observed.since(told))
            if server.raise_server_exceptions if is_chosen is None else is_chosen:
                failures += observed.since(told).errors
        for observed in self._left:
            self._show(item, phase, observed)
        self._left.clear()
        if phase == "teardown":
            for server in self._watched:
                server.forget()
                self._watched[server] = _NOTHING
        if error is None:
            raise_errors(failures)

    def _show(self, item: pytest.Item, phase: str, observed: Observed) -> None:
        if observed:
            item.add_report_section(phase, f"outrider {observed.url}", str(observed))


def live(handle: Any) -> LiveServer:
    """The server behind what ``live_server`` gives."""
    server: LiveServer = handle if isinstance(handle, LiveServer) else handle.server
    return server


@contextlib.contextmanager
def _as_failure(where: str) -> Iterator[None]:
    """A mistake in the settings fails the test, in a sentence."""
    try:
        yield
    except (ValueError, pytest.UsageError) as error:
        raise pytest.fail.Exception(f"{where}: {error}", pytrace=False) from None


def _settled(server: LiveServer) -> list[BaseException]:
    """Why it didn't settle."""
    try:
        server.settle()
    except TimeoutError as error:
        return [error]
    return []
