# SPDX-License-Identifier: MIT
"""Which requests a mock's route is for, and what it answers."""

from __future__ import annotations

import difflib
import inspect
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import parse_qsl, unquote

from outrider._threads import in_thread
from outrider.testing._mock_answer import UNSET, Answer, AnswerOptions
from outrider.testing._mock_checks import check_token, header_pairs
from outrider.testing._mock_request import Fields, MockRequest, shown

if TYPE_CHECKING:
    from typing import Unpack


class Conditions(TypedDict, total=False):
    """What is asked of a request besides its method and its path, by ``when()``, ``assert_called()`` and the like."""

    query: Mapping[str, Any]
    headers: Mapping[str, Any] | Iterable[tuple[str, Any]]
    json: Any
    body: bytes | str


class Expected:
    """What a request is to be like; raises ``TypeError`` and ``ValueError`` for what no request can be like.

    The path is matched segment by segment on their decoded text, as ``outrider.App`` of C++ does it: ``{name}`` is one
    segment that isn't empty, ``{rest...}`` at the end all the rest. ``?name=value`` in it is a condition as ``query``
    has them: the query, and the header fields, may have others; None means that there is none of that name, a list that
    the values are these, as does a name that is several times in ``headers`` given as pairs. ``json`` and ``body`` are
    compared as a whole. All values are compared by ``==``.
    """

    def __init__(self, method: str, path: str, conditions: Conditions) -> None:
        unknown = set(conditions) - {"query", "headers", "json", "body"}
        if unknown:
            raise TypeError(
                f"{unknown.pop()!r} is no condition: those are query, headers, json and body; "
                "what is answered is said by when(...).answer(...)"
            )
        check_token("the method", method)
        if not isinstance(path, str):
            raise TypeError(f"the path {path!r} must be a str, such as '/weather/{{place}}'")
        self.method = method.upper()
        self.path, _, query = path.partition("?")
        self._segments = _segments(path)
        self.query = {**_grouped(parse_qsl(query, keep_blank_values=True)), **_query(conditions.get("query"))}
        headers = conditions.get("headers")
        self.headers = _headers({} if headers is None else headers)
        self.json = conditions.get("json", UNSET)
        body = conditions.get("body")
        self.body = body.encode() if isinstance(body, str) else body

    def parameters(self, target: str) -> dict[str, str] | None:
        """Those of a target whose path matches; None for another."""
        given = [unquote(segment) for segment in target.partition("?")[0].split("/")]
        values: dict[str, str] = {}
        for number, segment in enumerate(self._segments):
            if _is_rest(segment):
                values[segment[1:-4]] = "/".join(given[number:])
                return values if len(given) > number else None
            if number >= len(given):
                return None
            if _is_parameter(segment) and given[number]:
                values[segment[1:-1]] = given[number]
            elif segment != given[number]:
                return None
        return values if len(given) == len(self._segments) else None

    def differences(self, request: MockRequest) -> list[str]:
        """What is not so of a request: nothing when it is as expected."""
        found = [] if self.method in ("*", request.method) else ["another method"]
        if self.parameters(request.target) is None:
            return [*found, "another path"]
        found += _field_differences("query parameter", self.query, request.query)
        found += _field_differences("header", self.headers, request.headers)
        if self.body is not None and self.body != request.body:
            found.append(f"the body isn't {shown(self.body)}")
        if self.json is not UNSET:
            try:
                difference = _json_difference(self.json, request.json(), "json")
            except ValueError:
                difference = "the body isn't JSON"
            found += [difference] if difference else []
        return found

    def distance(self, request: MockRequest) -> tuple[int, float]:
        """How far a request is from it, to be compared: nearest first."""
        differences = self.differences(request)
        wrong_path = self.parameters(request.target) is None
        likeness = difflib.SequenceMatcher(None, self.path, request.path).ratio() if wrong_path else 1.0
        return len(differences) + 3 * wrong_path, 1 - likeness

    def vagueness(self) -> tuple[Any, ...]:
        """Of routes that match, the one that has the least is taken: in each segment text goes before a parameter,
        and that before the rest; then a method before all of them; then more conditions before fewer."""
        segments = [2 if _is_rest(one) else int(_is_parameter(one)) for one in self._segments]
        conditions = len(self.query) + len(self.headers) + (self.json is not UNSET) + (self.body is not None)
        return segments, self.method == "*", -conditions

    def __str__(self) -> str:
        parts = [f"{name}={shown(value)}" for name in ("query", "headers") if (value := getattr(self, name))]
        parts += [f"json={shown(self.json)}"] if self.json is not UNSET else []
        parts += [f"body={shown(self.body)}"] if self.body is not None else []
        return " ".join([self.method, self.path, *parts])


AnswerMaker = Callable[[MockRequest], Answer | Awaitable[Answer]]


