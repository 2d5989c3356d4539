"""Playwright's asynchronous API, on the event loop that the server runs on as well."""

from __future__ import annotations

import asyncio
from pathlib import Path

import outrider
from playwright.async_api import async_playwright, expect
from shop import app

expect.set_options(timeout=30_000)  # milliseconds; busy machines need more than five seconds


def test_a_page_sees_how_the_server_stops(chromium: str, pictures: Path) -> None:
    asyncio.run(visit(chromium, pictures))


async def visit(chromium: str, pictures: Path) -> None:
    async with async_playwright() as playwright, outrider.serve(app, tls=True, isolation="none") as server:
        browser = await playwright.chromium.launch(executable_path=chromium, args=server.chromium_arguments)
        page = await browser.new_page()
        await page.goto(server.url)
        await expect(page.locator("#answer")).to_have_text("HELLO")
        await expect(page.locator("#tick")).not_to_be_empty()
        await page.screenshot(path=pictures / "shop-open.png")

        report = await asyncio.to_thread(server.stop)  # with the browser still there
        assert (report.disconnected, report.aborted) == (2, 0)
        await expect(page.locator("#answer")).to_have_text("closed with 1012")
        await expect(page.locator("#tick")).to_have_text("over")
        await browser.close()
