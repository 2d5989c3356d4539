# SPDX-License-Identifier: MIT
"""The servers of a pytest session: who started them, what they serve, what they did during a test."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from outrider import StateError
from outrider._cli import make_parser
from outrider.testing import LiveServer
from outrider.testing._live import live_server, raise_errors

from pytest_outrider._suite import marked, suite_app

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
        self._shared: dict[str, LiveServer] = {}

    @contextlib.contextmanager
    def factory(self) -> Iterator[ServerFactory]:
        factory = ServerFactory(self)
        try:
            yield factory
        finally:
            factory.stop()

    def make(self, app: Any, raise_server_exceptions: bool | None, options: dict[str, Any]) -> LiveServer:
        if app is None:
            app = suite_app(self._config)
            options = {**self._suite_options(), **options}
        if app is None:
            pytest.fail(_NOT_NAMED, pytrace=False)
        if raise_server_exceptions is None:
            raise_server_exceptions = bool(self._config.getini("outrider_raise_server_exceptions"))
        return live_server(app, raise_server_exceptions=raise_server_exceptions, **options)

    def shared(self, node: Any = None) -> LiveServer:
        """The server of the application that is named for a test, or for the suite; started when first asked for."""
        chosen = marked(node) if node is not None else {}
        app = chosen.pop("app", None)
        raises = chosen.pop("raise_server_exceptions", None)
        if app is None:
            app = suite_app(self._config)
        if app is None:
            pytest.fail(_NOT_NAMED, pytrace=False)
        options = {**self._suite_options(), **chosen}
        key = repr((app if isinstance(app, str) else id(app), sorted(options.items())))
        server = self._shared.get(key)
        if server is None or server.state != "ready":
            server = self._shared[key] = self.make(app, raises, options)
            self.watch(server)
            server.start()
        if raises is None:
            raises = bool(self._config.getini("outrider_raise_server_exceptions"))
        server.raise_server_exceptions = raises
        return server

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
        failures = [failure for server in self._shared.values() for failure in _stop(server)]
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


def _stop(server: LiveServer) -> list[BaseException]:
    """What went wrong in the shutdown of its application."""
    try:
        error = server.stop().lifespan_error
    except StateError as failure:
        return [failure]
    return [error] if error is not None and server.raise_server_exceptions else []