class Route:
    """What a mock answers to some requests; ``Mock.route()`` and ``Mock.when()`` make them. Thread: any."""

    def __init__(self, expected: Expected, asked: Callable[[], tuple[MockRequest, ...]]) -> None:
        self.expected = expected
        self._asked = asked
        self._answers: Iterator[Answer | AnswerMaker] = itertools.repeat(Answer())

    def answer(self, *answers: Answer | AnswerMaker, **options: Unpack[AnswerOptions]) -> Route:
        """From now on it answers with these, one after the other, and then with the last one; returns itself.

        ``options`` are ``Answer``'s, for one that needn't be written out. A function is given the ``MockRequest`` and
        returns an ``Answer``; it runs in a thread of its own, so it may wait for something, unless it is a coroutine
        function. What it raises is answered with 500 and is an error of the mock (``Mock.check()``).
        """
        if answers and options:
            raise TypeError(f"{options!r} besides {answers[0]!r}: give them to that Answer(...)")
        if "query" in options:
            raise TypeError("query is a condition, and no part of an answer: when(..., query=...).answer(...)")
        for one in answers:
            if not isinstance(one, Answer) and not callable(one):
                raise TypeError(f"{one!r} is no answer: give an Answer(...), or a function that returns one")
            if isinstance(one, type) and issubclass(one, Answer):
                raise TypeError(f"{one!r} is the class, and no answer: give an Answer(...), with its brackets")
        chosen = answers or (Answer(**options),)
        for one in chosen:
            if isinstance(one, Answer):
                one.check_for(self.expected.method)
        self._answers = itertools.chain(chosen, itertools.repeat(chosen[-1]))
        return self

    @property
    def requests(self) -> tuple[MockRequest, ...]:
        """Those of ``Mock.requests`` that this route was for."""
        return tuple(request for request in self._asked() if request.route is self)

    async def answer_to(self, request: MockRequest) -> Answer:
        """The next answer, to a request that it is for."""
        chosen = next(self._answers)
        if isinstance(chosen, Answer):
            return chosen
        made: Any = chosen(request) if _is_async(chosen) else await in_thread(lambda: _call(chosen, request))
        if inspect.isawaitable(made):
            made = await made
        if not isinstance(made, Answer):
            raise TypeError(f"the function {chosen!r} of the route {self} returned {made!r}, which is no Answer")
        return made

    def __str__(self) -> str:
        return str(self.expected)

    def __repr__(self) -> str:
        return f"<Route {self}>"


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _call(function: AnswerMaker, request: MockRequest) -> Any:
    try:
        return function(request)
    except StopIteration as error:  # which no future can have
        raise RuntimeError(f"the function {function!r} of a mock's route raised StopIteration") from error


def _segments(path: str) -> list[str]:
    """Raises ``ValueError`` for what no path can match."""
    if "#" in path:
        raise ValueError(
            f"the path {path!r} has a '#': no client sends what follows it; a segment that has %23 is {{name}}"
        )
    path = path.partition("?")[0]
    segments = path.split("/")
    if not path.startswith("/") and path != "*":
        raise ValueError(f"the path {path!r} must begin with a slash")
    names = [segment for segment in segments if "{" in segment or "}" in segment]
    for name in names:
        if re.fullmatch(r"\{[^{}:]*:[^{}]*\}", name):
            raise ValueError(f"{name!r} in the path {path!r}: {{name}} has no types, and any text fits; write it alone")
        if re.fullmatch(r"\{[0-9][^{}]*\}", name):
            raise ValueError(f"{name!r} in the path {path!r}: a parameter's name begins with a letter")
        if not re.fullmatch(r"\{[^{}.]+(\.\.\.)?\}", name):
            raise ValueError(f"{name!r} in the path {path!r} is neither text nor a parameter: those are {{name}} alone")
        if _is_rest(name) and name != segments[-1]:
            raise ValueError(f"the path {path!r} has a rest that isn't at its end")
    if len(set(names)) < len(names):
        raise ValueError(f"the path {path!r} has two parameters of one name")
    return segments


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("}") and not _is_rest(segment)


def _is_rest(segment: str) -> bool:
    return segment.startswith("{") and segment.endswith("...}")


def _query(query: Any) -> Mapping[str, Any]:
    if query is None:
        return {}
    if not isinstance(query, Mapping):
        raise TypeError(
            f"query={query!r} must be a mapping, such as {{'page': 2}}; a list as a value is several of a name"
        )
    for name in query:
        if not isinstance(name, str):
            raise TypeError(f"query: the name {name!r} must be a str")
    return query


def _headers(headers: Any) -> dict[str, Any]:
    """By their names in lower case; a name that is there twice has a list of values."""
    grouped = _grouped((name.lower(), value) for name, value in header_pairs(headers))
    return {name: values[0] if len(values) == 1 else values for name, values in grouped.items()}


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    grouped: dict[str, Any] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _field_differences(kind: str, expected: Mapping[str, Any], given: Fields) -> list[str]:
    found = []
    for name, wanted in expected.items():
        values = given.all(name)
        if wanted is None:
            is_right = not values
        elif isinstance(wanted, (list, tuple)):
            is_right = [_as_text(one) for one in wanted] == values
        else:
            is_right = any(_as_text(wanted) == value for value in values)
        if is_right:
            continue
        has = " and ".join(shown(value) for value in values) or "missing"
        should = "and should be missing" if wanted is None else f"not {wanted!r}"
        found.append(f"the {kind} {name!r} is {has}, {should}")
    return found


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()  # as most clients spell it
    return str(value) if isinstance(value, (int, float)) else value


def _json_difference(expected: Any, given: Any, where: str) -> str:
    """The first place that differs, as a sentence; empty for none."""
    if expected == given:
        return ""
    if isinstance(expected, dict) and isinstance(given, dict):
        for key in [*expected, *given]:
            if key not in given:
                return f"{where} has no {key!r}"
            if key not in expected:
                return f"{where} has {key!r}, which should be missing"
            if difference := _json_difference(expected[key], given[key], f"{where}[{key!r}]"):
                return difference
    if isinstance(expected, list) and isinstance(given, list) and len(expected) == len(given):
        for number, pair in enumerate(zip(expected, given, strict=True)):
            if difference := _json_difference(*pair, f"{where}[{number}]"):
                return difference
    return f"{where} is {shown(given)}, not {shown(expected)}"
