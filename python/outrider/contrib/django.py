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

import os
import unittest
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.exceptions import ImproperlyConfigured
from django.test import testcases
from django.test.utils import modify_settings
from django.utils.functional import classproperty

from outrider.contrib._django_layers import Application, MediaRootHandler, StaticRootHandler
from outrider.contrib._django_server import ServerThread
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
        try:
            if not issubclass(cls.server_thread_class, ServerThread):
                raise ImproperlyConfigured(
                    f"server_thread_class = {cls.server_thread_class.__name__} is for WSGI: derive it from "
                    "outrider.contrib.django.ServerThread"
                )
            return cls.server_thread_class(
                cls.host, cls.static_handler, connections_override=connections_override, port=cls.port, **cls.options
            )
        except BaseException:  # which Django, who shares them before this, takes back only behind it
            for connection in connections_override.values():
                connection.dec_thread_sharing()
            raise

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

    ``address`` is a host, or ``"host:port"``; by default ``DJANGO_LIVE_TEST_SERVER_ADDRESS`` of the environment, or
    localhost. ``options`` are ``outrider.Config``'s. The test databases are there already. Raises what starting it
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
