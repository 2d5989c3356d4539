# SPDX-License-Identifier: MIT
"""What a mock answers, and how that is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_module
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, TypedDict

from outrider._exceptions import StateError
from outrider._threads import in_thread
from outrider.testing._mock_checks import answer_headers, check_delay, check_status, content_length, counted, is_int
from outrider.testing._mock_request import shown

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | bytearray | memoryview | str | Iterable[bytes | str] | AsyncIterable[bytes | str]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# "Not given", where None is a value.
UNSET: Any = type("Unset", (), {"__repr__": lambda _: "..."})()
_END = object()
_WHOLE = (bytes, bytearray, memoryview, str)
# Statuses whose responses have no content.
_WITHOUT_CONTENT = (204, 205, 304)


class AnswerOptions(TypedDict, total=False):
    """The arguments of ``Answer``."""

    status: int
    headers: Headers
    body: Body
    json: Any
    text: str
    delay: float
    drop: bool
    cut_after: int | None


class Answer:
    """One answer of a mock.

    ``body``, ``json`` and ``text``: the content, one of the three. ``json`` is anything that ``json.dumps()`` takes,
    and ``text`` is sent as UTF-8, both with their media type unless ``headers`` has another. ``body`` is bytes, a str
    (as UTF-8), or the pieces of a stream: an iterable or async iterable of these, sent chunked as they come; iterables
    other than lists and tuples are iterated in a thread of their own, so they may wait for something. ``headers`` is
    a mapping, or a list of pairs, which may give a field twice.

    ``delay``: seconds before the answer; it comes at once when the server stops. ``drop``: no answer, the connection
    is reset. ``cut_after``: so many bytes of the content are sent, behind a head that announces all of it, and then the
    connection ends.

    Thread: any; it isn't changed, so one may serve many routes. Raises ``TypeError`` and ``ValueError`` for what
    can't be sent.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        headers: Headers = (),
        body: Body = b"",
        json: Any = UNSET,
        text: str | None = None,
        delay: float = 0.0,
        drop: bool = False,
        cut_after: int | None = None,
    ) -> None:
        pairs = answer_headers(headers)
        self.status = status
        self.delay = delay
        self.drop = drop
        self.cut_after = cut_after
        self._is_used = False
        self._content, media_type = _content(body, json, text)
        self._check(has_more=bool(pairs or media_type or self._content))
        self._check_length(content_length(pairs))
        if media_type and not any(name.lower() == "content-type" for name, _ in pairs):
            pairs.append(("content-type", media_type))
        self.headers = tuple(pairs)

    def _check(self, *, has_more: bool) -> None:
        check_status(self.status)
        check_delay(self.delay)
        if not isinstance(self.drop, bool):
            raise TypeError(f"drop={self.drop!r} must be True or False")
        if self.drop and (has_more or self.status != 200 or self.cut_after is not None):
            raise TypeError("drop=True sends nothing: leave the status and the content out, or use cut_after")
        if self._content != b"" and self.status in _WITHOUT_CONTENT:
            raise ValueError(
                f"status={self.status} has no content: leave body, json and text out, or take another status"
            )
        if self.cut_after is None:
            return
        if not is_int(self.cut_after):
            raise TypeError(f"cut_after={self.cut_after!r} must be an int, the number of bytes that are sent, or None")
        if self.cut_after < 0:
            raise ValueError(f"cut_after={self.cut_after!r} must be a number of bytes, 0 or more")
        if isinstance(self._content, bytes) and self.cut_after >= len(self._content):
            raise ValueError(
                f"cut_after={self.cut_after} leaves nothing to cut off: the content has "
                f"{counted(len(self._content), 'byte')}"
            )

    def _check_length(self, announced: int | None) -> None:
        """An empty content may have any length here: an answer to HEAD has that of GET's (``check_for()``)."""
        self._announced = announced
        if isinstance(self._content, (list, tuple)):
            length = sum(len(_to_bytes(piece)) for piece in self._content)
        elif isinstance(self._content, bytes) and self._content:
            length = len(self._content)
        else:
            return
        if announced not in (None, length):
            raise ValueError(
                f"headers: content-length is {announced}, but the content has {counted(length, 'byte')}: "
                "leave it out, or cut_after=... sends less than is announced"
            )

    def check_for(self, method: str) -> None:
        """Raises ``ValueError`` for what can't be an answer to that method."""
        if self._announced and self._content == b"" and method != "HEAD" and self.status not in _WITHOUT_CONTENT:
            raise ValueError(
                f"headers: content-length is {self._announced}, but there is no content, which only an answer to HEAD "
                "may say: leave it out, or give the content"
            )

    def __repr__(self) -> str:
        if self.drop:
            return "Answer(drop=True)"
        content = counted(len(self._content), "byte") if isinstance(self._content, bytes) else "a stream"
        cut = "" if self.cut_after is None else f", cut after {self.cut_after}"
        return f"<Answer {self.status}: {content}{cut}>"

    async def send(self, receive: Receive, send: Send) -> None:
        """Sends it, as an ASGI application whose request has been read."""
        if self.delay:
            await _pause(receive, self.delay)
        if self.drop:
            await send({"type": "outrider.abort"})
            return
        content = self._content
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if isinstance(content, bytes) and not any(name.lower() == b"content-length" for name, _ in headers):
            headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await (self._send_whole if isinstance(content, bytes) else self._send_stream)(content, send)

    async def _send_whole(self, content: bytes, send: Send) -> None:
        is_cut = self.cut_after is not None
        await send({"type": "http.response.body", "body": content[: self.cut_after], "more_body": is_cut})
        if is_cut:
            await send({"type": "outrider.abort"})

    async def _send_stream(self, stream: Any, send: Send) -> None:
        left = self.cut_after
        await send({"type": "http.response.body", "more_body": True})  # the head needn't wait for the first piece
        if left != 0:
            async with contextlib.aclosing(self._pieces(stream)) as pieces:
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece[:left], "more_body": True})
                    if left is not None:
                        left = max(left - len(piece), 0)
                    if left == 0:
                        break
        await send({"type": "http.response.body"} if left is None else {"type": "outrider.abort"})

    async def _pieces(self, stream: Any) -> AsyncGenerator[bytes, None]:
        if self._is_used and isinstance(stream, (Iterator, AsyncIterator)):
            raise StateError(
                f"the body of {self!r} is an iterator, which an earlier request has used up: give a list, or a "
                "function that makes a new answer for each request"
            )
        self._is_used = True
        if isinstance(stream, AsyncIterable):
            async for piece in stream:
                yield _to_bytes(piece)
        elif isinstance(stream, (list, tuple)):
            for piece in stream:
                yield _to_bytes(piece)
        else:
            iterator = iter(stream)
            while (piece := await in_thread(lambda: next(iterator, _END))) is not _END:
                yield _to_bytes(piece)


