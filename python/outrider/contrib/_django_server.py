# SPDX-License-Identifier: MIT
"""A server over a Django project, and what Django's test cases want to start."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import got_request_exception
from django.utils.module_loading import import_string

from outrider._config import Config
from outrider._handle import _serving
from outrider._stop import StopPolicy, StopReport
from outrider.contrib._django_layers import (
    Application,
    Databases,
    Life,
    MediaRootHandler,
    current_life,
    take_turns,
)
from outrider.testing import LiveServer


class _ProjectServer(LiveServer):
    """A ``LiveServer`` over a Django project. What Django answers with a 500 is among its ``errors``."""

    def __init__(self, databases: Databases, **options: Any) -> None:
        super().__init__(Config(databases, **options))
        self._databases = databases

    def start(self) -> LiveServer:
        """As ``Server.start()``; the language, time zone and so on that the test has activated stay the test's."""
        contextvars.Context().run(super().start)
        # The host as it was given, which is the one in ALLOWED_HOSTS: its clients go there.
        scheme = "https" if self.config.is_secured else "http"
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        self._urls = [f"{scheme}://{host}:{self.port}"]
        got_request_exception.connect(self._on_view_exception)
        return self

    def settle(self) -> None:
        """As ``LiveServer.settle()``; what can't be ended, a view in a thread, is kept off the databases."""
        running = self._databases.running()
        try:
            super().settle()
        finally:
            self._bar(running)

    def stop(self, policy: StopPolicy | None = None) -> StopReport:
        """As ``LiveServer.stop()``; so is it with what goes on then."""
        report = super().stop(policy)
        self._bar(self._databases.running())
        return report

    def _bar(self, lives: set[Life]) -> None:
        for life in lives & self._databases.running():
            life.is_over = True

    def _on_view_exception(self, **_: Any) -> None:
        life = current_life.get()
        is_told_anyway = settings.DEBUG_PROPAGATE_EXCEPTIONS
        if _serving.get() is not self or life is None or life.is_over or is_told_anyway:
            return
        if (error := sys.exc_info()[1]) is not None:
            self._errors.append(error)


class ServerThread:
    """What ``django.test.testcases.LiveServerThread`` is to its test case, with an Outrider in it.

    ``options`` are ``outrider.Config``'s. ``server`` is the server once it has been started.
    """

    daemon = True

    def __init__(
        self,
        host: str,
        static_handler: Callable[[Application], Application],
        connections_override: Mapping[str, Any] | None = None,
        port: int = 0,
        **options: Any,
    ) -> None:
        self.host = host
        self.port = port
        self.static_handler = static_handler
        self.connections_override = connections_override or {}
        self.is_ready = threading.Event()
        self.error: BaseException | None = None
        self.server: LiveServer | None = None
        self._options = options

    def start(self) -> None:
        """Returns when it accepts connections, or ``error`` says why it doesn't."""
        for connection in self.connections_override.values():
            connection.execute_wrappers.append(take_turns)
        try:
            _check_handler(self.static_handler)
            application = Databases(self.static_handler(MediaRootHandler(_project())), self.connections_override)
            self.server = _ProjectServer(application, host=self.host, port=self.port, **self._options)
            self.server.start()
            self.port = self.server.port
        except Exception as error:
            self.error = error
        finally:
            self.is_ready.set()

    def terminate(self) -> None:
        """Returns when the server has stopped."""
        try:
            if self.server is not None:
                self.server.stop()
        finally:
            for connection in self.connections_override.values():
                if take_turns in connection.execute_wrappers:
                    connection.execute_wrappers.remove(take_turns)


def _project() -> Application:
    """The project's ASGI application: ``ASGI_APPLICATION`` (Channels' setting), or Django's."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    if not name:
        handler: Application = ASGIHandler()
        return handler
    try:
        application: Application = import_string(name)
    except ImportError as error:
        raise ImproperlyConfigured(f"ASGI_APPLICATION = {name!r} can't be imported: {error}") from error
    return application


def _check_handler(handler: Any) -> None:
    if isinstance(handler, type) and not issubclass(handler, ASGIHandler) and hasattr(handler, "get_response"):
        raise ImproperlyConfigured(
            f"static_handler = {handler.__name__} is for WSGI: take "
            "django.contrib.staticfiles.handlers.ASGIStaticFilesHandler, or outrider.contrib.django.StaticRootHandler"
        )
