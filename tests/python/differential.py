"""The same bytes read by Outrider, by h11 and by llhttp, and what is made of where they differ.

Request smuggling lives on two recipients that read the same bytes differently. Outrider is meant to be the strictest
of the three: it may refuse what the others take, but it must not take what one of them refuses, nor see other requests
than they do, unless ALLOWANCES says why.

    python tests/python/differential.py SECONDS [SEED]
"""

from __future__ import annotations

import json
import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import h11
import httptools
import outrider
from differential_cases import CANARY, CASES, a_stream
from wire_client import WireClient


class Request(NamedTuple):
    """One request, in the form that ASGI has for it: with the method in upper case, whatever was sent."""

    method: bytes
    path: bytes
    query: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass
class Reading:
    """What a recipient made of the bytes of a connection."""

    requests: list[Request] = field(default_factory=list)
    # "boundary": nothing is left; "incomplete": more is needed; "closed": the rest is no one's; "refused".
    # Outrider doesn't tell the first three apart, it just closes ("ended"): the canary does.
    end: str = "boundary"
    fault: str = ""
    allowances: set[str] = field(default_factory=set)
    next_begins: list[int] = field(default_factory=list)


# Where h11 or llhttp are made to agree, or are excused: name -> (RFC section, reason).
ALLOWANCES = {
    "h11: an empty line before the request line": (
        "RFC 9112 §2.2",
        "a server SHOULD ignore at least one; h11 refuses it. h11 isn't given the first one.",
    ),
    "h11: HTTP/1.0 with keep-alive": (
        "RFC 9112 §9.3",
        "h11 keeps no HTTP/1.0 connection; Outrider keeps those that ask for it. h11 goes on with the next request.",
    ),
    "h11: Transfer-Encoding in lower case": (
        "RFC 9112 §7",
        "names of codings are case-insensitive; h11 hands over `chunked`, Outrider what was sent.",
    ),
    "h11: Upgrade": (
        "RFC 9110 §7.8",
        "a server MAY ignore it, as this application does; h11 then doesn't say whether the connection is kept. "
        "Outrider reads nothing behind a protocol that was asked for and not given; of h2c it takes no notice.",
    ),
    "llhttp: Upgrade": (
        "RFC 9110 §7.8",
        "a server MAY ignore it, and then reads the content; httptools skips that. It is given another field name. "
        "Outrider reads nothing behind a protocol that was asked for and not given.",
    ),
    "llhttp: Proxy-Connection": (
        "RFC 9112 §C.2.2",
        "a relic that clients shouldn't send; llhttp takes it for Connection, h11 and Outrider don't know it. "
        "It is given another field name.",
    ),
    "llhttp: HTTP/1.0 with keep-alive and close": (
        "RFC 9112 §9.3",
        "`close` wins; llhttp keeps the connection in HTTP/1.0. What follows is left.",
    ),
    "llhttp: whitespace in a chunk extension": (
        "RFC 9112 §7.1.1, RFC 9110 §5.6.3",
        "a recipient MUST parse bad whitespace; llhttp refuses it. The rest is compared with h11 alone.",
    ),
    "llhttp: a tab behind `chunked`": (
        "RFC 9112 §5, RFC 9110 §5.6.3",
        "optional whitespace is spaces and tabs, no part of the value; llhttp refuses the tab. It is given a space.",
    ),
    "llhttp: a method that it doesn't know": (
        "RFC 9110 §9.1, §16.1",
        "methods are case-sensitive tokens and extensible; llhttp has a list. It is given POST in their place.",
    ),
    "llhttp: whitespace behind a value": (
        "RFC 9112 §5.1",
        "it is no part of the value; llhttp hands it over. It is taken off.",
    ),
}

