# SPDX-License-Identifier: MIT
"""Clients of a server: they know its address and its throw-away authority, and go through no proxy.

The clients themselves are httpx, httpx-sse and websockets, which need not be installed: a method that lacks its package
says so.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import ssl
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from outrider._beside import Beside

if TYPE_CHECKING:
    import httpx
    import httpx_sse
    import websockets.asyncio.client
    import websockets.sync.client

# Options of a client that are its transport's.
_TRANSPORT_OPTIONS = ("verify", "cert", "trust_env", "http1", "http2", "limits")
# So are the names in a URL for a socket that has none.
_UNIX_HOST = "localhost"


class Clients(Beside):
    """A part of ``Server``. Thread: any; of a client, what its package says."""

    def client(self, **options: Any) -> httpx.Client:
        """An httpx client of this server: ``server.client().get("/items")``.

        ``options`` are ``httpx.Client``'s; its ``base_url``, ``verify`` and ``transport`` are set to fit the server
        unless given, and ``trust_env`` is False: no proxy of the environment stands between. It is closed when the
        server has stopped or nobody holds it any more, if not before. Raises ``ImportError`` without httpx,
        ``StateError`` before the server is bound.
        """
        package = _load("httpx", "client()")
        options = self._client_options(package, package.HTTPTransport, options)
        made: httpx.Client = package.Client(**options)
        weakref.finalize(made, options["transport"].close).atexit = False  # else a socket's end would be a warning
        self._open_clients().add(made)
        return made

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        """As ``client()``, an ``httpx.AsyncClient``: close it where its event loop runs, with ``async with``."""
        package = _load("httpx", "async_client()")
        made: httpx.AsyncClient = package.AsyncClient(
            **self._client_options(package, package.AsyncHTTPTransport, options)
        )
        return made

    @contextlib.contextmanager
    def events(
        self, path: str, *, method: str = "GET", **options: Any
    ) -> Iterator[Iterator[httpx_sse.ServerSentEvent]]:
        """The server-sent events of a path: ``with server.events("/ticks") as events: next(events).data``.

        ``options`` are those of the request (``params``, ``headers``, ``json``, ...). An event may take as long as it
        likes to come, unless ``timeout`` is given, in seconds. Raises ``httpx.HTTPStatusError`` for a status that is no
        success, ``httpx_sse.SSEError`` for another media type, ``ImportError`` without httpx and httpx-sse.
        """
        package = _load("httpx_sse", "events()")
        options.setdefault("timeout", None)
        with self.client() as client, package.connect_sse(client, method, path, **options) as source:
            source.response.raise_for_status()
            yield source.iter_sse()

    @contextlib.asynccontextmanager
    async def async_events(
        self, path: str, *, method: str = "GET", **options: Any
    ) -> AsyncIterator[AsyncIterator[httpx_sse.ServerSentEvent]]:
        """As ``events()``, in a coroutine: ``async with server.async_events("/ticks") as events: ...``."""
        package = _load("httpx_sse", "async_events()")
        options.setdefault("timeout", None)
        async with (
            self.async_client() as client,
            package.aconnect_sse(client, method, path, **options) as source,
        ):
            source.response.raise_for_status()
            yield source.aiter_sse()

    @contextlib.contextmanager
    def websocket(self, path: str = "/", **options: Any) -> Iterator[websockets.sync.client.ClientConnection]:
        """A WebSocket of websockets' blocking client: ``with server.websocket("/chat") as chat: chat.send("hello")``.

        ``options`` are ``websockets.sync.client.connect()``'s. Raises what that raises, and ``ImportError`` without
        websockets. With ``tls=True`` it speaks TLS 1.2, unless the server wants 1.3 or ``ssl`` is given: it reads and
        writes in two threads, which Python's ``ssl`` doesn't survive while tickets of TLS 1.3 come in.
        """
        package = _load("websockets.sync.client", "websocket()")
        if self.config.tls and "ssl" not in options and self.config.ssl_minimum_version == "1.2":
            options["ssl"] = self.ssl_context()
            options["ssl"].maximum_version = ssl.TLSVersion.TLSv1_2
        options = self._websocket_options(path, options)
        uds = self.config.uds
        with package.connect(**options) if uds is None else package.unix_connect(uds, **options) as connection:
            yield connection

    def async_websocket(self, path: str = "/", **options: Any) -> websockets.asyncio.client.connect:
        """As ``websocket()``, of websockets' asyncio client: ``async with server.async_websocket() as chat:``."""
        package = _load("websockets.asyncio.client", "async_websocket()")
        options = self._websocket_options(path, options)
        uds = self.config.uds
        made: websockets.asyncio.client.connect = (
            package.connect(**options) if uds is None else package.unix_connect(uds, **options)
        )
        return made

    def _client_options(self, package: Any, transport: Any, options: dict[str, Any]) -> dict[str, Any]:
        is_unix = self.config.uds is not None and bool(self._known())
        options.setdefault("base_url", f"{self._scheme('http')}://{_UNIX_HOST}" if is_unix else self._url())
        if "verify" not in options:
            options["verify"] = self._trusted(package)
        options.setdefault("trust_env", False)
        if options.get("transport") is None:
            given = {name: options[name] for name in _TRANSPORT_OPTIONS if name in options}
            options["transport"] = transport(**given, uds=self.config.uds)
        return options

    def _websocket_options(self, path: str, options: dict[str, Any]) -> dict[str, Any]:
        if not path.startswith("/"):
            raise ValueError(f"the path of a WebSocket begins with a slash: {path!r} doesn't")
        scheme = self._scheme("ws")
        where = _UNIX_HOST if self.config.uds is not None else self._url().partition("://")[2]
        options.setdefault("proxy", None)
        if self.config.tls:
            options.setdefault("ssl", self.ssl_context())
        return {"uri": f"{scheme}://{where}{path}", **options}

    def _scheme(self, plain: str) -> str:
        return plain + "s" if self.config.is_secured else plain

    def _url(self) -> str:
        return self._urls[0] if self._known() else ""

    def _trusted(self, package: Any) -> ssl.SSLContext:
        return self.ssl_context() if self.config.tls else _public_authorities(package)

    def _open_clients(self) -> weakref.WeakSet[Any]:
        with self._lock:
            if self._clients is None:
                self._clients = weakref.WeakSet()
            return self._clients

    def _close_clients(self) -> None:
        for client in list(self._clients or ()):
            client.close()


@functools.cache
def _public_authorities(package: Any) -> ssl.SSLContext:
    """Those that httpx trusts anyway; reading them takes longer than starting a server does."""
    context: ssl.SSLContext = package.create_ssl_context(trust_env=False)
    return context


def _load(name: str, wanted_by: str) -> Any:
    """An optional package. Raises ``ImportError`` that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        raise ImportError(
            f"server.{wanted_by} needs {package}: pip install {package}, or all of 'outrider[testing]'"
        ) from error
