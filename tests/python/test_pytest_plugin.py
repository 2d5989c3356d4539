"""The plugin's fixtures: what they give, when the servers stop, what it costs not to use them."""

from __future__ import annotations

from collections.abc import Callable

import apps.tested
import outrider.testing
import pytest

Suite = Callable[..., pytest.RunResult]

SCOPES = ("class", "module", "package", "session")


@pytest.fixture(autouse=True)
def no_events() -> None:
    apps.tested.events.clear()


def test_a_suite_without_its_fixtures_does_not_import_the_server(suite: Suite) -> None:
    done = suite(
        """
        import sys

        def test_nothing(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("outrider")
            assert "pytest_outrider" in sys.modules
            assert [name for name in sys.modules if name.partition(".")[0] in ("outrider", "httpx")] == []
        """,
        "--outrider-app=apps.tested:app",
        plugins=["base_url"],
        subprocess=True,
    )
    done.assert_outcomes(passed=1)


def test_fixtures_are_listed_with_what_they_do(suite: Suite) -> None:
    done = suite("", "--fixtures")
    done.stdout.fnmatch_lines_random(
        [
            "outrider_server -- *",
            "    A function that starts a server: ``server = outrider_server(app, **options)``; it stops at the end *",
            *(f"{scope}_outrider_server [[]{scope} scope[]] -- *" for scope in SCOPES),
            "live_server -- *",
            "    The server of the suite's application: ``live_server.url``*",
        ]
    )
    done.stdout.no_fnmatch_line("*no docstring available*outrider*")


def test_without_the_plugin_there_are_no_fixtures(suite: Suite) -> None:
    done = suite("def test_it(live_server): pass", "-p", "no:outrider")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'live_server' not found*"])


def test_a_factory_starts_as_many_servers_as_a_test_wants_and_stops_them(suite: Suite) -> None:
    done = suite(
        """
        import apps.tested, httpx

        SERVERS = []

        def test_two(outrider_server):
            SERVERS.append(outrider_server(apps.tested.app))
            SERVERS.append(outrider_server("apps.tested:app", tls=True, headers=[("x-shop", "open")]))
            assert SERVERS[0].client().get("/").text == "hello"
            assert SERVERS[1].client().get("/").headers["x-shop"] == "open"
            assert SERVERS[1].url.startswith("https://")
            assert apps.tested.events == ["startup"] * 2

        def test_stopped():
            assert [server.state for server in SERVERS] == ["stopped"] * 2
            assert apps.tested.events == ["startup"] * 2 + ["shutdown"] * 2
        """
    )
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_factory_of_a_scope_stops_its_servers_at_the_end_of_it(suite: Suite, scope: str) -> None:
    tests = f"""
        import apps.tested, pytest

        @pytest.fixture(scope="{scope}")
        def shop({scope}_outrider_server):
            apps.tested.events.append("fixture")
            return {scope}_outrider_server(apps.tested.app)

        class TestFirst:
            def test_one(self, shop):
                assert shop.client().get("/").text == "hello"
                assert False

            def test_two(self, shop):
                assert shop.client().get("/").text == "hello"
        """
    done = suite(tests, files={"package/__init__.py": "", "package/test_other.py": tests})
    done.assert_outcomes(passed=2, failed=2)
    assert apps.tested.events == ["fixture", "startup", "shutdown"] * 2 or (
        scope in ("package", "session") and sorted(set(apps.tested.events)) == ["fixture", "shutdown", "startup"]
    )
    if scope in ("class", "module"):
        assert apps.tested.events == ["fixture", "startup", "shutdown"] * 2
    assert apps.tested.events.count("startup") == apps.tested.events.count("shutdown")


def test_a_server_stops_also_behind_a_test_that_failed(suite: Suite) -> None:
    done = suite(
        """
        import apps.tested

        SERVERS = []

        def test_fails(outrider_server):
            SERVERS.append(outrider_server(apps.tested.app))
            assert not SERVERS

        def test_stopped():
            assert SERVERS[0].state == "stopped"
        """
    )
    done.assert_outcomes(passed=1, failed=1)


