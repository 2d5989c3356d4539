"""A test suite against a live server: `pytest examples/python/test_shop.py`."""

from collections.abc import Iterator

import demo_app
import httpx
import outrider
import pytest


@pytest.fixture(scope="session")
def shop() -> Iterator[httpx.Client]:
    with outrider.serve(demo_app.app) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_what_is_packed_can_be_found_again(shop: httpx.Client) -> None:
    packed = shop.post("/api/items", json={"name": "spyglass"}).json()
    assert shop.get(f"/api/items/{packed['id']}").json()["name"] == "spyglass"


def test_what_was_never_packed_is_not_there(shop: httpx.Client) -> None:
    assert shop.get("/api/items/999").status_code == 404
