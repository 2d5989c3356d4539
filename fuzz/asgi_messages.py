"""The play of asgi_messages.cpp: what an application and its client do, read from the fuzzer's input.

Each byte decides something; where the input ends, everything does. What the bridge accepted of each request is written
down, and what its client got is compared with it. `world` is the module that the fuzzer makes.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import world  # type: ignore[import-not-found]
from asgi_choices import (
    ABORT,
    BODY,
    EXCEPTIONS,
    FILE,
    FILE_CONTENT,
    HINT,
    LINKS,
    LINKS_VALID,
    NAMES,
    REQUESTS,
    START,
    STATUSES,
    STATUSES_VALID,
    TRAILERS,
    VALUES,
)

STEPS_MAX = 200
DEPTH_MAX = 3
ERROR_TEXT = b"Internal Server Error"


class Disconnected(OSError):
    """What send() raises when the client has gone."""


class Refused(RuntimeError):
    """What send() raises for a message that breaks the rules."""


class Source:
    """The input, taken from its front; zeros where it has ended."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def one_of(self, choices: list[Any]) -> Any:
        return choices[self.byte() % len(choices)]


class Request:
    """One call of the application, and what the bridge accepted of its response."""

    def __init__(self, receive: Any, send: Any) -> None:
        self.receive, self.send = receive, send
        self.status: int | None = None
        self.content = bytearray()
        self.has_content = False  # a piece was accepted, so the head has left
        self.has_trailers = False  # they are to come
        self.is_content_complete = False
        self.is_complete = False
        self.is_aborted = False
        self.has_ended = False
        self.swallows = False


class Wicked:
    """Runs something of the play's wherever code of the application's can run while a message is read."""

    def __init__(self, run: Callable[[], None], word: str = "type") -> None:
        self._run, self._word = run, word

    def __iter__(self) -> Iterator[Any]:
        self._run()
        yield (b"x-w", b"1")
        self._run()

    def __hash__(self) -> int:
        return hash(self._word)

    def __eq__(self, other: object) -> bool:
        self._run()
        return False

    def __repr__(self) -> str:
        self._run()
        return "Wicked"

    def __bool__(self) -> bool:
        self._run()
        return True

    def __int__(self) -> int:
        self._run()
        return 200

    __index__ = __int__


