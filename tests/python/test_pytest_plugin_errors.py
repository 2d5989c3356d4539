"""What an application lets out fails the test that caused it, and the report of a test says what its servers did."""

from __future__ import annotations

from collections.abc import Callable

import apps.tested
import outrider.testing  # noqa: F401  here, so that suites in this process don't import it anew
import pytest

Suite = Callable[..., pytest.RunResult]

APP = "--outrider-app=apps.tested:app"


@pytest.fixture(autouse=True)
def no_events() -> None:
    apps.tested.events.clear()


def test_an_exception_of_the_application_is_the_test_s_with_the_application_s_traceback(suite: Suite) -> None:
    done = suite(
        """
        def test_causes(live_server):
            assert live_server.client().get("/boom").status_code == 500

        def test_does_not(live_server):
            assert live_server.client().get("/").status_code == 200
        """,
        APP,
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            '*raise OutOfStock("no lamps left")',
            "E *OutOfStock: no lamps left",
            "*tested.py:*: OutOfStock",
            "-* outrider http://127.0.0.1:* call -*",
            "GET /boom 500 * ms",
            "ERROR outrider: the application raised an exception during GET /boom",
            "Traceback (most recent call last):",
            "apps.tested.OutOfStock: no lamps left",
            "FAILED test_suite.py::test_causes - *OutOfStock: no lamps left",
        ]
    )
    done.stdout.no_fnmatch_line("*pytest_outrider*")  # the traceback begins in the application


def test_a_test_that_fails_by_itself_shows_what_the_application_let_out(suite: Suite) -> None:
    done = suite(
        """
        import pytest

        def test_asserts(live_server):
            assert live_server.client().get("/boom").status_code == 200

        def test_gives_up(live_server):
            live_server.client().get("/boom")
            pytest.fail("it is no use")
        """,
        APP,
    )
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(
        [
            "E *assert 500 == 200",
            "-* outrider http://127.0.0.1:* call -*",
            "GET /boom 500 * ms",
            "apps.tested.OutOfStock: no lamps left",
            "E *it is no use",
            "-* outrider http://127.0.0.1:* call -*",
            "GET /boom 500 * ms",
            "apps.tested.OutOfStock: no lamps left",
        ]
    )


def test_who_chooses_so_is_shown_exceptions_and_not_failed_by_them(suite: Suite) -> None:
    tests = """
        import pytest

        @pytest.mark.outrider(raise_server_exceptions=False)
        def test_marked(live_server):
            assert live_server.client().get("/boom").status_code == 500

        def test_after_that(live_server):
            assert live_server.client().get("/boom").status_code == 500

        @pytest.mark.outrider(raise_server_exceptions=True)
        def test_marked_again(live_server):
            assert live_server.client().get("/boom").status_code == 500

        def test_factory(outrider_server):
            server = outrider_server(raise_server_exceptions=False)
            assert server.client().get("/boom").status_code == 500
        """
    done = suite(tests, APP, "-rP")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(["*PASSES*", "*test_marked*", "-* outrider http://127.0.0.1:* call -*", "GET /boom 500*"])
    done = suite(tests, APP, "-o", "outrider_raise_server_exceptions=false")
    done.assert_outcomes(passed=3, failed=1)