LLHTTP_METHODS = set(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)
UPGRADE = re.compile(rb"(?i)(?<=\n)upgrade(?=:)")
PROXY_CONNECTION = re.compile(rb"(?i)(?<=\n)proxy-connection(?=:)")
RENAMED = {b"upgrad3": b"upgrade", b"proxy-connecti0n": b"proxy-connection"}
SPACE_IN_EXTENSION = re.compile(rb"\n[0-9A-Fa-f]+;[^\r\n]*[ \t]")
TAB_BEHIND_CHUNKED = re.compile(rb"(?i)(?<=\ntransfer-encoding:)([ \t]*chunked)([ \t]*\t[ \t]*)(?=\r\n)")
METHOD = re.compile(rb"(?:\r?\n)*([-!#$%&'*+.^_`|~0-9A-Za-z]+) ")
ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def path_and_query(target: bytes) -> tuple[bytes, bytes]:
    """What ASGI has of a target: the absolute form without scheme and authority, and "/" for an empty path."""
    absolute = ABSOLUTE.match(target)
    path, _, query = target[absolute.end() if absolute else 0 :].partition(b"?")
    return path or b"/", query


# --- Outrider ------------------------------------------------------------------------------------------------------


async def recorder(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Answers with what it was asked, in a field, since HEAD is answered without content."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    seen = {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "version": scope["http_version"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    fields = [(b"x-seen", json.dumps(seen).encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body"})


def serving() -> outrider.Server:
    return outrider.serve(recorder, lifespan="off", access_log=False)


def read_with_outrider(server: outrider.Server, data: bytes) -> Reading:
    with WireClient(server) as client:
        client.send(data)
        # The answer is definite then: what isn't complete now never will be.
        client.socket.shutdown(socket.SHUT_WR)
        answers = client.read_to_end()
    reading = Reading(end="ended")
    while answers:
        head, separator, answers = answers.partition(b"\r\n\r\n")
        assert separator, f"an answer was cut off: {head!r} to {data!r}"
        lines = head.split(b"\r\n")
        status = int(lines[0].split(b" ")[1])
        if status < 200:
            continue
        fields = dict(line.split(b": ", 1) for line in lines[1:])
        length = int(fields[b"content-length"])
        content, answers = answers[:length], answers[length:]
        # A mistake of a HEAD request is answered without content (RFC 9110 §9.3.2).
        is_to_head = b"HEAD" in data and status >= 400 and not content and not answers
        assert is_to_head or len(content) == length, f"an answer was cut off: {head!r} to {data!r}"
        if status != 200:
            assert not answers, f"something follows a refusal: {answers!r} to {data!r}"
            reading.end, reading.fault = "refused", f"{status} {content.decode().rstrip()}"
            return reading
        seen = json.loads(fields[b"x-seen"])
        reading.requests.append(as_request(seen))
    return reading


def as_request(seen: dict[str, Any]) -> Request:
    text = {name: seen[name].encode("latin-1") for name in ("method", "path", "query", "version", "body")}
    headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in seen["headers"])
    return Request(headers=headers, **text)


# --- h11 -----------------------------------------------------------------------------------------------------------


def read_with_h11(data: bytes) -> Reading:
    """Each request by a connection of its own: h11's doesn't go on before the response is there."""
    reading = Reading()
    rest = data
    while rest:
        if rest.startswith(b"\r\n"):
            reading.allowances.add("h11: an empty line before the request line")
            rest = rest[2:]
            if not rest:
                break
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        connection.receive_data(rest)
        try:
            request, body = h11_message(connection)
        except h11.RemoteProtocolError as error:
            reading.end, reading.fault = "refused", str(error)
            return reading
        if request is None:
            reading.end = "incomplete"
            return reading
        headers = tuple((bytes(name), bytes(value)) for name, value in request.headers)
        path, query = path_and_query(request.target)
        reading.requests.append(Request(request.method.upper(), path, query, request.http_version, headers, body))
        rest = connection.trailing_data[0]
        reading.next_begins.append(len(data) - len(rest))
        if connection.their_state is h11.MUST_CLOSE:
            if request.http_version == b"1.1" or not says_keep(request.http_version, headers):
                reading.end = "closed"
                return reading
            reading.allowances.add("h11: HTTP/1.0 with keep-alive")
        elif connection.their_state is h11.MIGHT_SWITCH_PROTOCOL:
            reading.allowances.add("h11: Upgrade")
            if not says_keep(request.http_version, headers) or asks_for_protocol(request.http_version, headers):
                reading.end = "closed"
                return reading
    return reading


