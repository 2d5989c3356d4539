# SPDX-License-Identifier: MIT
"""For pytest-playwright: its browsers take the throw-away certificate of the suite's live server, and its pages are as
the test left them when their pictures are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_outrider._suite import suite_app, suite_server


@pytest.fixture(scope="session")
def browser_type_launch_args(
    request: pytest.FixtureRequest, browser_type_launch_args: dict[str, Any], browser_name: str
) -> dict[str, Any]:
    """What it is below this, and what Chromium needs to take the certificate of the suite's live server."""
    if suite_app(request.config) is None or browser_name != "chromium":
        return browser_type_launch_args
    arguments = [*browser_type_launch_args.get("args", ()), *suite_server(request).chromium_arguments]
    return {**browser_type_launch_args, "args": arguments}


@pytest.fixture(scope="session")
def browser_context_args(
    request: pytest.FixtureRequest, browser_context_args: dict[str, Any], browser_name: str
) -> dict[str, Any]:
    """What it is below this. Firefox and WebKit can't be told of one certificate: they take any, where the suite's
    live server has a throw-away one."""
    if suite_app(request.config) is None or browser_name == "chromium" or not suite_server(request).config.tls:
        return browser_context_args
    return {"ignore_https_errors": True, **browser_context_args}


@pytest.fixture
def new_context(request: pytest.FixtureRequest, new_context: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """As below this; the pages are closed, with pytest-playwright's pictures taken, before the servers settle, which
    ends streams and WebSockets."""
    from pytest_outrider import settle_servers

    made = []

    def new(**options: Any) -> Any:
        made.append(new_context(**options))
        return made[-1]

    yield new
    for context in made:
        if context.browser is None or context in context.browser.contexts:  # the test hasn't closed it itself
            context.close()
    settle_servers(request.node)
