# SPDX-License-Identifier: MIT
"""The servers of a pytest session: who started them, what they serve, what they did during a test."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from outrider import ProcessError, StateError
from outrider._cli import make_parser
from outrider.testing import LiveServer
from outrider.testing._live import live_server, raise_errors

from pytest_outrider._suite import DJANGO, marked, suite_app

_NOT_NAMED = (
    "no application is named: pass it, outrider_server(app), or name it for the whole suite: outrider_app = "
    '"package.module:name" in pytest\'s ini options, --outrider-app, or @pytest.mark.outrider(app=...)'
)


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
        server = self._servers.make(app, raise_server_exceptions, options)
        self.started.append(server)
        self._servers.watch(server)
        if server.config.isolation != "none":
            server.start()
        return server

    def stop(self) -> None:
        """All of them; raises what went wrong in the last application's shutdown."""
        failures: list[BaseException] = []
        for server in reversed(self.started):
            failures += _stop(server)
        self._servers.unwatch(self.started)
        raise_errors(failures)


class Servers:
    """All servers of a session that fixtures started, and those that ``live_server`` shares."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._watched: list[LiveServer] = []
        self._shared: dict[str, Any] = {}  # what live_server gives, by application and options

    @contextlib.contextmanager
    def factory(self) -> Iterator[ServerFactory]:
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
        raises = chosen.pop("raise_server_exceptions", None)
        options = {**self._suite_options(), **chosen}
        key = repr((app if isinstance(app, str) else id(app), sorted(options.items())))
        handle = self._shared.get(key)
        if handle is None or handle.state != "ready":
            handle = self._shared[key] = self._start_shared(app, raises, options)
        if raises is not None:
            _live(handle).raise_server_exceptions = raises
        return handle

    def _start_shared(self, app: Any, raises: bool | None, options: dict[str, Any]) -> Any:
        if app == DJANGO:
            from outrider.contrib.django import DjangoLiveServer

            handle = DjangoLiveServer(self._config.getoption("liveserver", None) or "localhost", **options)
            self.watch(handle.server)
            return handle
        server = self.make(app, raises, options)
        self.watch(server)
        return server.start()

    def _suite(self) -> str:
        app = suite_app(self._config)
        if app is None:
            pytest.fail(_NOT_NAMED, pytrace=False)
        return app

    def _raises(self) -> bool:
        return bool(self._config.getini("outrider_raise_server_exceptions"))

    def _suite_options(self) -> dict[str, Any]:
        given = self._config.getini("outrider_options")
        if not given:
            return {}
        parser = make_parser()
        parser.set_defaults(**dict.fromkeys(vars(parser.parse_args(["x"])), argparse.SUPPRESS))
        parser.exit_on_error = False
        return {name: value for name, value in vars(parser.parse_args(["x", *given])).items() if name != "app"}

    def watch(self, server: LiveServer) -> None:
        self._watched.append(server)

    def unwatch(self, servers: list[LiveServer]) -> None:
        self._watched = [one for one in self._watched if one not in servers]

    def stop_shared(self) -> None:
        failures = [failure for handle in self._shared.values() for failure in _stop(handle)]
        self._shared.clear()
        raise_errors(failures)

    def settle(self) -> None:
        """Ends the requests that still run, so that none gets into what comes now."""
        for server in self._watched:
            server.settle()

    def forget(self) -> None:
        for server in self._watched:
            server.forget()

    def end_call(self, item: pytest.Item, *, may_fail: bool = False) -> None:
        """Shows in the test's report what the servers did; raises what their applications let out."""
        self.settle()
        errors: list[BaseException] = []
        for server in self._watched:
            observed = server.observe()
            if observed:
                item.add_report_section("call", f"outrider {observed.url}", str(observed))
            if server.raise_server_exceptions:
                errors += observed.errors
        if may_fail:
            raise_errors(errors)


def _live(handle: Any) -> LiveServer:
    """The server behind what ``live_server`` gives."""
    server: LiveServer = handle if isinstance(handle, LiveServer) else handle.server
    return server


def _stop(handle: Any) -> list[BaseException]:
    """What went wrong in the shutdown of its application."""
    server = _live(handle)
    try:
        handle.stop()
        error = server.stop().lifespan_error  # of the stop before
    except (StateError, ProcessError) as failure:
        return [failure]
    return [error] if error is not None and server.raise_server_exceptions else []
