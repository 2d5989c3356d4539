"""outrider.testing.Mock: what can't be sent, or asked, is refused where a test says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from outrider.testing import Answer, Mock


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Answer(100), ValueError, "no status of a response"),
        (lambda: Answer(delay=-1), ValueError, "delay=-1"),
        (lambda: Answer(json=1, text="a"), TypeError, "one content"),
        (lambda: Answer(json={1, 2}), TypeError, "not JSON serializable"),
        (lambda: Answer(body={"a": 1}), TypeError, "given as json="),
        (lambda: Answer(body=3), TypeError, "must be bytes, str"),
        (lambda: Answer(drop=True, json={}), TypeError, "drop=True sends nothing"),
        (lambda: Answer(404, drop=True), TypeError, "drop=True sends nothing"),
        (lambda: Answer(body=b"abc", cut_after=3), ValueError, "the content has 3 bytes"),
        (lambda: Answer(body=b"abc", cut_after=-1), ValueError, "0 or more"),
        (lambda: Answer("200"), TypeError, "status='200' must be an int"),
        (lambda: Answer(True), TypeError, "status=True must be an int"),
        (lambda: Answer(headers={"set-cookie": ["a=1"]}), TypeError, "given twice by a list of pairs"),
        (lambda: Answer(headers={"x-n": 3}), TypeError, "the value 3 of 'x-n' must be a str"),
        (lambda: Answer(headers="x-n: 3"), TypeError, "must be a mapping, or a list"),
        (lambda: Answer(headers=["ab"]), TypeError, "'ab' is no pair"),
        (lambda: Answer(headers={"x": "a\r\nb: c"}), ValueError, "has a CR, LF, NUL"),
        (lambda: Answer(headers={"x": "a\n"}), ValueError, "has a CR, LF, NUL"),
        (lambda: Answer(headers={"x": "\0"}), ValueError, "has a CR, LF, NUL"),
        (lambda: Answer(headers={"x": "\u20ac"}), ValueError, "must be in Latin-1"),
        (lambda: Answer(headers={"x a": "b"}), ValueError, "headers: the name 'x a' must be letters"),
        (lambda: Answer(headers={"": "b"}), ValueError, "headers: the name '' must be letters"),
        (lambda: Answer(headers={b"x": "b"}), TypeError, "headers: the name b'x' must be a str"),
        (lambda: Answer(text="abc", headers={"content-length": "4"}), ValueError, "is 4, but the content has 3 bytes"),
        (lambda: Answer(body=["a"], headers={"Content-Length": "2"}), ValueError, "is 2, but the content has 1 byte:"),
        (lambda: Answer(headers={"content-length": "all"}), ValueError, "'all' must be one whole number"),
        (lambda: Answer(headers=[("content-length", "0")] * 2), ValueError, "'0, 0' must be one whole number"),
        (lambda: Mock().get("/", headers={"content-length": "7"}), ValueError, "only an answer to HEAD"),
        (lambda: Answer(body=b"abc", cut_after="1"), TypeError, "cut_after='1' must be an int"),
        (lambda: Answer(body=b"abc", cut_after=True), TypeError, "cut_after=True must be an int"),
        (lambda: Answer(delay="1"), TypeError, "delay='1' must be a number"),
        (lambda: Answer(delay=True), TypeError, "delay=True must be a number"),
        (lambda: Answer(delay=float("nan")), ValueError, "delay=nan must be a number"),
        (lambda: Answer(delay=float("inf")), ValueError, "delay=inf must be a number"),
        (lambda: Answer(text=b"a"), TypeError, "text=b'a' must be a str"),
        (lambda: Answer(body=None), TypeError, "body=None must be bytes"),
        (lambda: Answer(body=["a", 1]), TypeError, "1 must be bytes or str"),
        (lambda: Answer(drop=1), TypeError, "drop=1 must be True or False"),
        (lambda: Answer(json=float("nan")), ValueError, "json=nan can't be sent"),
        (lambda: Answer(json=[float("inf")]), ValueError, r"json=\[inf\] can't be sent"),
        (lambda: Answer(204, json=None), ValueError, "status=204 has no content"),
        (lambda: Answer(304, body=["a"]), ValueError, "status=304 has no content"),
        (lambda: Answer(205, text="a"), ValueError, "status=205 has no content"),
        (lambda: Mock().get("/", Answer), TypeError, "is the class, and no answer"),
        (lambda: Mock().get(None), TypeError, "the path None must be a str"),
        (lambda: Mock().route(None, "/"), TypeError, "the method None must be a str"),
        (lambda: Mock().route("", "/"), ValueError, "the method '' must be letters"),
        (lambda: Mock().route("GE T", "/"), ValueError, "the method 'GE T' must be letters"),
        (lambda: Mock().get("/x#f"), ValueError, "has a '#'"),
        (lambda: Mock().get("/x?a=1#f"), ValueError, "has a '#'"),
        (lambda: Mock().get("/{a:int}"), ValueError, "{name} has no types"),
        (lambda: Mock().get("/{1}"), ValueError, "begins with a letter"),
        (lambda: Mock().when("GET", "/", query="a"), TypeError, "query='a' must be a mapping"),
        (lambda: Mock().when("GET", "/", query={1: "a"}), TypeError, "the name 1 must be a str"),
        (lambda: Mock().when("GET", "/", headers="a"), TypeError, "headers='a' must be a mapping"),
        (lambda: Mock().when("GET", "/", headers={"a b": "c"}), ValueError, "the name 'a b'"),
        (lambda: Mock().assert_called("GET", "/", times=-1), ValueError, "times=-1 must be 0 or more"),
        (lambda: Mock().assert_called("GET", "/", times="1"), TypeError, "times='1' must be an int"),
        (lambda: Mock().wait_for("GET", "/", times=0), ValueError, "times=0 must be 1 or more"),
        (lambda: Mock(app=3), TypeError, "app=3: a mock is an application itself"),
        (lambda: Mock().get("items"), ValueError, "must begin with a slash"),
        (lambda: Mock().get("/{rest...}/a"), ValueError, "a rest that isn't at its end"),
        (lambda: Mock().get("/a/{b}.json"), ValueError, "neither text nor a parameter"),
        (lambda: Mock().get("/a/{}"), ValueError, "neither text nor a parameter"),
        (lambda: Mock().get("/{a}/{a}"), ValueError, "two parameters of one name"),
        (lambda: Mock().get("/", query={}), TypeError, "query is a condition"),  # type: ignore[call-arg]
        (lambda: Mock().when("GET", "/", status=3), TypeError, "'status' is no condition"),  # type: ignore[call-arg]
        (lambda: Mock().get("/", Answer(), status=3), TypeError, "give them to that Answer"),
        (lambda: Mock().get("/", 404), TypeError, "404 is no answer"),
        (lambda: Mock().when("GET", "/", params={}), TypeError, "'params' is no condition"),
        (lambda: Mock(isolation="process"), ValueError, "isolation='process'"),
        (lambda: Mock(no_such_option=1), TypeError, "no_such_option"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(
    make: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_route_whose_answer_is_refused_is_not_there() -> None:
    mock = Mock()
    with pytest.raises(ValueError, match="no status"):
        mock.get("/", status=99)
    assert repr(mock) == "<Mock created: 0 routes, 0 requests>"
