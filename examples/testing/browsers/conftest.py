"""The browser, and where its pictures go. Run one file at a time: once it was used, Playwright's blocking API keeps the
main thread's event loop for itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pictures", type=Path, metavar="FOLDER", help="where pictures are kept (default: a temporary one)"
    )


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return request.config.getoption("--pictures") or tmp_path


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's (apt-get install chromium chromium-driver), where Playwright's own can't be installed."""
    return shutil.which("chromium") or pytest.skip("chromium isn't installed")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    """For pytest-playwright's fixtures."""
    return {**browser_type_launch_args, "executable_path": chromium}
