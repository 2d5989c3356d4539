# SPDX-License-Identifier: MIT
"""For pytest-playwright: Chromium takes the throw-away certificate of the suite's live server."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_outrider._suite import suite_app, suite_server


@pytest.fixture(scope="session")
def browser_type_launch_args(
    request: pytest.FixtureRequest, browser_type_launch_args: dict[str, Any]
) -> dict[str, Any]:
    """What it is below this, and what a browser needs to take the certificate of the suite's live server."""
    if suite_app(request.config) is None:
        return browser_type_launch_args
    arguments = [*browser_type_launch_args.get("args", ()), *suite_server(request).chromium_arguments]
    return {**browser_type_launch_args, "args": arguments}