def h11_message(connection: h11.Connection) -> tuple[h11.Request | None, bytes]:
    request, body = None, b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return request, body
        else:
            return None, body


def asks_for_protocol(version: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bool:
    """RFC 9110 §7.8: Upgrade counts when Connection names it, and not in HTTP/1.0. Any protocol but h2c."""
    named = b",".join(value.lower() for name, value in headers if name == b"connection").split(b",")
    asked = [value.lower().strip() for name, value in headers if name == b"upgrade"]
    return version == b"1.1" and b"upgrade" in {n.strip(b" \t") for n in named} and any(v != b"h2c" for v in asked)


def says_keep(version: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bool:
    """RFC 9112 §9.3."""
    said = b",".join(value.lower() for name, value in headers if name == b"connection").split(b",")
    options = {option.strip(b" \t") for option in said}
    return b"close" not in options and (version == b"1.1" or b"keep-alive" in options)


# --- llhttp --------------------------------------------------------------------------------------------------------


class LlhttpMessage:
    """One request as httptools tells of it."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.target = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.in_head = True
        self.is_complete = self.keeps_alive = self.upgrades = False

    def feed(self, data: bytes) -> int:
        """Takes one message, and returns its length. One byte at a time: httptools doesn't say where it ends."""
        used = 0
        while used < len(data) and not self.is_complete:
            used += 1
            try:
                self.parser.feed_data(data[used - 1 : used])
            except httptools.HttpParserUpgrade:
                break
        return used

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # and not a trailer
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.in_head = False
        self.upgrades = self.parser.should_upgrade()

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.keeps_alive = self.parser.should_keep_alive()


def read_with_llhttp(data: bytes) -> Reading:
    """Each request by a parser of its own, so that a message's bytes can be changed where ALLOWANCES says so."""
    reading = Reading()
    rest = data
    while rest:
        message = LlhttpMessage()
        fed, method = llhttp_input(rest, reading)
        try:
            used = message.feed(fed)
            if message.upgrades:
                reading.allowances.add("llhttp: Upgrade")
                message = LlhttpMessage()
                used = message.feed(UPGRADE.sub(b"upgrad3", fed[:used]) + fed[used:])
        except httptools.HttpParserError as error:
            reading.end, reading.fault = "refused", f"{type(error).__name__}: {error}"
            return reading
        if not message.is_complete:
            reading.end = "incomplete" if rest.strip(b"\r\n") else "boundary"
            return reading
        path, query = path_and_query(message.target)
        headers = tuple((RENAMED.get(name, name), v.rstrip(b" \t")) for name, v in message.headers)
        if any(value[-1:] in (b" ", b"\t") for _, value in message.headers):
            reading.allowances.add("llhttp: whitespace behind a value")
        version = message.parser.get_http_version()
        verb = method or message.parser.get_method()
        reading.requests.append(Request(verb.upper(), path, query, version.encode(), headers, message.body))
        rest = fed[used:]
        reading.next_begins.append(len(data) - len(rest))
        keeps_alive = message.keeps_alive
        if keeps_alive and version == "1.0" and not says_keep(b"1.0", headers):
            reading.allowances.add("llhttp: HTTP/1.0 with keep-alive and close")
            keeps_alive = False
        if not keeps_alive or asks_for_protocol(version.encode(), headers):
            reading.end = "closed"
            return reading
    return reading


def llhttp_input(rest: bytes, reading: Reading) -> tuple[bytes, bytes | None]:
    """The bytes with POST as the method if llhttp wouldn't know it, and the method then."""
    method = None
    found = METHOD.match(rest)
    if found and found[1] not in LLHTTP_METHODS:
        reading.allowances.add("llhttp: a method that it doesn't know")
        method = found[1]
        rest = rest[: found.start(1)] + b"POST" + rest[found.end(1) :]
    end = rest.find(b"\r\n\r\n")
    fields, rest = rest[: end + 2], rest[end + 2 :]
    fields, tabs = TAB_BEHIND_CHUNKED.subn(lambda tab: tab[1] + b" " * len(tab[2]), fields)
    fields, relics = PROXY_CONNECTION.subn(b"proxy-connecti0n", fields)
    if tabs:
        reading.allowances.add("llhttp: a tab behind `chunked`")
    if relics:
        reading.allowances.add("llhttp: Proxy-Connection")
    return fields + rest, method


# --- the comparison ------------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """Outrider's reading beside another's. `kind` starts with "same", "stricter" or "difference"."""

    reference: str
    kind: str
    detail: str = ""

    @property
    def is_difference(self) -> bool:
        return self.kind.startswith("difference")


REFERENCES: dict[str, Callable[[bytes], Reading]] = {"h11": read_with_h11, "llhttp": read_with_llhttp}


def compare(name: str, ours: Reading, theirs: Reading) -> Verdict:
    for mine, other in zip(ours.requests, theirs.requests, strict=False):
        for part in Request._fields:
            one, two = getattr(mine, part), getattr(other, part)
            if one != two and name == "h11" and part == "headers":
                one = tuple((key, value.lower() if key == b"transfer-encoding" else value) for key, value in one)
                theirs.allowances.add("h11: Transfer-Encoding in lower case")
            if one != two:
                return Verdict(name, f"difference: another {part}", f"{one!r} is {two!r} for {name}")
    return compare_ends(name, ours, theirs)


def compare_ends(name: str, ours: Reading, theirs: Reading) -> Verdict:
    """As far as both have read requests, these are the same."""
    more = len(ours.requests) - len(theirs.requests)
    if more > 0:
        seen = ours.requests[len(theirs.requests)]
        return Verdict(name, f"difference: accepted where {name} has {theirs.end}", f"{theirs.fault} {seen!r}")
    if more == 0 and "refused" not in (ours.end, theirs.end):
        return Verdict(name, f"same: {theirs.end}")
    if more == 0 and ours.end == theirs.end:
        return Verdict(name, "same: refused")
    if ours.end == "refused":
        return Verdict(name, "stricter", ours.fault)
    if more == 0:
        return Verdict(name, "later", theirs.fault)
    return Verdict(name, "difference: ended", f"before {theirs.requests[len(ours.requests)]!r}")


@dataclass
class Outcome:
    ours: Reading
    readings: dict[str, Reading]
    verdicts: list[Verdict]


def look_at(server: outrider.Server, data: bytes) -> Outcome:
    ours = read_with_outrider(server, data)
    readings = {name: read(data) for name, read in REFERENCES.items()}
    verdicts = [compare(name, ours, theirs) for name, theirs in readings.items()]
    for index, verdict in enumerate(verdicts):
        if is_space_in_extension(data, verdict, readings[verdict.reference]):
            readings[verdict.reference].allowances.add("llhttp: whitespace in a chunk extension")
            verdicts[index] = Verdict(verdict.reference, "justified")
        if verdict.kind == "later":
            verdicts[index] = look_further(server, data, verdict)
    return Outcome(ours, readings, verdicts)


def is_space_in_extension(data: bytes, verdict: Verdict, theirs: Reading) -> bool:
    is_refused = verdict.kind == "difference: accepted where llhttp has refused"
    is_for_extension = "Invalid character in chunk extensions" in theirs.fault
    return is_refused and is_for_extension and SPACE_IN_EXTENSION.search(data) is not None


def look_further(server: outrider.Server, data: bytes, verdict: Verdict) -> Verdict:
    """The other has refused; Outrider looks at a line when it is complete. So it is completed."""
    theirs = REFERENCES[verdict.reference](data)
    for suffix in (b"\r\n\r\n", b"\r\n0\r\n\r\n", b" HTTP/1.1\r\nHost: a\r\n\r\n", b": a\r\n\r\n"):
        ours = read_with_outrider(server, data + suffix + CANARY)
        if len(ours.requests) > len(theirs.requests):
            kind = f"difference: accepted later where {verdict.reference} has refused"
            return Verdict(verdict.reference, kind, f"{suffix!r} {theirs.fault}")
    return Verdict(verdict.reference, "same: refused, once the line is complete")


def inputs_of(data: bytes) -> Iterator[bytes]:
    """The bytes, and the bytes with a request behind them: who sees the canary has found the same end."""
    yield data
    yield data + CANARY


# --- the long form -------------------------------------------------------------------------------------------------


class Summary:
    def __init__(self) -> None:
        self.inputs = 0
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.allowances: Counter[str] = Counter()
        self.differences: dict[tuple[str, str], list[bytes]] = {}

    def add(self, data: bytes, outcome: Outcome) -> None:
        self.inputs += 1
        for reading in outcome.readings.values():
            self.allowances.update(reading.allowances)
        for verdict in outcome.verdicts:
            self.kinds[verdict.reference, verdict.kind] += 1
            if verdict.is_difference:
                self.differences.setdefault((verdict.reference, verdict.kind), []).append(data)
        if all(verdict.kind == "stricter" for verdict in outcome.verdicts):
            self.faults[outcome.ours.fault] += 1

    def text(self) -> str:
        kinds = sorted({kind for _, kind in self.kinds})
        lines = [f"{self.inputs} inputs", "", "| Outrider's reading beside | h11 | llhttp |", "|---|--:|--:|"]
        lines += [f"| {kind} | {self.kinds['h11', kind]} | {self.kinds['llhttp', kind]} |" for kind in kinds]
        lines += ["", "| refused by Outrider alone | inputs |", "|---|--:|"]
        lines += [f"| {fault} | {count} |" for fault, count in self.faults.most_common()]
        lines += ["", "| justified | inputs | section | why |", "|---|--:|---|---|"]
        lines += [
            f"| {name} | {self.allowances[name]} | {ALLOWANCES[name][0]} | {ALLOWANCES[name][1]} |"
            for name in ALLOWANCES
        ]
        return "\n".join(lines)


def minimised(server: outrider.Server, data: bytes, key: tuple[str, str]) -> bytes:
    """A shorter input of the same difference: ever smaller pieces are left out as long as it stays."""
    size = len(data) // 2
    while size > 0:
        at = 0
        while at < len(data):
            shorter = data[:at] + data[at + size :]
            found = look_at(server, shorter).verdicts if shorter else []
            if any((verdict.reference, verdict.kind) == key for verdict in found):
                data = shorter
            else:
                at += size
        size //= 2
    return data


def main(seconds: float, seed: int) -> int:
    summary = Summary()
    generator = random.Random(seed)
    with serving() as server:
        for _, case in CASES:
            for data in inputs_of(case):
                summary.add(data, look_at(server, data))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            data = a_stream(generator)
            summary.add(data, look_at(server, data))
        print(summary.text())
        for key, found in summary.differences.items():
            print(f"\n{key}: {len(found)}")
            for data in sorted(found, key=len)[:6]:
                short = minimised(server, data, key)
                print(
                    repr(short), *[v.detail for v in look_at(server, short).verdicts if v.is_difference], sep="\n    "
                )
    return 1 if summary.differences else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