class Play:
    takes_websockets = False

    def __init__(self, data: bytes) -> None:
        self.source = Source(data)
        self.requests: list[Request] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.kept: list[Any] = []
        self.later: list[bytes] = []
        self.reported: list[BaseException] = []
        self.steps = 0
        self.depth = 0
        self.takes_all = False  # the client, from now on
        self.is_quiet = True  # nothing was done that may cut a response short

    # --- the client ------------------------------------------------------------------------------------------------

    def client_acts(self) -> None:
        source = self.source
        match source.byte() % 12:
            case 0 | 1 | 2 | 3 | 4:
                pieces = source.one_of(REQUESTS)
                world.client_send(pieces[0])
                self.later += pieces[1:]
            case 5 | 6:
                if self.later:
                    world.client_send(self.later.pop(0))
            case 7:
                world.client_send(source.take(source.byte()))
            case 8:
                world.client_allow(-1 if self.takes_all else source.byte() * 4)
            case 9:
                world.client_allow(-1)
            case 10:
                self.is_quiet = False
                source.one_of([world.client_end, world.client_reset, world.client_breaks])()
            case _:
                self.is_quiet = False
                world.drain()

    # --- messages ----------------------------------------------------------------------------------------------------

    def wicked(self, request: Request) -> Wicked:
        return Wicked(lambda: self.acts_at_once(request))

    def acts_at_once(self, request: Request) -> None:
        """Something that doesn't wait, from within anything."""
        if self.depth >= DEPTH_MAX or not self.may_go_on():
            return
        self.depth += 1
        try:
            match self.source.byte() % 6:
                case 0 | 1 | 2:
                    self.sends(request)
                case 3:
                    self.client_acts()
                case 4:
                    self.kept.clear()
                case _:
                    raise LookupError("from within")
        except Exception:
            if self.source.byte() % 2:
                raise
        finally:
            self.depth -= 1

    def fields(self) -> tuple[list[Any], bool]:
        source = self.source
        fields: list[Any] = []
        if source.byte() % 2:
            fields.append((b"content-length", b"%d" % (source.byte() % 8)))
        for _ in range(source.byte() % 4):
            name, value = source.one_of(NAMES), source.one_of(VALUES)
            fields.append((name, source.take(source.byte() % 16) if source.byte() % 8 == 0 else value))
        return fields, all(type(name) is bytes and type(value) is bytes for name, value in fields)

    def headers(self, request: Request) -> tuple[Any, bool]:
        """Headers, and whether their types are right."""
        fields, is_right = self.fields()
        choice = self.source.byte() % 16
        if choice < 6:
            return fields, is_right
        if choice < 10:
            shapes = [tuple(map(list, fields)), (field for field in fields), map(iter, fields), tuple(fields)]
            return shapes[choice % 4], is_right
        if choice < 12:
            return self.wicked(request), True
        wrong = [None, "ab", b"ab", 5, [(b"a",)], [()], [5], [b"ab"], dict(fields), [*fields, fields]]
        return self.source.one_of([*wrong, [*fields, self.wicked(request)], [*fields, (b"a", "b")]]), False

    def message(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        """A message, and what it says; None for one that must be refused whenever it comes."""
        source = self.source
        kind = source.byte() % 16
        if kind < 6:
            return self.start(request)
        if kind < 12:
            return self.body(request)
        if kind < 14:
            return self.extension(request)
        bogus = [None, [], {}, {"type": None}, {"type": "http.request"}, {"type": self.wicked(request)}]
        return source.one_of([*bogus, {self.wicked(request): 1}]), None

    def start(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        index = source.byte() % len(STATUSES)
        message: dict[Any, Any] = {"type": START, "status": STATUSES[index]}
        is_right = index < STATUSES_VALID
        trailers = source.byte() % 8 == 7
        if trailers:
            message["trailers"] = True
        if source.byte() % 2:
            message["headers"], has_fields = self.headers(request)
            is_right = is_right and has_fields
        self.spoils(message, request)
        return message, (START, STATUSES[index], trailers) if is_right else None

    def extension(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        match source.byte() % 8:
            case 0:
                index = source.byte() % len(LINKS)
                return {"type": HINT, "links": LINKS[index]}, (HINT,) if index < LINKS_VALID else None
            case 1 | 2 | 3 | 4:
                fields, is_right = self.headers(request)
                more = source.byte() % 4 == 0
                message = {"type": TRAILERS, "headers": fields, "more_trailers": more}
                return message, (TRAILERS, more) if is_right else None
            case 5:
                path = source.one_of([FILE.name, FILE.name, "/", "/no/such/file", "a\0b", None])
                says = (BODY, FILE_CONTENT, False) if path == FILE.name else None
                return {"type": "http.response.pathsend", "path": path}, says
            case 6:
                return self.part_of_a_file()
            case _ if source.byte() % 2:
                return {"type": ABORT}, (ABORT,)
            case _:
                return {"type": "http.response.debug", "info": {}}, None  # isn't offered

    def part_of_a_file(self) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        begin, count = source.byte() * 4, source.byte() * 4
        more = bool(source.byte() % 2)
        message = {"type": "http.response.zerocopysend", "file": FILE, "offset": begin, "count": count}
        message["more_body"] = more
        is_right = True
        if source.byte() % 4 == 0:
            key = source.one_of(["file", "offset", "count", "more_body"])
            message[key] = source.one_of([-1, 2**70, "text", b"x", 1.5])
            is_right = False
        says = (BODY, FILE_CONTENT[begin : begin + count], more) if begin + count <= len(FILE_CONTENT) else None
        return message, says if is_right else None

    def body(self, request: Request) -> tuple[Any, tuple[Any, ...] | None]:
        source = self.source
        content: Any = bytes([97 + len(self.requests) % 26]) * (source.byte() % 8)
        message: dict[Any, Any] = {"type": "".join(["http.response", ".body"]), "body": content}
        is_right = True
        match source.byte() % 16:
            case 0:
                del message["body"]
                content = b""
            case 1:
                message["body"] = bytearray(content)
            case 2:
                message["body"] = memoryview(content * 2)[::2]
                content = (content * 2)[::2]
            case 3:
                content = message["body"] = b"z" * (source.byte() * 40)
            case 4:
                message["body"] = source.one_of([None, "text", 5, [b"a"], self.wicked(request)])
                is_right = False
        more = source.one_of([False, True, True, None])
        if more is not None:
            message["more_body"] = more
        if source.byte() % 16 == 0:
            message["more_body"] = source.one_of([0, 1, "false", None, self.wicked(request)])
            is_right = False
        self.spoils(message, request)
        return message, (BODY, bytes(content), bool(more)) if is_right else None

    def spoils(self, message: dict[Any, Any], request: Request) -> None:
        """A key that nobody knows, and that says nothing; or one that runs something when others are looked up."""
        match self.source.byte() % 16:
            case 0:
                message["x"] = message
            case 1:
                items = list(message.items())
                message.clear()
                message.update([(self.wicked(request), None), *items])

    def sends(self, request: Request) -> Any:
        """Sends a message; writes down that it was accepted."""
        message, says = self.message(request)
        awaitable = request.send(message)
        if says is None:
            holds(False, f"{type(message)} that must be refused was accepted")
            return awaitable
        holds(not request.is_complete, f"{says[0]} was accepted after the end")
        if says[0] == START:
            holds(request.status is None, "a second start was accepted")
            request.status, request.has_trailers = says[1], says[2]
        elif says[0] == HINT:
            holds(request.status is None, "a hint behind the start was accepted")
        elif says[0] == ABORT:
            request.is_complete = request.is_aborted = True
            self.is_quiet = False
        elif says[0] == TRAILERS:
            holds(request.has_trailers and request.is_content_complete, "trailers were accepted out of order")
            request.is_complete = not says[1]
        else:
            holds(request.status is not None, "content without a start was accepted")
            holds(not request.is_content_complete, "content was accepted behind the last")
            request.content += says[1]
            request.has_content = True
            request.is_content_complete = not says[2]
            request.is_complete = request.is_content_complete and not request.has_trailers
        return awaitable

    # --- the application ---------------------------------------------------------------------------------------------

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(receive, send)
        self.requests.append(request)
        holds(scope["type"] == "http" and scope["method"] == scope["method"].upper(), "a scope is one")
        request.swallows = self.source.byte() % 4 != 0
        try:
            await self.acts(request)
        finally:
            request.has_ended = True

    def may_go_on(self) -> bool:
        self.steps += 1
        return bool(self.source) and self.steps < STEPS_MAX

    async def acts(self, request: Request) -> None:
        while self.may_go_on():
            if self.source.byte() % 16 == 15:
                return
            try:
                await self.act(request)
            except (Exception, asyncio.CancelledError):
                if not request.swallows:
                    raise

    async def act(self, request: Request) -> None:
        choice = self.source.byte() % 32
        if choice < 12:
            await self.sends(request)
        elif choice < 16:
            self.kept.append(self.sends(request))
        elif choice < 20:
            self.is_told(request, await request.receive())
        elif choice < 23:
            self.spawn(self.source.one_of([self.receives, self.acts])(request))
        elif choice == 23:
            await asyncio.wait_for(request.receive(), 0)
        elif choice == 24:
            await asyncio.sleep(0)
        elif choice < 29:
            await self.meddles(request)
        elif choice < 31:
            self.client_acts()
        else:
            raise self.source.one_of(EXCEPTIONS)("out")

    async def meddles(self, request: Request) -> None:
        choice = self.source.byte() % 16
        if choice < 5:
            self.kept.append((request, request.receive()))
        elif choice < 11:
            await self.uses_what_is_kept()
        elif choice < 15:
            self.cancels()
        else:
            in_a_thread(request)

    async def receives(self, request: Request) -> None:
        self.is_told(request, await request.receive())

    def is_told(self, request: Request, message: Any) -> None:
        if message["type"] == "http.request":
            is_right = type(message["body"]) is bytes and type(message["more_body"]) is bool
            holds(is_right, "a request's message has types")
            holds(message["body"] or not message["more_body"], "an empty message says nothing")
        else:
            holds(message == {"type": "http.disconnect"}, "there are two messages")

    async def uses_what_is_kept(self) -> None:
        if not self.kept:
            return
        kept = self.source.one_of(self.kept)
        if not isinstance(kept, tuple):
            await kept
        elif self.source.byte() % 2:
            self.sends(kept[0])
        else:
            self.is_told(kept[0], await kept[1])

    def spawn(self, coroutine: Any) -> None:
        self.tasks.append(LOOP.create_task(coroutine))

    def cancels(self) -> None:
        task = self.source.one_of([asyncio.current_task(), *self.tasks])
        if task is not None:
            task.cancel()

    # --- the whole ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        context = contextvars.copy_context()
        arguments = (self.app, LOOP, context, self.on_exception, self.on_incomplete, as_coroutine)
        world.begin(*arguments, Disconnected, Refused, self.takes_websockets)
        for _ in range(8):
            self.client_acts()
            await turns(self.source.byte() % 4)
        self.takes_all = True
        world.client_allow(-1)
        await settle()
        self.check_wire()
        world.client_end()
        await settle()
        world.finish()
        for _ in range(STEPS_MAX):
            running = asyncio.all_tasks() - {asyncio.current_task()}
            if not running:
                break
            self.source = Source(b"")
            for task in running:
                task.cancel()
            await turns(2)
        assert not asyncio.all_tasks() - {asyncio.current_task()}, "a task doesn't end"
        assert len({id(error) for error in self.reported}) == len(self.reported), "an exception was reported twice"

    def on_exception(self, line: str, error: BaseException) -> None:
        holds(" " in line, "a request line is told")
        self.reported.append(error)

    def on_incomplete(self, line: str, has_started: bool) -> None:
        pass

    def check_wire(self) -> None:
        responses = world.responses(self.is_quiet)
        for request, response in zip(self.requests, responses, strict=False):
            status, content, answers_head, ends_with_close = response
            has_none = answers_head or request.status in (204, 304)
            accepted = b"" if has_none else bytes(request.content)
            if request.is_aborted and status == request.status:
                assert accepted.startswith(content), "other content was sent before an abort"
                continue
            was_sent = (
                not request.is_aborted and request.status is not None and (request.is_complete or request.has_content)
            )
            if was_sent and (request.is_complete or status == request.status):
                assert status == request.status, f"{status} was sent for {request.status}"
                # Where only the close ends it, nobody can see that it was cut.
                is_cut = ends_with_close and not (self.is_quiet and request.is_complete)
                assert content == accepted or (is_cut and accepted.startswith(content)), "other content was sent"
            elif status == 500:
                assert not request.is_aborted, "an abort is no error"
                assert content == (b"" if answers_head else ERROR_TEXT)
                assert request.has_ended, "an error was sent while the application was running"
            else:
                assert 400 <= status < 600, f"{status} was sent by nobody"
        # A response that is cut takes with it what its client hasn't read of those before.
        if not self.is_quiet or any(it.has_content and it.has_ended and not it.is_complete for it in self.requests):
            return
        for index, request in enumerate(self.requests):
            if not request.is_complete:
                break
            assert index < len(responses), "a complete response wasn't sent"


def holds(condition: object, words: str) -> None:
    """What is raised within the application is its own affair, so a finding is kept."""
    if not condition:
        findings.append((words, traceback.format_stack()))


def in_a_thread(request: Request) -> None:
    """What another thread may not do."""
    refused = []

    def run() -> None:
        for call in (request.receive, lambda: request.send({"type": START, "status": 200})):
            try:
                call()
            except RuntimeError:
                refused.append(call)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    holds(len(refused) == 2, "a call in another thread was accepted")


async def as_coroutine(awaitable: Any) -> Any:
    return await awaitable


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def settle() -> None:
    """Until nothing happens any more, for there is nothing that time would change."""
    quiet = 0
    for _ in range(5000):
        await asyncio.sleep(0)
        quiet = 0 if LOOP._ready else quiet + 1  # type: ignore[attr-defined]
        if quiet > 3:
            return
    raise AssertionError("the server doesn't come to rest")


def on_loop_exception(loop: Any, context: dict[str, Any]) -> None:
    if "never retrieved" not in context["message"]:
        holds(False, repr(context))


LOOP = asyncio.SelectorEventLoop()
asyncio.set_event_loop(LOOP)
LOOP.set_exception_handler(on_loop_exception)
findings: list[Any] = []
sys.unraisablehook = lambda information: holds(False, repr(information))


class Player:
    """Plays one kind of play after the other, and sees to it that nothing stays of them."""

    def __init__(self, kind: type[Play]) -> None:
        self._kind = kind
        self._types: list[type] = []  # those of receive and send
        first = kind(b"")  # learns the types; one more, so that what is made once has been made
        first.app = self._notice_types  # type: ignore[method-assign]
        LOOP.run_until_complete(first.run())
        self._play(b"")
        del first
        gc.collect()
        gc.freeze()
        self._at_rest = self._alive()

    def run(self, data: bytes) -> None:
        """Plays the input; raises when something doesn't hold."""
        self._play(data)
        gc.collect()
        assert not findings, findings
        assert self._alive() == self._at_rest, f"{self._alive() - self._at_rest} receive() or send() stay alive"

    def _play(self, data: bytes) -> None:
        main = LOOP.create_task(self._kind(data).run())
        while not main.done():
            try:
                LOOP.run_until_complete(main)
            except (SystemExit, KeyboardInterrupt):
                if main.done():
                    raise
        main.result()

    async def _notice_types(self, scope: Any, receive: Any, send: Any) -> None:
        self._types[:] = [type(receive), type(send)]

    def _alive(self) -> int:
        """How many objects of the bridge's there are: each refers to its type."""
        return sum(map(sys.getrefcount, self._types))


run = Player(Play).run
