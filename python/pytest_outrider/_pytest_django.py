# SPDX-License-Identifier: MIT
"""For pytest-django: a test whose ``live_server`` serves something else needs no settings of Django and no database."""

from __future__ import annotations

import pytest

from pytest_outrider._suite import serves_django


@pytest.fixture(autouse=True)
def _live_server_helper(request: pytest.FixtureRequest) -> None:
    """pytest-django's own, which gives a test with a live server its database, and skips it without settings."""
    if "live_server" in request.fixturenames and serves_django(request):
        request.getfixturevalue("_live_server_helper")
