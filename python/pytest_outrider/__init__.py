# SPDX-License-Identifier: MIT
"""Outrider's pytest plugin: live servers as fixtures. docs/testing.md is its guide.

A package of its own, so that a suite which uses none of the fixtures doesn't even import the server.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from outrider.testing import Mock

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
    from pytest_outrider import _live_server

    config.pluginmanager.register(_live_server, "outrider-live-server")
    if config.pluginmanager.hasplugin("django"):
        from pytest_outrider import _pytest_django

        config.pluginmanager.register(_pytest_django, "outrider-pytest-django")
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


def __getattr__(name: str) -> Any:
    """``pytest_outrider.ServerFactory``, for annotations; it comes with the server."""
    if name != "ServerFactory":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_outrider._servers import ServerFactory

    return ServerFactory


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
def outrider_mock(_outrider_servers: Servers) -> Iterator[Mock]:
    """A mock of somebody's HTTP API: ``outrider_mock.get("/items", json=[])``, ``outrider_mock.url``.

    It remembers what it was asked: ``outrider_mock.assert_called("GET", "/items")``. What no route answers fails the
    test. ``outrider.testing.Mock`` has all of it, also https and other scopes.
    """
    from outrider.testing import Mock

    with _outrider_servers.factory() as factory:
        mock = Mock()
        factory.start(mock.server)
        yield mock


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """A test whose set-up failed shows what its servers did, and leaves no request to the next one."""
    __tracebackhide__ = True
    try:
        return (yield)
    except BaseException as error:
        _end_phase(item, "setup", error)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test ends when its servers have settled; what their applications let out is its affair."""
    __tracebackhide__ = True
    try:
        result = yield
    except BaseException as error:
        _end_phase(item, "call", error)
        raise
    _end_phase(item, "call")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """So is what they let out while fixtures end."""
    __tracebackhide__ = True
    try:
        result = yield
    except BaseException as error:
        _end_phase(item, "teardown", error)
        raise
    _end_phase(item, "teardown")
    return result


def settle_servers(item: pytest.Item) -> None:
    """Ends what the servers that fixtures started still do for a test, if there are any."""
    if servers := item.session.stash.get(_SERVERS, None):
        servers.settle()


def _end_phase(item: pytest.Item, phase: str, error: BaseException | None = None) -> None:
    __tracebackhide__ = True
    servers = item.session.stash.get(_SERVERS, None)
    # Who interrupts the suite doesn't wait for its requests: the servers are about to stop.
    if servers is not None and not isinstance(error, (KeyboardInterrupt, SystemExit, pytest.exit.Exception)):
        servers.end_phase(item, phase, error)
