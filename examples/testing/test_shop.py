"""pytest: servers by fixture."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from outrider.testing import LiveServer
from shop import app, items


@pytest.fixture(scope="module")
def shop(module_outrider_server: Callable[..., LiveServer]) -> LiveServer:
    return module_outrider_server(app)


@pytest.fixture(autouse=True)
def no_items() -> None:
    items.clear()


def test_what_is_added_can_be_found(shop: LiveServer) -> None:
    with shop.client() as client:
        number = client.post("/items", params={"name": "lamp"}).json()["id"]
        assert client.get(f"/items/{number}").json() == {"name": "lamp"}


def test_the_shop_ticks(shop: LiveServer) -> None:
    with shop.events("/ticks") as events:
        assert [next(events).data for _ in range(3)] == ["1", "2", "3"]


def test_the_chat_shouts(shop: LiveServer) -> None:
    with shop.websocket("/chat") as chat:
        chat.send("hello")
        assert chat.recv() == "HELLO"
