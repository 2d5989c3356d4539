"""pytest-localserver's httpserver: Werkzeug in a thread, which serves a string."""

from __future__ import annotations

import pytest
import pytest_localserver.http  # noqa: F401
from one_request import IS_SERVED, NUMBERS, ask


@pytest.fixture
def port(request: pytest.FixtureRequest) -> int:
    if not IS_SERVED:
        return 0
    server = request.getfixturevalue("httpserver")
    server.serve_content("hello")
    number: int = server.server_address[1]
    return number


@pytest.mark.parametrize("number", NUMBERS)
def test_one_request(port: int, number: int) -> None:
    ask(port)