def _content(body: Body, json: Any, text: str | None) -> tuple[Any, str | None]:
    """The bytes, or the pieces, and their media type."""
    if (body != b"") + (json is not UNSET) + (text is not None) > 1:
        raise TypeError("an answer has one content: body, json or text")
    if json is not UNSET:
        return _json(json), "application/json"
    if text is not None:
        if not isinstance(text, str):
            raise TypeError(
                f"text={shown(repr(text))} must be a str; bytes are given as body=..., an object as json=..."
            )
        return text.encode(), "text/plain; charset=utf-8"
    if isinstance(body, Mapping) or not isinstance(body, (*_WHOLE, Iterable, AsyncIterable)):
        raise TypeError(
            f"body={shown(repr(body))} must be bytes, str or an iterable of them; an object is given as json=..."
        )
    return (_to_bytes(body) if isinstance(body, _WHOLE) else body), None


def _json(value: Any) -> bytes:
    try:
        return json_module.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"json={shown(repr(value))} can't be sent: {error}; give what json.dumps() takes, without NaN "
            "and Infinity, or the text itself as body=..."
        ) from None


def _to_bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    raise TypeError(f"{piece!r} must be bytes or str: it is a piece of an answer's body")


async def _pause(receive: Receive, seconds: float) -> None:
    """Until the time is over, the client has gone, or the server stops."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
