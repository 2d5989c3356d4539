"""Django's test cases: run by ``python manage.py test``, and by pytest as well."""

from __future__ import annotations

from urllib.request import urlopen

from outrider.contrib.django import StaticLiveServerTestCase
from shop.models import Item


class TestShop(StaticLiveServerTestCase):
    def test_views_see_what_the_test_writes(self) -> None:
        Item.objects.create(name="lamp")
        with urlopen(self.live_server_url + "/items") as response:
            self.assertEqual(response.read(), b'{"items": ["lamp"]}')

    def test_the_test_sees_what_a_websocket_writes(self) -> None:
        with self.server.websocket("/") as items:
            items.send("chair")
            self.assertTrue(items.recv().startswith("chair is number"))
        self.assertEqual(Item.objects.get().name, "chair")

    def test_events_come_one_by_one(self) -> None:
        with self.server.events("/ticks") as events:
            self.assertEqual(next(events).data, "1")


class TestSecureShop(StaticLiveServerTestCase):
    options = {"tls": True}
    raise_server_exceptions = True

    def test_the_shop_is_secure(self) -> None:
        self.assertTrue(self.live_server_url.startswith("https://localhost:"))
        with self.server.client() as client:  # which trusts the server's throw-away authority
            self.assertEqual(client.get("/items").json(), {"items": []})
