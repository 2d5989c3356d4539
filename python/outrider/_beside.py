# SPDX-License-Identifier: MIT
"""What a program does with the server beside it: run something on its loop, wait for it, quiesce it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import inspect
import os
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from outrider._exceptions import StartError, StateError
from outrider._importer import load_app
from outrider._process import check_importable
from outrider._process_handle import ProcessHandle
from outrider._service import Service
from outrider._state import State
from outrider._stop import StopPolicy, StopReport, check_policy
from outrider._tls import client_context, to_engine

T = TypeVar("T")

# For an event loop that isn't blocked to come to what it is asked for.
_LOOP_SECONDS = 0.5
# For stages that have run out to be noticed.
_STAGES_SECONDS = 1.0


class Beside(ProcessHandle):
    """Mixed into ``Server``. Every method may be called from any thread but the server's own."""

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Runs ``function(*arguments)`` on the server's event loop and returns its result.

        Exceptions travel. Raises ``StateError`` when the server doesn't run, or has stopped before it came to it, or
        when called on its loop; ``TypeError`` for a coroutine function, which is for ``run_coroutine()``.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                result = function(*arguments)
                if asyncio.iscoroutine(result):
                    result.close()
                    raise TypeError(f"{function!r} is a coroutine function: use run_coroutine({_name(function)}(...))")
                future.set_result(result)
            except BaseException as error:
                future.set_exception(error)

        with self._lock:  # before the state changes, the loop is there
            self._running_loop().call_soon_threadsafe(run)
            self._calls.add(future)
        try:
            return future.result()
        finally:
            self._calls.discard(future)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Runs a coroutine on the server's event loop and returns its result. Otherwise as ``call()``; when the
        server stops, the coroutine is cancelled and this raises ``StateError``. After ``timeout`` seconds, and when
        this call is interrupted, the coroutine is cancelled; the former raises ``TimeoutError``."""
        if not asyncio.iscoroutine(coroutine):
            hint = f"; call it: {_name(coroutine)}()" if inspect.iscoroutinefunction(coroutine) else ""
            raise TypeError(f"{coroutine!r} is no coroutine{hint}")
        try:
            with self._lock:
                run = self._run
                future = asyncio.run_coroutine_threadsafe(coroutine, self._running_loop())
                self._calls.add(future)
        except StateError:
            coroutine.close()
            raise
        try:
            return future.result(timeout)
        except concurrent.futures.TimeoutError:
            if future.done():
                raise  # the coroutine's own
            raise TimeoutError(f"the coroutine has not ended in {timeout} s") from None
        except concurrent.futures.CancelledError:
            if self._run is run and self._state is State.READY:
                raise  # it cancelled itself
            raise StateError("the server stopped while the coroutine ran") from None
        finally:
            self._calls.discard(future)
            future.cancel()

    def quiesce(self, timeout: float = 5.0, *, policy: StopPolicy | None = None) -> None:
        """Waits until no exchange is running, nor a task behind one, and closes idle connections; then goes on.

        New connections wait meanwhile, so that nothing is lost: what a test does before it resets its database.
        A connection that hasn't had a request yet waits as well. Raises ``TimeoutError``, naming what is still running
        after ``timeout`` seconds; the server goes on then as well. With a ``policy`` what runs isn't only waited for:
        it ends by the policy's stages, as in a stop, streams and WebSockets being told at once, and ``timeout`` is of
        no account. Calls of this, ``swap()`` and ``restart()`` take turns. Otherwise as ``run_coroutine()``.
        """
        check_policy(policy)
        if policy is not None:
            timeout = policy.grace + policy.disconnect + 2 * policy.cancel + _STAGES_SECONDS
        if self._child is not None:
            self._ask("quiesce", patience=timeout + _LOOP_SECONDS, timeout=timeout, policy=policy)
        elif policy is not None:
            self._on_service(lambda service: service.end_exchanges(policy), timeout + _LOOP_SECONDS)
        else:
            self._on_service(lambda service: service.quiesce(timeout), timeout + _LOOP_SECONDS)

    def swap(
        self,
        app: Any,
        *,
        factory: bool = False,
        factory_arguments: Mapping[str, Any] | None = None,
        policy: StopPolicy | None = None,
    ) -> StopReport:
        """Puts another application behind the same address, and returns when the one before has shut down.

        ``app``, ``factory`` and ``factory_arguments`` are as in ``Config``. It starts up first; requests that are
        running stay with their application and have the stages of ``policy`` (``StopPolicy()``) to end, streams being
        told at once. Connections stay, and none is refused. The report is about the application before. Raises
        ``AppImportError`` or ``LifespanError``; the application before goes on then. Otherwise as ``call()``.
        """
        check_policy(policy)
        config = dataclasses.replace(self.config, app=app, factory=factory, factory_arguments=factory_arguments)
        report: StopReport
        if self._child is not None:
            check_importable(config)
            chosen = {"app": app, "factory": factory, "factory_arguments": factory_arguments}
            report = self._ask("swap", **chosen, policy=policy)
        else:
            target, context = load_app(app, factory, factory_arguments), self._new_context()
            report = self._on_service(lambda service: service.swap(target, context, policy or StopPolicy()))
        self.config = config
        return report

    def restart(self, policy: StopPolicy | None = None) -> StopReport:
        """Shuts the application down and starts it up again (a factory makes a new one), behind the same address.

        Connections wait meanwhile; none is refused. Running requests have the deadlines of ``policy``
        (``StopPolicy()``) to end. The report is about them and the shutdown. Raises ``LifespanError`` when it doesn't
        start up again; the server stops then. Otherwise as ``call()``.
        """
        check_policy(policy)
        if self._child is not None:
            report: StopReport = self._ask("restart", policy=policy)
            return report
        config = self.config
        target, context = load_app(config.app, config.factory, config.factory_arguments), self._new_context()
        return self._on_service(lambda service: service.restart(target, context, policy or StopPolicy()))

    def reopen_access_log(self) -> None:
        """Opens ``access_log_file`` again, after the file has been renamed; lines go to the new one from then on.

        From any thread, also in a handler. Raises ``OSError`` when it can't be opened (``ProcessError`` from a server
        in a process of its own), and ``StateError`` when the server doesn't run or has no such file; lines go where
        they went then.
        """
        path = self.config.access_log_file
        if not self.config.access_log or path is None or path == "-" or isinstance(path, int):
            raise StateError(f"access_log_file={path!r}: the server has no file of its own to open again")
        if self._child is not None:
            self._ask("reopen_access_log")
            return
        engine = self._engine
        if engine is None or self._run.is_over or self._state is State.CREATED:
            raise StateError(f"the server is {self._state.value}: it has no access log")
        engine.reopen_access_log()

    @property
    def ca_pem(self) -> str:
        """PEM of the authority that clients of a server with ``tls=True`` are to trust. Raises ``StateError`` for other
        servers."""
        thrown_away = self._throw_away()
        if thrown_away is None:
            raise StateError("only a server with tls=True has an authority of its own")
        return thrown_away[2]

    def ssl_context(self) -> ssl.SSLContext:
        """A context for clients (httpx, aiohttp, urllib) that trusts the authority of a server with ``tls=True``, and
        no other. Raises ``StateError`` for other servers."""
        return client_context(self.ca_pem)

    def save_ca(self, path: str | os.PathLike[str]) -> str:
        """Writes ``ca_pem`` to a file, for clients that want one (requests, curl, Node), and returns its path."""
        with open(path, "w", encoding="ascii") as file:
            file.write(self.ca_pem)
        return os.fspath(path)

    @property
    def chromium_arguments(self) -> list[str]:
        """What Chromium is to be started with so that it takes this server's certificate, and only that one beyond
        those that it trusts; nothing without TLS. Known once the server is bound."""
        self._known()
        return list(self._chromium_arguments)

    def reload_tls(self) -> None:
        """Reads the files of the certificates, keys and authorities again, for connections from now on.

        Those that are open keep what they have, and sessions are resumed across it. From any thread, also in a handler.
        Raises ``StateError`` when the server doesn't run or has no TLS, ``StartError`` when something can't be used:
        everything stays as it is then.
        """
        if not self.config.is_secured:
            raise StateError("the server has no TLS to reload: give it ssl_certfile")
        engine = self._engine
        if engine is None or self._run.is_over or self._state is State.CREATED:
            raise StateError(f"the server is {self._state.value}: it has no TLS to reload")
        try:
            engine.reload_tls(to_engine(self.config, self._throw_away()))
        except OSError as error:
            raise StartError(error.strerror or str(error)) from error
        for warning in engine.tls_warnings:
            self._logger.warning("%s", warning)
        self._chromium_arguments = engine.chromium_arguments
        if self._child is not None:
            self._ask("reload_tls")

    def _on_service(self, make: Callable[[Service], Coroutine[Any, Any, T]], timeout: float | None = None) -> T:
        self._check_outside()
        self._running_loop()
        assert self._service is not None
        return self.run_coroutine(make(self._service), timeout)

    def wait(self, timeout: float | None = None) -> StopReport:
        """Waits until the server has stopped, whoever stops it; returns the report.

        Raises ``TimeoutError`` when it still runs after ``timeout`` seconds, what ``start()`` raised when it failed,
        ``StateError`` on the server's own event loop.
        """
        self._check_outside()
        run = self._run
        if not self._wait_over(run, timeout):
            raise TimeoutError(f"the server is {self._state.value} after {timeout} s")
        self._has_told_failure = True
        return run.outcome()

    def wait_until(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Waits until ``predicate()`` is true, and returns what it returned.

        It is called in the calling thread: at once, and after each exchange. Raises ``TimeoutError`` after
        ``timeout`` seconds, ``StateError`` when the server isn't running any more, and what ``predicate`` raises.
        """
        run = self._run
        if self._child is not None:
            self._ask("watch_exchanges")
        else:
            self._watch_exchanges()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self._exchanges_seen
            result = predicate()
            if result:
                return result
            with self._changed:
                while self._exchanges_seen == seen:
                    if run.is_over or self._state is State.DRAINING:
                        raise StateError(f"the server is {self._state.value}: what was waited for will not come")
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        raise TimeoutError(f"what was waited for did not come in {timeout} s")
                    self._changed.wait(left)

    def _watch_exchanges(self, listener: Callable[[], None] | None = None) -> None:
        service = self._service
        if service is None:
            raise StateError(f"the server is {self._state.value}: nothing will happen there")
        self._listener = listener or self._listener
        self.call(service.watch_exchanges)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        loop = self._loop
        if self._child is not None:
            raise StateError("the server runs in a process of its own: nothing can be run on its event loop from here")
        if loop is None or self._state is not State.READY:
            raise StateError(f"the server is {self._state.value}: nothing can be run on its event loop") from (
                self._run.failure
            )
        if threading.current_thread() is self._loop_thread():
            raise StateError("this is the server's event loop: call the function, or await the coroutine, directly")
        return loop


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", "it"))
