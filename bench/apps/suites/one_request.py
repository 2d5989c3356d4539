"""What the suites that suite.py measures have in common: so many tests, each with one request to its server."""

from __future__ import annotations

import http.client
import importlib
import os
from typing import Any

NUMBERS = range(int(os.environ["SUITE_TESTS"]))
# Otherwise the same suite without its servers: what pytest, the imports and the tests themselves take.
IS_SERVED = os.environ["SUITE_SERVED"] == "1"


def app() -> Any:
    """The ASGI application: SUITE_APP is "module:name"."""
    module, _, name = os.environ["SUITE_APP"].partition(":")
    return getattr(importlib.import_module(module), name)


def ask(port: int) -> None:
    """One request on a connection of its own; its answer is a success."""
    if not IS_SERVED:
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", os.environ["SUITE_PATH"])
        response = connection.getresponse()
        assert response.status == 200
        assert response.read()
    finally:
        connection.close()
