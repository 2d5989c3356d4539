"""What takes the place of the two recipes for uvicorn: the thread that is polled, and the process that is slept for."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from outrider.testing import LiveServer
from shop import app, items


@pytest.fixture(scope="session")
def url(session_outrider_server: Callable[..., LiveServer]) -> str:
    return session_outrider_server(app).url


@pytest.fixture(scope="session")
def url_of_a_process(session_outrider_server: Callable[..., LiveServer]) -> str:
    return session_outrider_server("shop:app", isolation="process").url


def test_the_application_is_the_one_of_the_test(url: str) -> None:
    items.clear()
    httpx.post(f"{url}/items", params={"name": "lamp"})
    assert items == {1: "lamp"}


def test_the_application_is_one_of_its_own(url_of_a_process: str) -> None:
    items.clear()
    httpx.post(f"{url_of_a_process}/items", params={"name": "lamp"})
    assert httpx.get(f"{url_of_a_process}/items").json() == {"1": "lamp"}
    assert items == {}
