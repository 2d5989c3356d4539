"""The plugin's outrider_mock: what no route answers fails the test that it happens in, and no other."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

# What warns of its own settings, or is of no use here.
OTHERS = ("asyncio", "django", "playwright", "base_url")
SUITE = """
import urllib.error
import urllib.request
import pytest
from outrider.testing import Answer

def ask(mock, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(mock + path) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code

def test_fine(outrider_mock):
    outrider_mock.get("/items", text="lamp")
    assert ask(outrider_mock, "/items") == b"lamp"
    outrider_mock.assert_called("GET", "/items", times=1)

def test_unexpected(outrider_mock):
    assert ask(outrider_mock, "/items") == 404

def test_is_fresh(outrider_mock):
    outrider_mock.assert_not_called()

def test_function(outrider_mock):
    outrider_mock.get("/items", lambda request: Answer(1 // 0))
    assert ask(outrider_mock, "/items") == 500

def test_assertion(outrider_mock):
    outrider_mock.assert_called("GET", "/items")

@pytest.fixture
def asks_at_its_end(outrider_mock):
    yield
    ask(outrider_mock, "/at/the/end")

def test_end(asks_at_its_end):
    pass
"""


def test_the_fixture_fails_the_test_that_asks_for_what_there_is_not(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_suite=SUITE)
    done = pytester.runpytest_subprocess("-W", "error", *(f"-pno:{name}" for name in OTHERS), timeout=60)
    done.assert_outcomes(passed=3, failed=3, errors=1)
    done.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_end*",
            "E *Unexpected: the mock has no route for GET /at/the/end. It has no routes.",
            "*test_unexpected*",
            "E *Unexpected: the mock has no route for GET /items. It has no routes.",
            "*outrider http://127.0.0.1:*",
            "GET /items 404 *ms",
            "*test_function*",
            "E *ZeroDivisionError: *",
            "*test_assertion*",
            "E *AssertionError: the mock was not asked for GET /items. It was asked for nothing.",
        ]
    )


def test_the_fixture_is_listed_with_what_it_does(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess("--fixtures", timeout=60)
    done.stdout.fnmatch_lines(["outrider_mock -- *", "    A mock of somebody's HTTP API: *"])
