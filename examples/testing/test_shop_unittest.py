"""unittest: a live server for a class of tests."""

from __future__ import annotations

import unittest

import shop
from outrider.testing import LiveServerTestCase


class TestShop(LiveServerTestCase):
    app = shop.app  # or "shop:app"
    options = {"tls": True}

    def setUp(self) -> None:
        shop.items.clear()

    def test_an_empty_shop_has_no_items(self) -> None:
        self.assertEqual(self.client.get("/items").json(), {})

    def test_the_chat_shouts(self) -> None:
        with self.server.websocket("/chat") as chat:
            chat.send("hello")
            self.assertEqual(chat.recv(), "HELLO")


if __name__ == "__main__":
    unittest.main()
