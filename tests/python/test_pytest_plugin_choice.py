"""What a suite says of its application: the ini file, the command line, markers; and pytest-base-url's fixture."""

from __future__ import annotations

from collections.abc import Callable

import apps.tested
import outrider.testing  # noqa: F401  here, so that suites in this process don't import it anew
import pytest

Suite = Callable[..., pytest.RunResult]

# Applications that say their name.
NAMED = """
    def named(name):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name})
        return app

    ini, line, marked, marked_too = map(named, [b"ini", b"line", b"marked", b"marked too"])
    """
ASKS = """
    import pytest
    from named import marked_too

    def name(server):
        return server.client().get("/").text

    def test_suite(live_server):
        assert name(live_server) == EXPECTED

    @pytest.mark.outrider(app="named:marked", server_header=False)
    class TestMarked:
        def test_class(self, live_server):
            assert name(live_server) == "marked"
            assert "server" not in live_server.client().get("/").headers

        @pytest.mark.outrider(app=marked_too)
        def test_closest(self, live_server):
            assert name(live_server) == "marked too"
            assert "server" not in live_server.client().get("/").headers

    def test_factory(outrider_server):
        assert name(outrider_server()) == EXPECTED
        assert name(outrider_server(marked_too)) == "marked too"
    """


@pytest.fixture(autouse=True)
def no_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps.tested, "events", [])


def test_a_marker_comes_before_the_command_line_and_that_before_the_ini_file(suite: Suite) -> None:
    files = {"named.py": NAMED, "pytest.ini": "[pytest]\noutrider_app = named:ini\n"}
    arguments = ["-o", "pythonpath=."]
    suite(ASKS.replace("EXPECTED", '"ini"'), *arguments, files=files).assert_outcomes(passed=4)
    done = suite(ASKS.replace("EXPECTED", '"line"'), "--outrider-app=named:line", *arguments, files=files)
    done.assert_outcomes(passed=4)


def test_options_of_the_suite_are_spelled_as_on_the_command_line_and_a_marker_s_add_to_them(suite: Suite) -> None:
    done = suite(
        """
        import pytest

        def test_suite(live_server, outrider_server):
            assert live_server.url.startswith("https://")
            assert live_server.client().get("/").headers["x-shop"] == "open"
            assert outrider_server().url.startswith("https://")
            assert outrider_server(tls=False).url.startswith("http://")
            assert outrider_server("apps.tested:app").url.startswith("http://")

        @pytest.mark.outrider(tls=False)
        def test_marked(live_server):
            assert live_server.url.startswith("http://")
            assert live_server.client().get("/").headers["x-shop"] == "open"
        """,
        "--outrider-app=apps.tested:app",
        "-o",
        "outrider_options=--tls --header 'x-shop: open' --lifespan on",
    )
    done.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("outrider_options=--tsl", "*the ini option outrider_options: unrecognized arguments: --tsl*"),
        ("outrider_options=--port x", "*the ini option outrider_options: argument --port: invalid int value: 'x'*"),
        ("outrider_options=--help", "*the ini option outrider_options: unrecognized arguments: --help*"),
        ("outrider_options=--lifespan maybe", "*outrider_options: argument --lifespan: invalid choice: 'maybe'*"),
        ("outrider_raise_server_exceptions=maybe", "*outrider_raise_server_exceptions, which is true or false: *"),
        ("outrider_app=tested", "*'tested' is not of the form 'module:attribute', for example 'main:app'*"),
    ],
)
def test_a_mistake_in_the_ini_file_fails_the_tests_that_use_it_and_says_what_it_is(
    suite: Suite, setting: str, message: str
) -> None:
    arguments = [] if setting.startswith("outrider_app=") else ["--outrider-app=apps.tested:app"]
    done = suite("def test_uses(live_server): pass\ndef test_does_not(): pass", "-o", setting, *arguments, "--tb=short")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines([message])
    done.stdout.no_fnmatch_line("*During handling of*")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("'named:ini', 'named:line'", "*@pytest.mark.outrider takes one application: *"),
        ("'named:ini', app='named:line'", "*@pytest.mark.outrider takes one application: *"),
        ("raise_server_exceptions='no'", "*@pytest.mark.outrider(raise_server_exceptions='no'): True or False*"),
        ("tsl=True", "*there is no option 'tsl': did you mean tls?*"),
        ("isolation='none'", "*isolation='none' is for a server on a test's own event loop*"),
    ],
)
def test_a_mistake_in_a_marker_fails_its_test_and_says_what_it_is(suite: Suite, marker: str, message: str) -> None:
    done = suite(
        f"import pytest\n@pytest.mark.outrider({marker})\ndef test_it(live_server): pass",
        "--outrider-app=apps.tested:app",
    )
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([message])


def test_base_url_is_the_suite_s_server_unless_the_command_line_names_another(suite: Suite) -> None:
    arguments = ["--outrider-app=apps.tested:app"]
    done = suite(
        "def test_it(base_url, live_server): assert base_url == live_server.url", *arguments, plugins=["base_url"]
    )
    done.assert_outcomes(passed=1)
    done = suite(
        "def test_it(base_url, live_server): assert base_url == 'http://shop.test' != live_server.url",
        *arguments,
        "--base-url=http://shop.test",
        plugins=["base_url"],
    )
    done.assert_outcomes(passed=1)
    done = suite("def test_it(base_url): assert not base_url", plugins=["base_url"])
    done.assert_outcomes(passed=1)


def test_base_url_starts_no_server_for_tests_that_do_not_use_it(suite: Suite) -> None:
    done = suite(
        "def test_it():\n    import apps.tested\n    assert apps.tested.events == []",
        "--outrider-app=apps.tested:app",
        plugins=["base_url"],
    )
    done.assert_outcomes(passed=1)
    assert apps.tested.events == []


def test_without_pytest_base_url_there_is_no_base_url(suite: Suite) -> None:
    done = suite("def test_it(base_url): pass", "--outrider-app=apps.tested:app")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'base_url' not found*"])


def test_pytest_django_without_django_leaves_a_live_server_of_something_else_alone(suite: Suite) -> None:
    done = suite(
        "def test_it(live_server): assert live_server.client().get('/').text == 'hello'",
        "--outrider-app=apps.tested:app",
        plugins=["django"],
    )
    done.assert_outcomes(passed=1)
