# SPDX-License-Identifier: MIT
"""What the suite says of its application: on the command line, in the ini file, by markers.

Imports nothing of the server, so that whether there is one is known without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from outrider.testing import LiveServer


# The application that is the Django project of the suite's settings, with Django's ways with databases.
DJANGO = "django"


def suite_app(config: pytest.Config) -> str | None:
    """The application that the command line names, or else the ini file."""
    return config.getoption("--outrider-app") or config.getini("outrider_app") or None


def suite_server(request: pytest.FixtureRequest) -> LiveServer:
    """The live server over that application."""
    if suite_app(request.config) == DJANGO and request.config.pluginmanager.hasplugin("django"):
        request.getfixturevalue("django_db_setup")  # which connections are shared depends on the test databases
    server: LiveServer = request.getfixturevalue("_outrider_servers").shared()
    return server


def marked(node: Any) -> dict[str, Any]:
    """The arguments of ``@pytest.mark.outrider``, those of the closest one first; the application is ``app``. Fails the
    test for what is no use of it."""
    merged: dict[str, Any] = {}
    for mark in node.iter_markers("outrider"):
        if len(mark.args) > 1 or (mark.args and "app" in mark.kwargs):
            pytest.fail(f"@pytest.mark.outrider takes one application: {mark.args}, {mark.kwargs}", pytrace=False)
        merged = {**({"app": mark.args[0]} if mark.args else {}), **mark.kwargs, **merged}
    raises = merged.get("raise_server_exceptions", True)
    if not isinstance(raises, bool):
        pytest.fail(f"@pytest.mark.outrider(raise_server_exceptions={raises!r}): True or False", pytrace=False)
    return merged


def chosen_raises(node: Any) -> bool | None:
    """Whether the test's marker has what applications let out fail it; None where no marker says so."""
    name = "raise_server_exceptions"
    chosen = [mark.kwargs[name] for mark in node.iter_markers("outrider") if name in mark.kwargs]
    return bool(chosen[0]) if chosen else None


def is_named(request: pytest.FixtureRequest) -> bool:
    """Whether an application is named for a test."""
    return bool(suite_app(request.config) or marked(request.node).get("app"))


def serves_django(request: pytest.FixtureRequest) -> bool:
    """Whether ``live_server`` is Django's: a test's own application is named, or that of the suite, or none."""
    return (marked(request.node).get("app") or suite_app(request.config) or DJANGO) == DJANGO
