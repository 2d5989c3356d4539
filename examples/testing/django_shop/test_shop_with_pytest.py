"""pytest-django's live_server, with ``outrider_app = django`` in pytest's ini file."""

from __future__ import annotations

import pytest
from outrider.contrib.django import DjangoLiveServer
from shop.models import Item


def test_views_see_what_the_test_writes(live_server: DjangoLiveServer) -> None:
    Item.objects.create(name="lamp")
    with live_server.client() as client:
        assert client.get("/items").json() == {"items": ["lamp"]}


def test_the_test_sees_what_a_websocket_writes(live_server: DjangoLiveServer) -> None:
    with live_server.websocket("/") as items:
        items.send("chair")
        items.recv()
    assert Item.objects.get().name == "chair"


@pytest.mark.outrider(tls=True)
def test_the_shop_is_secure(live_server: DjangoLiveServer) -> None:
    assert live_server.url.startswith("https://localhost:")
