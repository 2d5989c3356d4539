# SPDX-License-Identifier: MIT
"""Django's live server, speaking ASGI: WebSockets and streams work in it.

::

    from outrider.contrib.django import StaticLiveServerTestCase

    class TestShop(StaticLiveServerTestCase):
        def test_the_shop_is_open(self):
            self.browser.get(self.live_server_url)

All but the server is Django's own: ``host``, ``port``, ``live_server_url``, ``databases``, ``serialized_rollback``, how
connections to SQLite in memory are shared (``django.test.LiveServerTestCase``).
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
import unittest
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import got_request_exception
from django.test import testcases
from django.test.utils import modify_settings
from django.utils.functional import classproperty
from django.utils.module_loading import import_string

from outrider._config import Config
from outrider._handle import _serving
from outrider._stop import StopPolicy, StopReport
from outrider.contrib._django_layers import (
    Application,
    Databases,
    Life,
    MediaRootHandler,
    StaticRootHandler,
    current_life,
    refuse_latecomers,
)
from outrider.testing import LiveServer
from outrider.testing._live import raise_errors

__all__ = [
    "DjangoLiveServer",
    "LiveServerTestCase",
    "MediaRootHandler",
    "ServerThread",
    "StaticLiveServerTestCase",
    "StaticRootHandler",
]


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
            connection.execute_wrappers.append(refuse_latecomers)
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
                if refuse_latecomers in connection.execute_wrappers:
                    connection.execute_wrappers.remove(refuse_latecomers)


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


class LiveServerTestCase(testcases.LiveServerTestCase):  # type: ignore[misc]
    """``django.test.LiveServerTestCase`` with an ASGI server, of the application in ``ASGI_APPLICATION``.

    ``options`` are ``outrider.Config``'s: with ``{"tls": True}`` the URL is https, and ``self.server`` has the
    authority. ``raise_server_exceptions``: whether what a view raised fails the test; Django's live server doesn't.
    At the end of a test, what still runs is ended, so that no request gets into the next one's database.
    """

    options: ClassVar[Mapping[str, Any]] = {}
    raise_server_exceptions: ClassVar[bool] = False
    server_thread_class: ClassVar[type[ServerThread]] = ServerThread
    static_handler: ClassVar[Callable[[Application], Application]] = StaticRootHandler
    server_thread: ClassVar[ServerThread]

    @classproperty  # type: ignore[untyped-decorator]
    def live_server_url(cls) -> str:
        url: str = cls.server.url
        return url

    @classproperty  # type: ignore[untyped-decorator]
    def live_server_ws_url(cls) -> str:
        """The same for WebSockets, as ``channels.testing.ChannelsLiveServerTestCase`` has it."""
        return "ws" + str(cls.live_server_url).removeprefix("http")

    @classproperty  # type: ignore[untyped-decorator]
    def server(cls) -> LiveServer:
        """The server, with its clients: ``self.server.client()``, ``self.server.websocket("/chat")``."""
        server: LiveServer | None = cls.server_thread.server
        assert server is not None
        return server

    @classmethod
    def _create_server_thread(cls, connections_override: Mapping[str, Any]) -> ServerThread:
        if not issubclass(cls.server_thread_class, ServerThread):
            raise ImproperlyConfigured(
                f"server_thread_class = {cls.server_thread_class.__name__} is for WSGI: derive it from "
                "outrider.contrib.django.ServerThread"
            )
        return cls.server_thread_class(
            cls.host, cls.static_handler, connections_override=connections_override, port=cls.port, **cls.options
        )

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self.addCleanup(self._end_test)  # the first that is added is the last that is called
        ran: unittest.TestResult | None = super().run(result)
        return ran

    def debug(self) -> None:
        self.addCleanup(self._end_test)
        super().debug()

    def _end_test(self) -> None:
        self.server.settle()
        errors = self.server.observe().errors
        self.server.forget()
        if self.raise_server_exceptions:
            raise_errors(errors)

    def _fixture_teardown(self) -> None:
        try:
            self.server.settle()  # a page that is still open may have asked for something since
        finally:
            super()._fixture_teardown()


class StaticLiveServerTestCase(LiveServerTestCase):
    """``django.contrib.staticfiles.testing.StaticLiveServerTestCase``: static files by their finders, without
    ``collectstatic``."""

    static_handler = ASGIStaticFilesHandler


class DjangoLiveServer:
    """pytest-django's ``live_server`` with an ASGI server: ``url``, ``str()``, ``+``, and ``server`` with its clients.

    ``address`` is a host, or ``"host:port"``, by default what the environment has in ``DJANGO_LIVE_TEST_SERVER_ADDRESS``,
    or localhost; ``options`` are ``outrider.Config``'s. The test databases are there already. Raises what starting it
    raises.
    """

    def __init__(self, address: str | None = None, **options: Any) -> None:
        address = address or os.environ.get("DJANGO_LIVE_TEST_SERVER_ADDRESS") or "localhost"
        host, port = address.split(":") if address.count(":") == 1 else (address, "0")
        given = {"host": host, "port": int(port), **options}
        shared = testcases.LiveServerTestCase._make_connections_override()
        is_found = "django.contrib.staticfiles" in settings.INSTALLED_APPS
        handler = ASGIStaticFilesHandler if is_found else StaticRootHandler
        self.thread = ServerThread(static_handler=handler, connections_override=shared, **given)
        # pytest-django enables it for each test that uses the server.
        self._live_server_modified_settings = modify_settings(ALLOWED_HOSTS={"append": self.thread.host})
        for connection in shared.values():
            connection.inc_thread_sharing()
        with modify_settings(ALLOWED_HOSTS={"append": self.thread.host}):  # which Channels looks at in an import
            self.thread.start()
        if self.thread.error is not None:
            self.stop()
            raise self.thread.error

    def stop(self) -> None:
        """Returns when it has stopped. Does nothing when it has already."""
        try:
            self.thread.terminate()
        finally:
            shared, self.thread.connections_override = self.thread.connections_override, {}
            for connection in shared.values():
                connection.dec_thread_sharing()

    @property
    def server(self) -> LiveServer:
        assert self.thread.server is not None
        return self.thread.server

    @property
    def url(self) -> str:
        """``"http://localhost:49213"``."""
        return self.server.url

    def __str__(self) -> str:
        return self.url

    def __add__(self, path: str) -> str:
        return f"{self.url}{path}"

    def __repr__(self) -> str:
        return f"<DjangoLiveServer on {self.url}>"

    def __getattr__(self, name: str) -> Any:
        """The rest is the server's: ``client()``, ``websocket()``, ``requests``, ``settle()``."""
        if name == "thread":
            raise AttributeError(name)
        return getattr(self.server, name)
