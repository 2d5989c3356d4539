"""The same bytes are read as h11 and llhttp read them, or refused (differential.py has the comparison)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import outrider
import pytest

pytest.importorskip("h11")
pytest.importorskip("httptools", reason="httptools isn't installed for this Python")
pytest.importorskip("hypothesis", reason="hypothesis isn't installed for this Python")

from differential import ALLOWANCES, CANARY, CASES, Reading, Request, Verdict, compare, inputs_of, look_at, serving
from differential_cases import a_stream
from hypothesis import HealthCheck, given, settings, strategies

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def server() -> Iterator[outrider.Server]:
    with serving() as running:
        yield running


def check(server: outrider.Server, data: bytes) -> None:
    for verdict in look_at(server, data).verdicts:
        assert not verdict.is_difference, f"{verdict}: {data!r}"


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_a_case_is_read_as_others_read_it_or_refused(server: outrider.Server, case: bytes) -> None:
    for data in inputs_of(case):
        check(server, data)


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(strategies.randoms(use_true_random=False))
def test_mutations_of_valid_requests_are_read_as_others_read_them_or_refused(
    server: outrider.Server, choose: random.Random
) -> None:
    check(server, a_stream(choose))


def test_what_is_valid_is_accepted_by_all_three(server: outrider.Server) -> None:
    # Otherwise a server that refuses everything would pass, and so would a comparison of nothing.
    post = b"POST /a?b HTTP/1.1\r\nHost: a\r\nX:  y \r\n"
    data = (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        + post
        + b"Content-Length: 5\r\n\r\nhello"
        + post
        + b'Transfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\nZ: z\r\n\r\n'
        + CANARY
    )
    outcome = look_at(server, data)
    assert [verdict.kind for verdict in outcome.verdicts] == ["same: boundary", "same: boundary"]
    assert [request.body for request in outcome.ours.requests] == [b"", b"hello", b"hello", b""]
    assert outcome.ours.requests[1][:3] == (b"POST", b"/a", b"b")
    begins = [reading.next_begins for reading in outcome.readings.values()]
    assert begins[0] == begins[1]
    assert len(begins[0]) == 4


REQUEST = Request(b"GET", b"/", b"", b"1.1", ((b"host", b"a"),), b"")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Reading([REQUEST], "ended"), Reading([], "refused")),
        (Reading([REQUEST], "ended"), Reading([], "incomplete")),
        (Reading([REQUEST, REQUEST], "ended"), Reading([REQUEST], "closed")),
        (Reading([REQUEST], "ended"), Reading([REQUEST, REQUEST], "boundary")),
        (Reading([REQUEST], "refused"), Reading([REQUEST._replace(body=b"x")], "boundary")),
        (Reading([REQUEST], "ended"), Reading([REQUEST._replace(headers=())], "boundary")),
    ],
)
def test_a_difference_is_noticed(ours: Reading, theirs: Reading) -> None:
    assert compare("llhttp", ours, theirs).is_difference


def test_refusing_alone_is_no_difference() -> None:
    ours, theirs = Reading([], "refused", "400 x"), Reading([REQUEST], "boundary")
    assert compare("llhttp", ours, theirs) == Verdict("llhttp", "stricter", "400 x")


def test_every_allowance_is_needed(server: outrider.Server) -> None:
    used = {name for _, case in CASES for r in look_at(server, case).readings.values() for name in r.allowances}
    assert used == set(ALLOWANCES)
