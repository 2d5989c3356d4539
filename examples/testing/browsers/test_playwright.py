"""Playwright without a plugin: a browser of one's own, over https, that stays open while the server stops."""

from __future__ import annotations

from pathlib import Path

import outrider
from playwright.sync_api import expect, sync_playwright
from shop import app

expect.set_options(timeout=30_000)  # milliseconds; busy machines need more than five seconds


def test_a_page_sees_how_the_server_stops(chromium: str, pictures: Path) -> None:
    with (
        outrider.serve(app, tls=True) as server,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=server.chromium_arguments) as browser,
    ):
        page = browser.new_page(viewport={"width": 480, "height": 220})
        page.goto(server.url)
        expect(page.locator("#answer")).to_have_text("HELLO")
        expect(page.locator("#tick")).not_to_be_empty()
        page.screenshot(path=pictures / "shop-open.png")

        report = server.stop()  # with the browser still there
        assert (report.disconnected, report.aborted) == (2, 0)
        expect(page.locator("#answer")).to_have_text("closed with 1012")
        expect(page.locator("#tick")).to_have_text("over")
        page.screenshot(path=pictures / "shop-stopped.png")
