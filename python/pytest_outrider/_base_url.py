# SPDX-License-Identifier: MIT
"""For pytest-base-url, which pytest-playwright brings: the suite's live server is where the browser goes."""

from __future__ import annotations

import pytest

from pytest_outrider._suite import suite_app, suite_server


@pytest.fixture(scope="session", autouse=True)
def _verify_url(request: pytest.FixtureRequest) -> None:
    """pytest-base-url's own, which every test uses, and which would start the server for those that need none."""
    if request.config.getoption("verify_base_url", False):
        request.getfixturevalue("_verify_url")  # the one below this


@pytest.fixture(scope="session")
def base_url(request: pytest.FixtureRequest) -> str | None:
    """The URL of the suite's live server (``outrider_app``), unless ``--base-url`` names another one."""
    given: str | None = request.getfixturevalue("base_url")  # pytest-base-url's own
    if given or suite_app(request.config) is None:
        return given
    return suite_server(request).url
