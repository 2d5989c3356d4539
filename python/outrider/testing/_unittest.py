# SPDX-License-Identifier: MIT
"""A live server for the tests of a ``unittest.TestCase``."""

from __future__ import annotations

import unittest
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from outrider.testing._live import LiveServer, live_server, raise_errors

if TYPE_CHECKING:
    import httpx


class LiveServerTestCase(unittest.TestCase):
    """Its tests have a server over ``app``, one for the class: ``self.server``, ``self.url``, ``self.client``.

    What the application lets out during a test is an error of that test, unless ``raise_server_exceptions`` is False.
    Between tests the server ends what still runs, so that no request of a test gets into the next one. Works with
    ``unittest.IsolatedAsyncioTestCase`` as the second base, too.
    """

    app: ClassVar[Any]  # an ASGI application, or "module:name"
    options: ClassVar[Mapping[str, Any]] = {}  # outrider.Config's
    raise_server_exceptions: ClassVar[bool] = True
    server: ClassVar[LiveServer]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if not hasattr(cls, "app"):
            raise TypeError(f"{cls.__name__} has no application: set app = ..., an ASGI application or its name")
        cls.server = live_server(cls.app, raise_server_exceptions=cls.raise_server_exceptions, **cls.options).start()
        cls.addClassCleanup(cls.server.stop)

    def run(self, result: unittest.TestResult | None = None) -> unittest.TestResult | None:
        self.addCleanup(self._end_test)  # the first that is added is the last that is called
        return super().run(result)

    def _end_test(self) -> None:
        server = self.server
        server.settle()
        errors = server.observe().errors
        server.forget()
        if server.raise_server_exceptions:
            raise_errors(errors)

    @property
    def url(self) -> str:
        """``"http://127.0.0.1:49213"``."""
        return self.server.url

    @property
    def client(self) -> httpx.Client:
        """An httpx client of the server, one for the class."""
        cls = type(self)
        made: httpx.Client | None = cls.__dict__.get("_client")
        if made is None:
            made = self.server.client()
            cls._client = made  # type: ignore[attr-defined]
        return made
