# SPDX-License-Identifier: MIT
"""``live_server``: registered behind pytest-django, whose fixture of that name it continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_outrider._suite import is_named

if TYPE_CHECKING:
    from outrider.testing import LiveServer

    from pytest_outrider._servers import Servers


@pytest.fixture
def live_server(request: pytest.FixtureRequest) -> LiveServer | Any:
    """The server of the suite's application: ``live_server.url``, ``live_server.client()``, ``live_server + "/path"``.

    The application is named by ``@pytest.mark.outrider(app="package.module:name")``, ``--outrider-app`` or the ini
    option ``outrider_app``; ``"django"`` is the project of pytest-django's settings. The server is started when first
    asked for, shared by all tests that ask for the same, and quiesced between them. Where none is named, and
    pytest-django is there, this is its ``live_server``.
    """
    if not is_named(request) and request.config.pluginmanager.hasplugin("django"):
        return request.getfixturevalue("live_server")  # which is the one below this
    servers: Servers = request.getfixturevalue("_outrider_servers")
    return servers.shared(request.node)