def test_a_test_that_expects_an_exception_looks_at_it_and_has_it_forgotten(suite: Suite) -> None:
    done = suite(
        """
        import apps.tested

        def test_it(live_server):
            live_server.client().get("/boom")
            (error,) = live_server.errors
            assert isinstance(error, apps.tested.OutOfStock)
            live_server.forget()
        """,
        APP,
    )
    done.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/late", "E *OutOfStock: noticed behind the response"),
        ("/task", "E *OutOfStock: in a task that nobody awaits"),
        ("/leave", "*SystemExit: the application wants to go"),
    ],
)
def test_what_comes_behind_a_response_or_wants_to_end_the_program_fails_the_test_too(
    suite: Suite, path: str, line: str
) -> None:
    done = suite(
        f"""
        def test_causes(live_server):
            live_server.client().get("{path}")

        def test_goes_on(live_server):
            assert live_server.client().get("/").text == "hello"
        """,
        APP,
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines([line])


def test_several_exceptions_are_raised_in_a_group(suite: Suite) -> None:
    done = suite(
        """
        import pytest

        def test_it(live_server, outrider_server):
            live_server.client().get("/boom")
            outrider_server().client().get("/boom")

        @pytest.mark.xfail(raises=ExceptionGroup, strict=True)
        def test_expected(live_server):
            live_server.client().get("/boom")
            live_server.client().get("/boom")
        """,
        APP,
    )
    done.assert_outcomes(failed=1, xfailed=1)
    done.stdout.fnmatch_lines(["*ExceptionGroup: the application let out 2 exceptions (2 sub-exceptions)*"])


def test_what_fixtures_cause_is_told_in_their_phase(suite: Suite) -> None:
    done = suite(
        """
        import pytest

        @pytest.fixture
        def fails(live_server):
            live_server.client().get("/boom")
            raise LookupError("no shop")

        @pytest.fixture
        def ends_badly(live_server):
            yield
            live_server.client().get("/boom")

        @pytest.fixture
        def ends_badly_too(outrider_server):
            server = outrider_server()
            yield
            server.client().get("/boom")

        def test_setup(fails): pass
        def test_teardown(ends_badly): pass
        def test_own_server(ends_badly_too): pass
        def test_after_all(live_server): pass
        """,
        APP,
    )
    done.assert_outcomes(passed=3, errors=3)
    done.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_setup*",
            "E *LookupError: no shop",
            "-* outrider http://127.0.0.1:* setup -*",
            "GET /boom 500 * ms",
            "*ERROR at teardown of test_teardown*",
            "E *OutOfStock: no lamps left",
            "-* outrider http://127.0.0.1:* teardown -*",
            "GET /boom 500 * ms",
            "*ERROR at teardown of test_own_server*",
            "E *OutOfStock: no lamps left",
            "-* outrider http://127.0.0.1:* teardown -*",
            "GET /boom 500 * ms",
        ]
    )


def test_a_shutdown_that_fails_is_an_error_where_the_server_ends(suite: Suite) -> None:
    done = suite(
        """
        import pytest

        def test_it(outrider_server):
            outrider_server("apps.tested:unclean").client().get("/")

        def test_stops_it_by_itself(outrider_server):
            assert outrider_server("apps.tested:unclean").stop().lifespan == "failed"

        def test_not_interested(outrider_server):
            outrider_server("apps.tested:unclean", raise_server_exceptions=False)
        """
    )
    done.assert_outcomes(passed=3, errors=1)
    done.stdout.fnmatch_lines(["*ERROR at teardown of test_it*", "E *nobody counted the till*"])


def test_a_process_that_crashes_fails_its_test_once_and_the_next_one_has_a_new_one(suite: Suite) -> None:
    done = suite(
        """
        import httpx, pytest

        pytestmark = pytest.mark.outrider(isolation="process")

        def test_boom(live_server):
            assert live_server.client().get("/boom").status_code == 500

        def test_crash(live_server):
            with pytest.raises(httpx.TransportError):
                live_server.client().get("/crash")
            with pytest.raises(Exception, match="9"):
                live_server.wait(10)

        def test_goes_on(live_server):
            assert live_server.client().get("/").text == "hello"
        """,
        APP,
    )
    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(["*OutOfStock: no lamps left*", "E *ProcessError: *9*"])


def test_the_log_of_one_server_is_not_in_the_section_of_another(suite: Suite) -> None:
    done = suite(
        """
        def requests(server):
            server.settle()
            return [line for line in server.observe().log if "HTTP/1.1" in line]

        def test_it(outrider_server):
            one, other = outrider_server(log_level="info"), outrider_server(log_level="info")
            one.client().get("/first")
            other.client().get("/second")
            assert len(requests(one)) == len(requests(other)) == 1
            assert "/first" in str(requests(one)) and "/second" in str(requests(other))
        """,
        APP,
    )
    done.assert_outcomes(passed=1)