def test_a_start_that_fails_says_why_and_one_that_is_expected_to_fail_is_not_told_again(suite: Suite) -> None:
    done = suite(
        """
        import outrider, pytest

        def test_unexpected(outrider_server):
            outrider_server("apps.tested:broken")

        def test_expected(outrider_server):
            with pytest.raises(outrider.LifespanError, match="the database is away"):
                outrider_server("apps.tested:broken")

        def test_no_such_option(outrider_server):
            outrider_server("apps.tested:app", tsl=True)

        def test_no_such_module(outrider_server):
            outrider_server("apps.untested:app")
        """
    )
    done.assert_outcomes(passed=1, failed=3)
    done.stdout.fnmatch_lines_random(
        [
            "E *LifespanError: *the database is away*",
            "E *TypeError: there is no option 'tsl': did you mean tls?",
            "E *AppImportError: *apps.untested*",
        ]
    )


def test_without_an_application_the_failure_says_where_to_name_it(suite: Suite) -> None:
    done = suite("def test_it(live_server): pass\ndef test_that(outrider_server): outrider_server()")
    done.assert_outcomes(errors=1, failed=1)
    done.stdout.fnmatch_lines(["*no application is named: pass it, outrider_server(app)*"])


def test_live_server_is_a_url_that_paths_can_be_added_to(suite: Suite) -> None:
    done = suite(
        """
        import httpx

        def test_it(live_server):
            assert live_server.url.startswith("http://127.0.0.1:")
            assert str(live_server) == live_server.url == f"{live_server}"
            assert live_server + "/items" == live_server.url + "/items"
            assert httpx.get(live_server + "/", trust_env=False).text == "hello"
            assert live_server.client().get("/").text == "hello"

        def test_it_is_shared(live_server):
            import apps.tested
            assert apps.tested.events == ["startup"]
        """,
        "--outrider-app=apps.tested:app",
    )
    done.assert_outcomes(passed=2)
    assert apps.tested.events == ["startup", "shutdown"]


def test_a_shared_server_that_a_test_has_stopped_is_started_again_for_the_next_one(suite: Suite) -> None:
    done = suite(
        """
        def test_stops(live_server):
            live_server.stop()

        def test_goes_on(live_server):
            assert live_server.client().get("/").text == "hello"
        """,
        "--outrider-app=apps.tested:app",
    )
    done.assert_outcomes(passed=2)


def test_the_factory_has_a_type_for_annotations() -> None:
    import pytest_outrider

    assert pytest_outrider.ServerFactory.__name__ == "ServerFactory"
    assert outrider.testing.LiveServer.__name__ == "LiveServer"
    with pytest.raises(AttributeError, match="has no attribute 'Factory'"):
        _ = pytest_outrider.Factory


@pytest.mark.parametrize("package", ["httpx", "httpx_sse", "websockets"])
def test_without_a_client_s_package_only_its_methods_fail_and_say_so(suite: Suite, package: str) -> None:
    methods = {
        "httpx": ["client", "async_client"],
        "httpx_sse": ["events", "async_events"],
        "websockets": ["websocket", "async_websocket"],
    }[package]
    done = suite(
        f"""
        import sys, urllib.request
        import pytest

        sys.modules[{package!r}] = None  # so it can't be imported

        def test_it(live_server):
            with urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(live_server + "/") as response:
                assert response.read() == b"hello"

        @pytest.mark.parametrize("name", {methods!r})
        def test_that(live_server, name):
            package = {package.replace("_", "-")!r}
            advice = rf"server\\.{{name}}\\(\\) needs {{package}}: pip install {{package}}, or all of 'outrider"
            with pytest.raises(ImportError, match=advice):
                import asyncio

                made = getattr(live_server, name)(*["/"] * (name.partition("client")[1] == ""))
                if hasattr(made, "__aenter__"):
                    asyncio.run(made.__aenter__())
                made.__enter__()
        """,
        "--outrider-app=apps.tested:app",
        subprocess=True,
    )
    done.assert_outcomes(passed=3)
