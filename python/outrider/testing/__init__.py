# SPDX-License-Identifier: MIT
"""Live servers for test suites: for pytest (the plugin's fixtures make these), for unittest, or by hand.

::

    class TestShop(LiveServerTestCase):
        app = "shop.main:app"

        def test_an_empty_shop_has_no_items(self):
            self.assertEqual(self.client.get("/items").json(), [])
"""

from __future__ import annotations

from outrider.testing._live import LiveServer, Observed
from outrider.testing._mock import Mock
from outrider.testing._mock_answer import Answer
from outrider.testing._mock_request import MockRequest
from outrider.testing._mock_routes import Route
from outrider.testing._unittest import LiveServerTestCase

__all__ = ["Answer", "LiveServer", "LiveServerTestCase", "Mock", "MockRequest", "Observed", "Route"]
