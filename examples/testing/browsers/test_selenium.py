"""Selenium, with Chromium and its driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import outrider
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from shop import app


@pytest.fixture
def server() -> Iterator[outrider.Server]:
    with outrider.serve(app, tls=True) as one:
        yield one


@pytest.fixture
def driver(server: outrider.Server, chromium: str) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless", "--no-sandbox", "--disable-dev-shm-usage", *server.chromium_arguments):
        options.add_argument(argument)
    program = shutil.which("chromedriver") or pytest.skip("chromium-driver isn't installed")
    with webdriver.Chrome(options, Service(program)) as one:
        yield one


def test_a_page_sees_how_the_server_stops(server: outrider.Server, driver: webdriver.Chrome, pictures: Path) -> None:
    def shows(name: str, text: str) -> bool:
        return text in driver.find_element(By.ID, name).text

    wait = WebDriverWait(driver, 30)
    driver.get(server.url)
    wait.until(lambda _: shows("answer", "HELLO") and driver.find_element(By.ID, "tick").text)
    driver.save_screenshot(str(pictures / "shop-open.png"))

    report = server.stop()  # with the browser still there
    assert (report.disconnected, report.aborted) == (2, 0)
    wait.until(lambda _: shows("answer", "closed with 1012") and shows("tick", "over"))
