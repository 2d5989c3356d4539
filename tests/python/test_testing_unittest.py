"""Suites without pytest: unittest's own runner, doctest."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run(text, *arguments)`: Python runs the module `suite` with that text, with warnings as errors."""

    def run_module(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "suite.py").write_text(textwrap.dedent(text))
        path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent), *filter(None, sys.path)])
        return subprocess.run(
            [sys.executable, "-Werror", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run_module


def test_a_test_case_has_a_server_and_is_told_what_its_application_let_out(run: Run) -> None:
    done = run(
        """
        from apps import tested
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            app = tested.app

            def test_1_good(self):
                self.assertEqual(self.client.get("/").text, "hello")
                self.assertTrue(self.url.startswith("http://127.0.0.1:"))
                self.assertEqual(tested.events, ["startup"])
                self.client.cookies.set("of", "this test")

            def test_2_bad(self):
                self.assertEqual(self.client.get("/boom").status_code, 500)

            def test_3_good_again(self):
                self.assertEqual(self.client.get("/").text, "hello")
                self.assertEqual([request.path for request in self.server.requests], ["/"])
                self.assertFalse(self.client.cookies)

            def test_4_leaves_a_stream(self):
                TestShop.stream = self.server.events("/ticks")
                next(TestShop.stream.__enter__())

            def test_5_next(self):
                self.assertEqual(tested.events, ["startup", "ticks ended"])

        class TestTls(LiveServerTestCase):
            app = "apps.tested:app"
            options = {"tls": True}
            raise_server_exceptions = False

            def test_bad(self):
                self.assertEqual(self.client.get("/boom").status_code, 500)
                self.assertTrue(self.url.startswith("https://"))

        def tearDownModule():
            assert tested.events.count("startup") == tested.events.count("shutdown") == 2
        """,
        "-m",
        "unittest",
        "-v",
        "suite",
    )
    assert "Ran 6 tests" in done.stderr, done.stderr
    assert "FAILED (errors=1)" in done.stderr, done.stderr
    assert "ERROR: test_2_bad (suite.TestShop" in done.stderr
    assert "apps.tested.OutOfStock: no lamps left" in done.stderr


def test_fail_fast_ends_with_the_test_whose_application_failed(run: Run) -> None:
    done = run(
        """
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            app = "apps.tested:app"

            def test_1(self):
                self.client.get("/boom")

            def test_2(self):
                self.client.get("/")
        """,
        "-m",
        "unittest",
        "-f",
        "suite",
    )
    assert "Ran 1 test in" in done.stderr, done.stderr
    assert "FAILED (errors=1)" in done.stderr


def test_coroutines_of_a_test_case_use_the_server_too(run: Run) -> None:
    done = run(
        """
        import unittest
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase, unittest.IsolatedAsyncioTestCase):
            app = "apps.tested:app"

            async def asyncSetUp(self):
                self.shop = await self.enterAsyncContext(self.server.async_client())

            async def test_good(self):
                self.assertEqual((await self.shop.get("/")).text, "hello")
                async with self.server.async_websocket("/echo") as echo:
                    await echo.send("hello")
                    self.assertEqual(await echo.recv(), "hello")

            async def test_bad(self):
                await self.shop.get("/boom")
        """,
        "-m",
        "unittest",
        "suite",
    )
    assert "Ran 2 tests" in done.stderr, done.stderr
    assert "FAILED (errors=1)" in done.stderr, done.stderr
    assert "ERROR: test_bad" in done.stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "TypeError: TestShop has no application: set app = ..., an ASGI application or its name"),
        ("app = 'apps.tested:broken'", "the database is away"),
        ("app = 'apps.tested:app'; options = {'tsl': True}", "there is no option 'tsl': did you mean tls?"),
        ("app = 'apps.tested:app'; options = {'isolation': 'none'}", "isolation='none' has no event loop here"),
        ("app = 'apps.tested:unclean'", "OutOfStock: nobody counted the till"),
    ],
)
def test_what_is_wrong_with_its_application_is_an_error_of_the_class(run: Run, body: str, message: str) -> None:
    done = run(
        f"""
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            {body}

            def test_it(self):
                self.client.get("/")
        """,
        "-m",
        "unittest",
        "suite",
    )
    assert "FAILED (errors=1)" in done.stderr, done.stderr
    assert "ERROR: setUpClass (suite.TestShop)" in done.stderr or "ERROR: tearDownClass (suite.TestShop)" in done.stderr
    assert message in done.stderr


def test_a_class_that_keeps_the_server_from_starting_is_told_how_it_does(run: Run) -> None:
    done = run(
        """
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            app = "apps.tested:app"

            @classmethod
            def setUpClass(cls):
                cls.shelves = 3

            def test_it(self):
                self.client.get("/")
        """,
        "-m",
        "unittest",
        "suite",
    )
    assert "FAILED (errors=1)" in done.stderr, done.stderr
    assert "TestShop has no server" in done.stderr
    assert "super().setUpClass()" in done.stderr


def test_a_skipped_or_debugged_test_leaves_nothing_behind(run: Run) -> None:
    done = run(
        """
        import unittest
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            app = "apps.tested:app"

            @unittest.skip("closed")
            def test_skipped(self): ...

            def test_skips(self):
                self.skipTest("closed today")

            def test_bad(self):
                self.client.get("/boom")

        TestShop.setUpClass()
        try:
            TestShop("test_bad").debug()
        except Exception as error:
            print(repr(error))
        TestShop.doClassCleanups()
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(TestShop).run(result)
        print(len(result.skipped), len(result.errors))
        """,
        "suite.py",
    )
    assert done.stdout.splitlines() == ["OutOfStock('no lamps left')", "2 1"], done.stdout + done.stderr


def test_a_doctest_uses_a_server_with_plain_with(run: Run) -> None:
    done = run(
        '''
        """A shop.

        >>> import outrider
        >>> with outrider.serve("apps.tested:app") as server:
        ...     print(server.client().get("/").text)
        hello
        """
        ''',
        "-m",
        "doctest",
        "-v",
        "suite.py",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


def test_what_an_application_lets_out_is_seen_where_no_logging_is_set_up(run: Run) -> None:
    done = run(
        """
        from outrider.testing import LiveServerTestCase

        class TestShop(LiveServerTestCase):
            app = "apps.tested:app"
            raise_server_exceptions = False

            def test_bad(self):
                self.assertEqual(self.client.get("/boom").status_code, 500)
        """,
        *("-m", "unittest", "suite"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the application raised an exception during GET /boom") == 1
    assert "Traceback" in done.stderr
