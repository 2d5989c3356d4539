# SPDX-License-Identifier: MIT
"""Browsers on a live server: pytest-playwright with our plugin, in suites of their own. The recipes of
examples/testing, Selenium's too, run in test_testing_docs.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "testing"
# What runs in there, besides ours, which has an entry point only where it is installed.
PLUGINS = ("pytest_outrider", "base_url", "playwright")

pytest.importorskip("pytest_playwright", reason="pytest-playwright isn't installed")

pytestmark = pytest.mark.once

Suite = Callable[..., str]


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """`suite(tests, ini)` runs a suite, and returns what pytest has printed; it fails unless all went as `wanted`."""

    def run(tests: str, ini: str = "", *options: str, wanted: str, conftest: str = "") -> str:
        (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {EXAMPLES}\n" + textwrap.dedent(ini))
        own = (EXAMPLES / "browsers" / "conftest.py").read_text()
        patience = "\n\nfrom playwright.sync_api import expect\n\nexpect.set_options(timeout=30_000)\n"
        (tmp_path / "conftest.py").write_text(own + patience + textwrap.dedent(conftest))
        (tmp_path / "test_generated.py").write_text(textwrap.dedent(tests))
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
        path = os.pathsep.join(part for part in sys.path if part)
        plugins = [word for name in PLUGINS for word in ("-p", name)]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rA", "-W", "error", *plugins, *options],
            cwd=tmp_path,
            env={**ours, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert wanted in done.stdout.splitlines()[-1], done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def chromium() -> None:
    """Debian's, which the suites above find by themselves."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium isn't installed")


PAGE = """
    from playwright.sync_api import Page, expect

    def test_a_page(page: Page, base_url: str) -> None:
        page.goto("/")
        expect(page.locator("#answer")).to_have_text("HELLO")
        expect(page.locator("#tick")).not_to_be_empty()
        assert page.url == base_url + "/"
        assert page.evaluate("isSecureContext")
"""


@pytest.mark.parametrize(("options", "scheme"), [("", "http"), ("outrider_options = --tls", "https")])
@pytest.mark.usefixtures("chromium")
def test_the_page_of_pytest_playwright_is_at_the_suites_live_server(suite: Suite, options: str, scheme: str) -> None:
    printed = suite(PAGE, f"outrider_app = shop:app\n{options}\n", wanted="1 passed")
    assert f"outrider {scheme}://127.0.0.1:" in printed


@pytest.mark.usefixtures("chromium")
def test_only_the_certificate_of_the_suites_server_is_taken(suite: Suite) -> None:
    tests = """
        import outrider, pytest
        from playwright.sync_api import Error, Page

        def test_another_server(page: Page) -> None:
            with outrider.serve("shop:app", tls=True) as other:
                with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
                    page.goto(other.url)
    """
    suite(tests, "outrider_app = shop:app\noutrider_options = --tls\n", wanted="1 passed")


@pytest.mark.usefixtures("chromium")
def test_what_looks_at_a_page_after_its_test_sees_it_as_the_test_left_it(suite: Suite, tmp_path: Path) -> None:
    """As pytest-playwright's pictures do, and its traces; the next test finds the server quiet all the same."""
    tests = """
        import pytest
        from playwright.sync_api import Page, expect

        @pytest.fixture
        def looked_at(page: Page):
            yield page
            print("left with", page.locator("#answer").text_content())

        @pytest.mark.parametrize("fails", [False, True])
        def test_left(looked_at: Page, live_server, fails: bool) -> None:
            assert [request.path for request in live_server.requests] == []
            looked_at.goto("/")
            expect(looked_at.locator("#answer")).to_have_text("HELLO")
            assert not fails, "as it should"

        def test_closed(new_context, live_server) -> None:
            assert [request.path for request in live_server.requests] == []
            context = new_context()
            context.new_page().goto("/")
            context.close()
            new_context().new_page().goto("/items")
    """
    ini = "outrider_app = shop:app\n"
    printed = suite(tests, ini, "--screenshot", "on", wanted="1 failed, 2 passed")
    assert printed.count("left with HELLO") == 2, printed
    assert "as it should" in printed
    assert len(list((tmp_path / "test-results").rglob("*.png"))) == 4


@pytest.mark.usefixtures("chromium")
def test_an_exception_that_a_page_causes_fails_its_test(suite: Suite) -> None:
    tests = """
        from playwright.sync_api import Page

        def test_a_price(page: Page) -> None:
            assert page.goto("/price/0").status == 500

        def test_the_next_one(page: Page) -> None:
            assert page.goto("/price/1").status == 200
    """
    printed = suite(tests, "outrider_app = shop:app\n", wanted="1 failed, 1 passed")
    assert "ZeroDivisionError" in printed
    assert "FAILED test_generated.py::test_a_price" in printed


def test_browsers_that_cannot_be_told_of_one_certificate_take_any_where_the_server_has_a_throw_away_one(
    suite: Suite,
) -> None:
    tests = """
        def test_arguments(request, browser_name, base_url) -> None:
            launch = request.getfixturevalue("browser_type_launch_args")
            context = request.getfixturevalue("browser_context_args")
            print(browser_name, "args" in launch, context.get("ignore_https_errors"), context["base_url"] == base_url)
    """
    conftest = """
        @pytest.fixture(scope="session")
        def chromium() -> str:
            return "not started"
    """
    ini = "outrider_app = shop:app\n"
    browsers = ("--browser", "chromium", "--browser", "firefox", "--browser", "webkit")
    printed = suite(tests, ini + "outrider_options = --tls\n", *browsers, conftest=conftest, wanted="3 passed")
    for line in ("chromium True None True", "firefox False True True", "webkit False True True"):
        assert line in printed
    printed = suite(tests, ini, "--browser", "firefox", conftest=conftest, wanted="1 passed")
    assert "firefox False None True" in printed


def test_a_suite_without_an_application_has_pytest_playwrights_own_arguments(suite: Suite) -> None:
    tests = """
        import sys

        def test_arguments(browser_type_launch_args, browser_context_args) -> None:
            assert browser_type_launch_args == {"executable_path": "not started"}
            assert browser_context_args == {}
            assert "outrider" not in sys.modules
    """
    conftest = """
        @pytest.fixture(scope="session")
        def chromium() -> str:
            return "not started"
    """
    suite(tests, conftest=conftest, wanted="1 passed")
