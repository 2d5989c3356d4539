"""Outrider's pytest plugin."""

from __future__ import annotations

from typing import Any

import outrider.testing  # noqa: F401
import pytest
from one_request import IS_SERVED, NUMBERS, app, ask

APP = app()


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("outrider_server")(APP).port if IS_SERVED else 0


@pytest.mark.parametrize("number", NUMBERS)
def test_one_request(port: int, number: int) -> None:
    ask(port)
