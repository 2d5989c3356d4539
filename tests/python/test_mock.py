"""outrider.testing.Mock: its routes, its answers, and what it remembers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from outrider.testing import Answer, Mock, MockRequest
from outrider.testing import _mock_journal as journal
from wire_client import WireClient

GIVEN_MAX = 10.0  # seconds for what comes at once


@pytest.fixture
def mock() -> Iterator[Mock]:
    with Mock() as mock:
        yield mock


@pytest.fixture
def client(mock: Mock) -> Iterator[httpx.Client]:
    with mock.server.client() as client:
        yield client


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_route_answers_with_its_status_headers_and_content(mock: Mock, client: httpx.Client) -> None:
    mock.get("/json", status=201, json={"a": None})
    mock.get("/null", json=None)
    mock.get("/text", text="ä")
    mock.get("/bytes", body=b"\0\xff", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])
    mock.get("/str", body="ä", headers={"Content-Type": "text/csv"})
    mock.get("/problem", Answer(404, json={}, headers={"content-type": "application/problem+json"}))
    mock.get("/nothing", status=204)
    answer = client.get("/json")
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (201, {"a": None}, "application/json")
    assert client.get("/null").text == "null"
    assert client.get("/text").text == "ä"
    assert client.get("/text").headers["content-type"] == "text/plain; charset=utf-8"
    answer = client.get("/bytes")
    assert (answer.content, answer.headers.get_list("set-cookie")) == (b"\0\xff", ["a=1", "b=2"])
    assert "content-type" not in answer.headers
    assert client.get("/str").headers["content-type"] == "text/csv"
    assert client.get("/problem").headers.get_list("content-type") == ["application/problem+json"]
    assert (client.get("/nothing").status_code, client.get("/nothing").content) == (204, b"")


def test_answers_come_one_after_the_other_and_the_last_one_stays(mock: Mock, client: httpx.Client) -> None:
    route = mock.get("/flaky", Answer(503), Answer(429), lambda request: Answer(200))
    assert [client.get("/flaky").status_code for _ in range(4)] == [503, 429, 200, 200]
    route.answer(status=410)
    assert client.get("/flaky").status_code == 410
    assert len(route.requests) == 5


def test_a_function_makes_the_answer_from_the_request(mock: Mock, client: httpx.Client) -> None:
    async def later(request: MockRequest) -> Answer:
        await asyncio.sleep(0)
        return Answer(json=request.json())

    class Callable:
        async def __call__(self, request: MockRequest) -> Answer:
            return Answer(text=request.parameters["name"])

    mock.post("/orders", lambda request: Answer(201, json={"id": len(mock.requests)}))
    mock.post("/later", later)
    mock.get("/hello/{name}", Callable())
    mock.get("/awaitable", lambda request: later(request))  # noqa: PLW0108
    assert [client.post("/orders").json() for _ in range(2)] == [{"id": 1}, {"id": 2}]
    assert client.post("/later", json=[1]).json() == [1]
    assert client.get("/hello/W%C3%B6rld").text == "Wörld"
    assert client.request("GET", "/awaitable", json=2).json() == 2


def test_a_function_may_wait_for_something_while_other_requests_are_answered(mock: Mock, client: httpx.Client) -> None:
    may_go_on = threading.Event()

    def wait(request: MockRequest) -> Answer:
        assert may_go_on.wait(GIVEN_MAX)
        return Answer(text="waited")

    mock.get("/waits", wait)
    mock.get("/quick")
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(client.get("/waits").text))
    thread.start()
    mock.wait_for("GET", "/waits", GIVEN_MAX)
    assert client.get("/quick").status_code == 200
    may_go_on.set()
    thread.join()
    assert answers == ["waited"]


def test_a_stream_is_sent_as_it_comes(mock: Mock) -> None:
    may_go_on = threading.Event()

    def pieces() -> Iterator[str]:
        yield "data: 1\n\n"
        assert may_go_on.wait(GIVEN_MAX)
        yield "data: 2\n\n"

    async def more() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    mock.get("/events", lambda request: Answer(body=pieces(), headers={"content-type": "text/event-stream"}))
    mock.get("/list", body=["a", b"b"])
    mock.get("/more", lambda request: Answer(body=more()))
    with mock.server.events("/events") as events:
        assert next(events).data == "1"
        may_go_on.set()
        assert [event.data for event in events] == ["2"]
    with mock.server.client() as client:
        for path in ("/list", "/list", "/more"):
            answer = client.get(path)
            assert (answer.text, answer.headers["transfer-encoding"]) == ("ab", "chunked")


def test_an_iterator_that_is_used_up_is_an_error_and_no_empty_answer() -> None:
    with pytest.raises(RuntimeError, match="which an earlier request has used up"), Mock() as mock:
        mock.get("/once", body=iter([b"a"]))
        with mock.server.client() as client:
            assert client.get("/once").text == "a"
            with pytest.raises(httpx.RemoteProtocolError):
                client.get("/once")


def test_a_delayed_answer_comes_late_and_at_once_when_the_mock_stops(mock: Mock, client: httpx.Client) -> None:
    mock.get("/late", delay=0.05)
    mock.get("/never", delay=3600)
    before = time.monotonic()
    assert client.get("/late").status_code == 200
    assert time.monotonic() - before >= 0.05
    with pytest.raises(httpx.ReadTimeout):
        client.get("/never", timeout=0.01)
    with WireClient(mock.server) as wire:
        wire.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n")
        mock.wait_for("GET", "/never", GIVEN_MAX, times=2)
        mock.stop()
        assert wire.answer().status == 200


def test_what_looks_wrong_and_can_be_is_sent(mock: Mock, client: httpx.Client) -> None:
    mock.route("HEAD", "/", headers={"content-length": "7"})
    mock.get("/view", body=memoryview(b"abc"), headers={"content-length": "3"})
    mock.get("/same", Answer(304, headers={"content-length": "7", "x-tab": "a\tb"}))
    assert client.head("/").headers["content-length"] == "7"
    answer = client.get("/view")
    assert (answer.content, answer.headers["content-length"]) == (b"abc", "3")
    answer = client.get("/same")
    assert (answer.status_code, answer.headers["x-tab"]) == (304, "a\tb")


# --- routes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "target", "parameters"),
    [
        ("/", "/", {}),
        ("/", "/a", None),
        ("/a", "/a/", None),
        ("/a/", "/a/", {}),
        ("/a/{b}", "/a/c", {"b": "c"}),
        ("/a/{b}", "/a/", None),
        ("/a/{b}", "/a/b/c", None),
        ("/a/{b}/{c}", "/a/1%2F2/%7B3%7D?x=1", {"b": "1/2", "c": "{3}"}),
        ("/ä b", "/%C3%A4%20b", {}),
        ("/a/{rest...}", "/a/b/c", {"rest": "b/c"}),
        ("/a/{rest...}", "/a/", {"rest": ""}),
        ("/a/{rest...}", "/a", None),
        ("/a?x=1", "/a?y=2&x=1", {}),
        ("/a?x=1", "/a?x=2", None),
        ("/a?x=1&x=2", "/a?x=1&x=2", {}),
        ("/a?x=1&x=2", "/a?x=2&x=1", None),
        ("/a?x=", "/a?x", {}),
    ],
)
def test_a_pattern_fits_a_path_segment_by_segment(pattern: str, target: str, parameters: dict[str, str] | None) -> None:
    with Mock(strict=False) as mock, mock.server.client() as client:
        route = mock.get(pattern)
        assert client.get(target).status_code == (404 if parameters is None else 200)
        request = mock.requests[0]
        assert request.target == target
        assert request.route is (None if parameters is None else route)
        assert request.parameters == (parameters or {})


def test_the_most_specific_route_answers_in_whatever_order_they_were_added(mock: Mock, client: httpx.Client) -> None:
    mock.when("POST", "/items/new", json={"name": "lamp"}).answer(text="new lamp")
    mock.route("*", "/items/new", text="new, any method")
    mock.post("/items/new", text="new")
    mock.post("/items/{id}", text="one")
    mock.post("/{rest...}", text="rest")
    mock.get("/items/new", text="overridden")
    mock.get("/items/new", text="the last one")
    asked = [
        client.post("/items/new", json={"name": "lamp"}),
        client.post("/items/new", json={"name": "chair"}),
        client.put("/items/new"),
        client.post("/items/3"),
        client.post("/"),
        client.get("/items/new"),
    ]
    assert [one.text for one in asked] == ["new lamp", "new", "new, any method", "one", "rest", "the last one"]


def test_a_route_for_get_answers_head_too_where_no_other_does(mock: Mock, client: httpx.Client) -> None:
    mock.get("/a", text="content")
    mock.get("/b", text="content")
    mock.route("HEAD", "/b", status=204)
    answer = client.head("/a")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "7", b"")
    assert client.head("/b").status_code == 204
    assert client.get("/b").status_code == 200
    mock.assert_called("HEAD", "/a", times=1)
    mock.assert_not_called("GET", "/a")


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({"query": {"q": "lamp"}}, True),
        ({"query": {"q": "lamp", "page": 2}}, True),
        ({"query": {"q": "chair"}}, False),
        ({"query": {"tag": "b"}}, True),
        ({"query": {"tag": ["a", "b"]}}, True),
        ({"query": {"tag": ["b", "a"]}}, False),
        ({"query": {"deep": True}}, True),
        ({"query": {"no": None}}, True),
        ({"query": {"q": None}}, False),
        ({"query": {"q": ANY}}, True),
        ({"query": {"no": ANY}}, False),
        ({"headers": {"X-Key": "secret"}}, True),
        ({"headers": {"x-key": "Secret"}}, False),
        ({"headers": {"authorization": None}}, True),
        ({"headers": [("X-Key", "secret")]}, True),
        ({"headers": [("x-key", "secret"), ("X-Key", "secret")]}, False),
        ({"json": {"item": 1, "tags": ["x"]}}, True),
        ({"json": {"item": ANY, "tags": ["x"]}}, True),
        ({"json": {"item": 1}}, False),
        ({"json": None}, False),
        ({"body": b'{"item":1,"tags":["x"]}'}, True),
        ({"body": '{"item":1,"tags":["x"]}'}, True),
        ({"body": b""}, False),
    ],
)
def test_conditions_are_of_routes_and_of_assertions_alike(conditions: Any, fits: bool) -> None:
    with Mock(strict=False) as mock, mock.server.client() as client:
        mock.when("POST", "/search", **conditions).answer(status=201)
        path = "/search?q=lamp&page=2&tag=a&tag=b&deep=true"
        status = client.post(path, headers={"x-key": "secret"}, json={"item": 1, "tags": ["x"]}).status_code
        assert status == (201 if fits else 404)
        if fits:
            mock.assert_called("POST", "/search", times=1, **conditions)
        else:
            mock.assert_not_called("POST", "/search", **conditions)


# --- what was asked --------------------------------------------------------------------------------------------------


def test_a_request_is_remembered_with_all_that_it_had(mock: Mock, client: httpx.Client) -> None:
    route = mock.post("/orders/{id}")
    client.post("/orders/a%2Fb?x=1&x=2&y=", headers=[("X-A", "1"), ("x-a", "2")], content="ä")
    (request,) = mock.requests
    assert (request.method, request.path, request.target) == ("POST", "/orders/a/b", "/orders/a%2Fb?x=1&x=2&y=")
    assert (request.query["x"], request.query.all("x"), dict(request.query)) == ("1", ["1", "2"], {"x": "1", "y": ""})
    assert (request.headers["X-a"], request.headers.all("X-A"), "X-A" in request.headers) == ("1", ["1", "2"], True)
    assert (request.body, request.text, request.route) == ("ä".encode(), "ä", route)
    assert request.parameters == {"id": "a/b"}
    with pytest.raises(KeyError):
        request.query["no"]
    with pytest.raises(ValueError, match="Expecting value"):
        request.json()
    assert route.requests == (request,)


def test_an_assertion_that_fails_shows_what_was_asked_nearest_first(mock: Mock, client: httpx.Client) -> None:
    mock.route("*", "/{rest...}")
    for path in ("/elsewhere", "/orders"):
        client.get(path)
    client.post("/orders?dry=1", json={"item": {"id": [1, 2]}, "count": 1})
    assert len(mock.assert_called("POST", "/orders")) == 1
    with pytest.raises(AssertionError) as raised:
        mock.assert_called("POST", "/orders?dry=0", json={"item": {"id": [1, 3]}, "count": 1})
    assert str(raised.value).splitlines() == [
        "the mock was not asked for POST /orders query={'dry': ['0']} json={'item': {'id': [1, 3]}, 'count': 1}. "
        "It was asked for, the nearest first:",
        """  POST /orders?dry=1 {"item":{"id":[1,2]},"count":1}  """
        "(the query parameter 'dry' is 1, not ['0']; json['item']['id'][1] is 2, not 3)",
        "  GET /orders  (another method; the query parameter 'dry' is missing, not ['0']; the body isn't JSON)",
        "  GET /elsewhere  (another method; another path)",
    ]
    with pytest.raises(AssertionError, match="was asked for GET /orders 1 time, not 2"):
        mock.assert_called("GET", "/orders", times=2)
    with pytest.raises(AssertionError, match=r"was asked for \* /\{path...\} 3 times, not 0"):
        mock.assert_not_called()
    mock.forget()
    mock.assert_not_called()
    with pytest.raises(AssertionError, match=r"It was asked for nothing\."):
        mock.assert_called("GET", "/orders")


def test_a_long_list_and_long_bodies_are_shown_in_part(mock: Mock, client: httpx.Client) -> None:
    mock.route("*", "/{rest...}")
    for number in range(journal.SHOWN_MAX + 2):
        client.post(f"/{number}", content="x" * 10_000)
    with pytest.raises(AssertionError, match=r"and 2 more$") as raised:
        mock.assert_called("POST", "/orders")
    assert len(str(raised.value)) < 5000


def test_what_is_asked_later_is_waited_for(mock: Mock, client: httpx.Client) -> None:
    mock.post("/hook")
    threads = [threading.Thread(target=lambda: client.post("/hook?n=1", json={"done": True})) for _ in range(2)]
    for thread in threads:
        thread.start()
    request = mock.wait_for("POST", "/hook", GIVEN_MAX, times=2, json={"done": True})
    assert request.query["n"] == "1"
    assert mock.wait_for("POST", "/hook", 0) is mock.requests[0]
    for thread in threads:
        thread.join()
    with pytest.raises(AssertionError, match=r"was not asked for POST /hook 3 times within 0.01 s\. It was asked for"):
        mock.wait_for("POST", "/hook", 0.01, times=3)


def test_an_event_loop_goes_on_while_it_waits_for_its_own_client(mock: Mock) -> None:
    mock.post("/hook")

    async def main() -> MockRequest:
        async with mock.server.async_client() as client:
            asking = asyncio.ensure_future(mock.async_wait_for("POST", "/hook", GIVEN_MAX))
            await client.post("/hook", content="later")
            return await asking

    assert asyncio.run(main()).text == "later"


def test_what_is_remembered_is_bounded(mock: Mock, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "REQUESTS_MAX", 3)
    monkeypatch.setattr(journal, "BYTES_MAX", 100)
    mock.post("/{number}")
    for number in range(5):
        client.post(f"/{number}", content="x")
    assert [request.path for request in mock.requests] == ["/2", "/3", "/4"]
    with pytest.raises(AssertionError, match=r"\(2 older ones are not kept\)"):
        mock.assert_called("POST", "/0")
    client.post("/large", content=b"x" * 99)
    assert [request.path for request in mock.requests] == ["/4", "/large"]
    client.post("/huge", content=b"x" * 1000)
    assert [request.path for request in mock.requests] == ["/huge"]


def test_many_clients_at_once_are_all_remembered(mock: Mock) -> None:
    mock.post("/{who}")

    def ask(who: int) -> None:
        with mock.server.client() as client:
            for number in range(20):
                client.post(f"/{who}", json=number)
                assert len(mock.requests) > number

    threads = [threading.Thread(target=ask, args=[who]) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for who in range(4):
        assert [request.json() for request in mock.assert_called("POST", f"/{who}", times=20)] == list(range(20))


# --- the end ---------------------------------------------------------------------------------------------------------


def test_what_no_route_answers_is_a_404_that_names_the_routes_and_fails_the_block() -> None:
    with pytest.raises(AssertionError) as raised, Mock() as mock, mock.server.client() as client:
        mock.get("/weather/{place}")
        mock.when("POST", "/weather", headers={"x-key": "1"})
        answer = client.post("/weather", content="x")
        assert answer.status_code == 404
        assert answer.text.splitlines() == [
            "the mock has no route for POST /weather x. Its routes, the nearest first:",
            "  POST /weather headers={'x-key': '1'}  (the header 'x-key' is missing, not '1')",
            "  GET /weather/{place}  (another method; another path)",
        ]
        assert mock.requests[0].route is None
    assert str(raised.value).splitlines()[0] == answer.text.splitlines()[0]


def test_a_mock_that_is_not_strict_answers_404_and_no_more() -> None:
    with Mock(strict=False) as mock, mock.server.client() as client:
        assert client.get("/").text == "the mock has no route for GET /. It has no routes.\n"
        mock.check()


def test_what_fails_in_the_block_is_raised_and_told_what_the_mock_lacked() -> None:
    with pytest.raises(ArithmeticError) as raised, Mock() as mock, mock.server.client() as client:
        client.get("/missing")
        raise ArithmeticError
    (note,) = raised.value.__notes__
    assert note.startswith("Unexpected: the mock has no route for GET /missing")


@pytest.mark.parametrize("error", [AssertionError("the key is wrong"), StopIteration(), KeyError("a")])
def test_what_a_function_raises_is_a_500_and_raised_at_the_end(error: Exception) -> None:
    def fail(request: MockRequest) -> Answer:
        raise error

    with pytest.raises(Exception) as raised, Mock() as mock, mock.server.client() as client:
        mock.get("/", fail)
        assert client.get("/").status_code == 500
    assert error in (raised.value, raised.value.__cause__)


def test_a_function_that_returns_no_answer_is_told_of() -> None:
    with (
        pytest.raises(TypeError, match=r"of the route GET / returned \{\}, which is no Answer"),
        Mock() as mock,
        mock.server.client() as client,
    ):
        mock.get("/", lambda request: {})  # type: ignore[arg-type, return-value]
        assert client.get("/").status_code == 500


def test_several_failures_are_raised_together() -> None:
    with pytest.raises(BaseExceptionGroup) as raised, Mock() as mock, mock.server.client() as client:
        mock.get("/", lambda request: Answer(1 // 0))
        client.get("/")
        client.get("/missing")
        client.get("/missing")
    assert [type(error) for error in raised.value.exceptions] == [ZeroDivisionError, journal.Unexpected]


def test_on_an_event_loop_a_mock_starts_and_stops_in_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    mock = Mock()
    threads: dict[str, int] = {}
    for name in ("start", "stop"):
        real = getattr(mock.server, name)

        def noted(*arguments: Any, name: str = name, real: Any = real) -> Any:
            threads[name] = threading.get_ident()
            return real(*arguments)

        monkeypatch.setattr(mock.server, name, noted)

    async def main() -> None:
        async with mock as entered, mock.server.async_client() as client:
            assert entered is mock
            assert (await client.get("/missing")).status_code == 404

    with pytest.raises(journal.Unexpected, match="GET /missing"):
        asyncio.run(main())
    assert set(threads) == {"start", "stop"}
    assert threading.get_ident() not in threads.values()
    assert str(mock.server.state) == "stopped"


def test_a_mock_that_is_started_again_keeps_its_requests() -> None:
    mock = Mock()
    mock.get("/")
    for times in (1, 2):
        with mock, mock.server.client() as client:
            client.get("/")
            mock.wait_for("GET", "/", 0, times=times)
    mock.reset()
    mock.assert_not_called()


def test_a_mock_that_tests_share_is_checked_and_as_new_after_each(mock: Mock, client: httpx.Client) -> None:
    mock.get("/a")
    client.get("/a")
    client.get("/b")
    with pytest.raises(AssertionError, match="GET /b"):
        mock.check()
    mock.forget()
    mock.check()
    assert client.get("/a").status_code == 200
    mock.reset()
    assert mock.requests == ()
    assert client.get("/a").status_code == 404
    mock.forget()


def test_a_client_that_goes_within_its_body_has_asked_for_nothing(mock: Mock) -> None:
    mock.post("/")
    with WireClient(mock.server) as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
    mock.stop()
    assert mock.requests == ()


def test_a_mock_is_its_url_and_says_what_it_is() -> None:
    mock = Mock()
    mock.get("/")
    assert repr(mock) == "<Mock created: 1 route, 0 requests>"
    with mock:
        assert str(mock) == mock.url == mock.server.url
        assert mock + "/a" == f"{mock.url}/a"
        assert httpx.get(mock + "/", trust_env=False).status_code == 200
    assert repr(mock) == "<Mock stopped: 1 route, 1 request>"
    mock.stop()


def test_a_handshake_of_a_websocket_is_a_request_as_others(mock: Mock, client: httpx.Client) -> None:
    mock.get("/chat", status=403)
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert client.get("/chat", headers=headers).status_code == 403
