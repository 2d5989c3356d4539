# SPDX-License-Identifier: MIT
"""A live server for the tests of a ``unittest.TestCase``."""

from __future__ import annotations

import functools
import unittest
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from outrider.testing._live import LiveServer, live_server, raise_errors

if TYPE_CHECKING:
    import httpx


class _NotStarted:
    """What ``server`` is before ``setUpClass()``, and behind one that doesn't go on to ours."""

    def __get__(self, instance: object, owner: type) -> LiveServer:
        raise AttributeError(
            f"{owner.__name__} has no server: setUpClass() starts it, and your own has to call super().setUpClass()"
        )


class LiveServerTestCase(unittest.TestCase):
    """Its tests have a server over ``app``, one for the class: ``self.server``, ``self.url``, ``self.client``.

    What the application lets out during a test is an error of that test, unless ``raise_server_exceptions`` is False.
    Between tests the server ends what still runs, so that no request of a test gets into the next one. Works with
    ``unittest.IsolatedAsyncioTestCase`` as the second base, too.
    """

    app: ClassVar[Any]  # an ASGI application, or "module:name"
    options: ClassVar[Mapping[str, Any]] = {}  # outrider.Config's
    raise_server_exceptions: ClassVar[bool] = True
    server: ClassVar[LiveServer] = _NotStarted()  # type: ignore[assignment]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if not hasattr(cls, "app"):
            raise TypeError(f"{cls.__name__} has no application: set app = ..., an ASGI application or its name")
        cls.server = live_server(cls.app, raise_server_exceptions=cls.raise_server_exceptions, **cls.options)
        if cls.server.config.isolation == "none":
            raise ValueError(f"{cls.__name__}.options: isolation='none' has no event loop here to run on")
        cls.server.start()
        cls.addClassCleanup(cls._stop_server)

    @classmethod
    def _stop_server(cls) -> None:
        server = cls.server
        del cls.server  # so that a class derived from this one has none that has stopped
        if server.state == "ready":
            error = server.stop().lifespan_error
            if error is not None and server.raise_server_exceptions:
                raise error

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self.addCleanup(self._end_test)  # the first that is added is the last that is called
        return super().run(result)

    def debug(self) -> None:
        self.addCleanup(self._end_test)
        super().debug()

    def _end_test(self) -> None:
        server = getattr(self, "server", None)
        if server is None:
            return  # which the test has been told
        server.settle()
        errors = server.observe().errors
        server.forget()
        if server.raise_server_exceptions:
            raise_errors(errors)

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:49213"``."""
        return self.server.url

    @functools.cached_property
    def client(self) -> httpx.Client:
        """An httpx client of the server, this test's own; it is closed at the test's end."""
        made = self.server.client()
        self.addCleanup(made.close)
        return made
