# SPDX-License-Identifier: MIT
"""Outrider's pytest plugin: live servers as fixtures. docs/testing.md is its guide.

A package of its own, so that a suite which uses none of the fixtures doesn't even import the server.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from outrider.testing import LiveServer

    from pytest_outrider._servers import ServerFactory, Servers

    # What the plugin keeps for the session, once a fixture was used.
    _SERVERS: pytest.StashKey[Servers]

_SERVERS = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("outrider", "live servers (outrider)")
    group.addoption("--outrider-app", metavar="MODULE:NAME", help="the application that live_server serves")
    parser.addini("outrider_app", "the application that live_server serves: module:name")
    parser.addini(
        "outrider_options",
        "options of the server as on the command line of 'outrider', for example: --tls --lifespan on",
        type="args",
    )
    parser.addini(
        "outrider_raise_server_exceptions",
        "whether an exception that the application lets out fails the test (default: true)",
        type="bool",
        default=True,
    )


@pytest.hookimpl(trylast=True)  # behind the plugins whose fixtures are continued there
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "outrider(app=..., raise_server_exceptions=..., **options): the application, and outrider.Config's options, of "
        "the live_server of this test, class or module.",
    )
    if config.pluginmanager.hasplugin("base_url"):  # pytest-base-url's, which pytest-playwright brings
        from pytest_outrider import _base_url

        config.pluginmanager.register(_base_url, "outrider-base-url")
    if config.pluginmanager.hasplugin("playwright"):
        from pytest_outrider import _playwright

        config.pluginmanager.register(_playwright, "outrider-playwright")


@pytest.fixture(scope="session")
def _outrider_servers(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Servers]:
    from pytest_outrider._servers import Servers

    servers = request.session.stash[_SERVERS] = Servers(pytestconfig)
    yield servers
    servers.stop_shared()


@pytest.fixture
def outrider_server(_outrider_servers: Servers) -> Iterator[ServerFactory]:
    """A function that starts a server: ``server = outrider_server(app, **options)``; it stops at the end of the test.

    ``app`` is an ASGI application or ``"module:name"``, by default the one of the suite; ``options`` are
    ``outrider.Config``'s. ``module_outrider_server`` and ``session_outrider_server`` are for fixtures of those scopes.
    """
    with _outrider_servers.factory() as factory:
        yield factory


@pytest.fixture(scope="class")
def class_outrider_server(_outrider_servers: Servers) -> Iterator[ServerFactory]:
    """As ``outrider_server``; what it starts stops at the end of the class, and is quiesced between its tests."""
    with _outrider_servers.factory() as factory:
        yield factory


@pytest.fixture(scope="module")
def module_outrider_server(_outrider_servers: Servers) -> Iterator[ServerFactory]:
    """As ``outrider_server``; what it starts stops at the end of the module, and is quiesced between its tests."""
    with _outrider_servers.factory() as factory:
        yield factory


@pytest.fixture(scope="package")
def package_outrider_server(_outrider_servers: Servers) -> Iterator[ServerFactory]:
    """As ``outrider_server``; what it starts stops at the end of the package, and is quiesced between its tests."""
    with _outrider_servers.factory() as factory:
        yield factory


@pytest.fixture(scope="session")
def session_outrider_server(_outrider_servers: Servers) -> Iterator[ServerFactory]:
    """As ``outrider_server``; what it starts stops at the end of the session, and is quiesced between tests."""
    with _outrider_servers.factory() as factory:
        yield factory


@pytest.fixture
def live_server(request: pytest.FixtureRequest) -> LiveServer | Any:
    """The server of the suite's application: ``live_server.url``, ``live_server.client()``, ``live_server + "/path"``.

    The application is named by ``@pytest.mark.outrider(app="package.module:name")``, ``--outrider-app`` or the ini
    option ``outrider_app``; ``"django"`` is the project of pytest-django's settings. The server is started when first
    asked for, shared by all tests that ask for the same, and quiesced between them. Where none is named, and
    pytest-django is there, this is its ``live_server``.
    """
    from pytest_outrider._suite import NoSettings, is_named

    if not is_named(request) and request.config.pluginmanager.hasplugin("django"):
        return request.getfixturevalue("live_server")  # which is the one below this
    servers: Servers = request.getfixturevalue("_outrider_servers")
    server = servers.shared(request.node)
    if not hasattr(server, "_live_server_modified_settings"):  # which pytest-django enables, whatever is served
        server._live_server_modified_settings = NoSettings()
    return server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test ends when its servers have settled; what their applications let out is its affair."""
    try:
        result = yield
    except Exception:
        if servers := item.session.stash.get(_SERVERS, None):
            servers.end_call(item)
        raise
    if servers := item.session.stash.get(_SERVERS, None):
        servers.end_call(item, may_fail=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Also a test whose set-up failed leaves no request to the next one."""
    if servers := item.session.stash.get(_SERVERS, None):
        servers.settle()
    try:
        return (yield)
    finally:
        if servers := item.session.stash.get(_SERVERS, None):
            servers.forget()
