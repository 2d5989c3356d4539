"""pytest: the suite's live server; what the application lets out."""

from __future__ import annotations

import pytest
from outrider.testing import LiveServer

pytestmark = pytest.mark.outrider(app="shop:app")


def test_the_shop_lists_its_items(live_server: LiveServer) -> None:
    assert live_server.client().get("/items").status_code == 200
    assert live_server + "/items" == live_server.url + "/items"


@pytest.mark.outrider(tls=True)
def test_the_shop_is_secured(live_server: LiveServer) -> None:
    assert live_server.url.startswith("https://")
    assert live_server.client().get("/items").status_code == 200


@pytest.mark.outrider(raise_server_exceptions=False)
def test_a_price_of_nothing_is_an_error(live_server: LiveServer) -> None:
    assert live_server.client().get("/price/0").status_code == 500


def test_a_price_of_nothing_is_a_division_by_zero(live_server: LiveServer) -> None:
    live_server.client().get("/price/0")
    (error,) = live_server.errors
    assert isinstance(error, ZeroDivisionError)
    live_server.forget()  # it was expected, and doesn't fail the test
