# SPDX-License-Identifier: MIT
"""What stands between the server and a Django project while it is tested: its files, its connections to databases."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import posixpath
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.exception import response_for_exception
from django.db import DatabaseError, connections
from django.http import Http404
from django.utils._os import safe_join
from django.views.static import serve

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class _RootFiles(ASGIHandler):  # type: ignore[misc]
    """The files of a folder below a URL, both named by settings; what isn't there is the application's affair."""

    handles_files = True
    url_setting: ClassVar[str]
    root_setting: ClassVar[str]

    def __init__(self, application: Application) -> None:
        self._application = application
        url = urlsplit(getattr(settings, self.url_setting) or "")
        self._prefix = "" if url.netloc else url.path  # files of another host are served there
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        """Loads none: the application behind has its own."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and await self._has(scope["path"]):
            await super().__call__(scope, receive, send)
        else:
            await self._application(scope, receive, send)

    async def _has(self, path: str) -> bool:
        """Whether there is such a file. The folder is looked up for each request: tests give it another value."""
        root = getattr(settings, self.root_setting)
        if not root or not self._prefix or not path.startswith(self._prefix):
            return False
        try:
            return await asyncio.to_thread(Path(safe_join(root, self._relative(path))).is_file)
        except (SuspiciousFileOperation, ValueError):  # outside of the folder; with a zero byte
            return False

    def _relative(self, path: str) -> str:
        return posixpath.normpath(path.removeprefix(self._prefix)).lstrip("/")

    async def get_response_async(self, request: Any) -> Any:
        root = getattr(settings, self.root_setting)
        try:
            response = await asyncio.to_thread(serve, request, self._relative(request.path), document_root=root)
        except (Http404, OSError) as error:  # it has gone meanwhile, or mustn't be read
            return await sync_to_async(response_for_exception, thread_sensitive=False)(request, error)
        response._resource_closers.append(request.close)
        if response.streaming:
            response.streaming_content = _read(iter(response.streaming_content))
        return response


async def _read(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while part := await asyncio.to_thread(next, parts, b""):
        yield part


class StaticRootHandler(_RootFiles):
    """ASGI: the files that ``collectstatic`` has put into ``STATIC_ROOT``, and the application behind them."""

    url_setting, root_setting = "STATIC_URL", "STATIC_ROOT"


class MediaRootHandler(_RootFiles):
    """ASGI: the files in ``MEDIA_ROOT``, and the application behind them."""

    url_setting, root_setting = "MEDIA_URL", "MEDIA_ROOT"


class Life:
    """One request, or WebSocket, from its begin to its end, as its use of databases sees it."""

    def __init__(self) -> None:
        self.is_over = False  # its test has ended: it has no business in a database any more


# Set in the context of each request, and so of the threads that its synchronous code runs in.
current_life: contextvars.ContextVar[Life | None] = contextvars.ContextVar("outrider_django_life", default=None)


class Databases:
    """ASGI: the connections to databases that an application's requests use.

    A request's synchronous code runs in a thread of its own (asgiref's ``ThreadSensitiveContext``), and Django's
    connections belong to threads. Those to SQLite in memory are the test's (``shared``, by alias), since no other sees
    its tables; all are closed behind each request, which is of no effect on those.
    """

    def __init__(self, application: Application, shared: Mapping[str, Any]) -> None:
        self._application = application
        self._shared = shared
        self._lives: set[Life] = set()  # changed on the event loop alone

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return

        # Channels wants coroutine functions by name, which the engine's aren't.
        async def receive_next() -> Message:
            return await receive()

        async def send_on(message: Message) -> None:
            await send(message)

        life = Life()
        current_life.set(life)
        self._lives.add(life)
        try:
            async with ThreadSensitiveContext():
                await sync_to_async(self._take_connections)()
                try:
                    await self._application(scope, receive_next, send_on)
                finally:
                    await sync_to_async(connections.close_all)()
        finally:
            self._lives.discard(life)

    def running(self) -> set[Life]:
        """From any thread."""
        return set(self._lives)

    def _take_connections(self) -> None:
        for alias in connections:
            if alias in self._shared:
                connections[alias] = self._shared[alias]
            else:
                connections[alias].execute_wrappers.append(refuse_latecomers)


def refuse_latecomers(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """Among the wrappers of a connection: a view in a thread, which nothing can end, doesn't get into the database of
    the test behind its own."""
    life = current_life.get()
    if life is not None and life.is_over:
        raise DatabaseError("the test that this request belongs to has ended: its view can't use the database any more")
    return execute(sql, params, many, context)


_shared_lock = threading.RLock()


def take_turns(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    """The same for a connection that threads share, whose statements run one after the other, their rows included:
    Python's SQLite mixes those up that several threads have begun."""
    wrapper = context["cursor"]
    with _shared_lock:
        if isinstance(wrapper.cursor, _Rows):
            wrapper.cursor = wrapper.cursor.whole
        result = refuse_latecomers(execute, sql, params, many, context)
        if result is wrapper.cursor and result.description is not None:
            result = wrapper.cursor = _Rows(result)
    return result


class _Rows:
    """A cursor whose rows have all been fetched."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self._rows: Iterator[Any] = iter(whole.fetchall())

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)
