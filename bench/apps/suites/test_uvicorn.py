"""uvicorn in a thread, by the recipe that projects copy from each other (background.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import uvicorn  # noqa: F401
from background import uvicorn_in_thread
from one_request import IS_SERVED, NUMBERS, app, ask

APP = app()


@pytest.fixture
def port() -> Iterator[int]:
    if not IS_SERVED:
        yield 0
        return
    with uvicorn_in_thread(APP, "auto") as number:
        yield number


@pytest.mark.parametrize("number", NUMBERS)
def test_one_request(port: int, number: int) -> None:
    ask(port)
