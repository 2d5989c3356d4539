"""pytest-playwright: its page knows the suite's server, which pytest.ini names."""

from __future__ import annotations

from pathlib import Path

from outrider.testing import LiveServer
from playwright.sync_api import Page, expect

expect.set_options(timeout=30_000)  # milliseconds; busy machines need more than five seconds


def test_the_shop_is_open(page: Page, pictures: Path) -> None:
    page.goto("/")
    expect(page.locator("h1")).to_have_text("The shop is open")
    expect(page.locator("#answer")).to_have_text("HELLO")  # by a WebSocket
    expect(page.locator("#tick")).not_to_be_empty()  # by an event stream
    page.screenshot(path=pictures / "shop-open.png")


def test_the_page_is_secure_without_exceptions(page: Page, base_url: str) -> None:
    page.goto("/")
    assert page.url == f"{base_url}/"
    assert page.evaluate("isSecureContext && location.protocol") == "https:"


def test_an_item_that_the_test_adds_is_what_the_browser_gets(page: Page, live_server: LiveServer) -> None:
    live_server.client().post("/items", params={"name": "lamp"})
    page.goto("/items/1")
    expect(page.locator("body")).to_contain_text("lamp")
