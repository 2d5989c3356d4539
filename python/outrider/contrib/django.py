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

import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, ClassVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import got_request_exception
from django.db import connections
from django.http import Http404
from django.test import testcases
from django.test.utils import modify_settings
from django.utils.functional import classproperty
from django.utils.module_loading import import_string

from outrider.testing import LiveServer
from outrider.testing._live import live_server, raise_errors

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class _RootFiles(ASGIHandler):  # type: ignore[misc]
    """The files of a folder under the URL of a setting; what isn't there is the project's own affair, as with Django's
    live server."""

    def __init__(self, application: Application, wsgi_twin: type[Any]) -> None:
        self._application = application
        self._files = wsgi_twin(None)
        super().__init__()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._files._should_handle(scope["path"]):
            await super().__call__(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def get_response_async(self, request: Any) -> Any:
        try:
            response = await sync_to_async(self._files.serve, thread_sensitive=False)(request)
        except Http404:
            return await super().get_response_async(request)
        response._resource_closers.append(request.close)
        return response


class StaticRootHandler(_RootFiles):
    """ASGI: the files that ``collectstatic`` has put into ``STATIC_ROOT``, and the application behind them."""

    def __init__(self, application: Application) -> None:
        super().__init__(application, testcases._StaticFilesHandler)


class MediaRootHandler(_RootFiles):
    """ASGI: the files in ``MEDIA_ROOT``, and the application behind them."""

    def __init__(self, application: Application) -> None:
        super().__init__(application, testcases._MediaFilesHandler)


class _Databases:
    """ASGI: the connections to databases that requests of an application use.

    A request's synchronous code runs in a thread of its own (asgiref's ``ThreadSensitiveContext``), and Django's
    connections belong to threads. Those to SQLite in memory are the test's, since no other sees its tables; all others
    are closed behind each request.
    """

    def __init__(self, application: Application, shared: Mapping[str, Any]) -> None:
        self._application = application
        self._shared = shared

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        async with ThreadSensitiveContext():
            await sync_to_async(self._share)()
            try:
                await self._application(scope, receive, send)
            finally:
                await sync_to_async(connections.close_all)()

    def _share(self) -> None:
        for alias, connection in self._shared.items():
            connections[alias] = connection


class ServerThread:
    """What ``django.test.testcases.LiveServerThread`` is to its test case, with an Outrider in it."""

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
        try:
            application = self.static_handler(MediaRootHandler(_project()))
            self.server = live_server(
                _Databases(application, self.connections_override), host=self.host, port=self.port, **self._options
            )
            self.server.start()
            self.port = self.server.port
            got_request_exception.connect(self._on_exception)
        except Exception as error:
            self.error = error
        finally:
            self.is_ready.set()

    def terminate(self) -> None:
        """Returns when the server has stopped."""
        got_request_exception.disconnect(self._on_exception)
        if self.server is not None:
            self.server.stop()

    def _on_exception(self, **_: Any) -> None:
        """Django answers a view's exception itself; here it counts among what the application let out."""
        error = sys.exc_info()[1]
        if error is not None and self.server is not None:
            self.server._errors.append(error)


def _project() -> Application:
    """The project's ASGI application: ``ASGI_APPLICATION`` (Channels' setting), or Django's for it."""
    name = getattr(settings, "ASGI_APPLICATION", None)
    application: Application = import_string(name) if name else get_asgi_application()
    return application


class LiveServerTestCase(testcases.LiveServerTestCase):  # type: ignore[misc]
    """``django.test.LiveServerTestCase`` with an ASGI server, of the application in ``ASGI_APPLICATION``.

    ``options`` are ``outrider.Config``'s: with ``{"tls": True}`` the URL is https, and ``self.server`` has the
    authority. ``raise_server_exceptions``: whether what a view raised fails the test; Django's live server doesn't.
    Before the databases are flushed, what still runs is ended, so that no request gets into the next test.
    """

    options: ClassVar[Mapping[str, Any]] = {}
    raise_server_exceptions: ClassVar[bool] = False
    server_thread_class = ServerThread
    static_handler: ClassVar[Callable[[Application], Application]] = StaticRootHandler

    @classproperty  # type: ignore[untyped-decorator]
    def live_server_url(cls) -> str:
        scheme = "https" if cls.options.get("tls") or cls.options.get("ssl_certfile") else "http"
        return f"{scheme}://{cls.host}:{cls.server_thread.port}"

    @classmethod
    def _create_server_thread(cls, connections_override: Mapping[str, Any]) -> ServerThread:
        handler = cls.__dict__.get("static_handler", cls.static_handler)
        _check_handler(handler)
        made: ServerThread = cls.server_thread_class(
            cls.host, handler, connections_override=connections_override, port=cls.port, **cls.options
        )
        return made

    @property
    def server(self) -> LiveServer:
        """The server, with its clients: ``self.server.client()``, ``self.server.websocket("/chat")``."""
        server: LiveServer | None = self.server_thread.server
        assert server is not None
        return server

    def _fixture_teardown(self) -> None:
        self.server.settle()
        errors = self.server.observe().errors
        self.server.forget()
        super()._fixture_teardown()
        if self.raise_server_exceptions:
            raise_errors(errors)


class StaticLiveServerTestCase(LiveServerTestCase):
    """``django.contrib.staticfiles.testing.StaticLiveServerTestCase``: static files by their finders, without
    ``collectstatic``."""

    static_handler = ASGIStaticFilesHandler


def _check_handler(handler: Any) -> None:
    if isinstance(handler, type) and not issubclass(handler, ASGIHandler) and hasattr(handler, "get_response"):
        raise ImproperlyConfigured(
            f"static_handler={handler.__name__} is for WSGI: take "
            "django.contrib.staticfiles.handlers.ASGIStaticFilesHandler, or outrider.contrib.django.StaticRootHandler"
        )


class DjangoLiveServer:
    """pytest-django's ``live_server`` with an ASGI server: ``url``, ``str()``, ``+``, and ``server`` with its clients.

    ``address`` is a host, or ``"host:port"``; ``options`` are ``outrider.Config``'s. Raises what starting it raises.
    """

    def __init__(self, address: str = "localhost", **options: Any) -> None:
        host, _, port = address.partition(":")
        shared = {one.alias: one for one in connections.all() if one.vendor == "sqlite" and one.is_in_memory_db()}
        handler = StaticRootHandler
        if "django.contrib.staticfiles" in settings.INSTALLED_APPS:
            handler = ASGIStaticFilesHandler
        self.thread = ServerThread(host, handler, connections_override=shared, port=int(port or 0), **options)
        # pytest-django enables it for each test that uses the server.
        self._live_server_modified_settings = modify_settings(ALLOWED_HOSTS={"append": host})
        for connection in shared.values():
            connection.inc_thread_sharing()
        self.thread.start()
        if self.thread.error is not None:
            self.stop()
            raise self.thread.error

    def stop(self) -> None:
        """Returns when it has stopped."""
        self.thread.terminate()
        for connection in self.thread.connections_override.values():
            connection.dec_thread_sharing()

    @property
    def server(self) -> LiveServer:
        assert self.thread.server is not None
        return self.thread.server

    @property
    def url(self) -> str:
        """``"http://localhost:49213"``."""
        scheme = "https" if self.server.config.is_secured else "http"
        return f"{scheme}://{self.thread.host}:{self.thread.port}"

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
