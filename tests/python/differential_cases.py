"""Requests on which recipients are known to disagree, and a generator of more of them."""

from __future__ import annotations

import random

HOST = b"Host: a\r\n"


def head(*lines: bytes, method: bytes = b"POST", target: bytes = b"/", version: bytes = b"HTTP/1.1") -> bytes:
    return b" ".join((method, target, version)) + b"\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def chunked(content: bytes, *lines: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked", *lines) + content


def request_line(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + b"\r\n"


LAST = b"0\r\n\r\n"
HELLO = b"5\r\nhello\r\n"


def _framing() -> list[tuple[str, bytes]]:
    transfer_encodings = [
        b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked\t", b"chunked, identity", b"identity, chunked", b"identity",
        b"xchunked", b"chunkedx", b"x-chunked", b"chunked;q=1", b"chunked, chunked", b",chunked", b"chunked,",
        b"chunked ,", b"gzip, chunked", b"chunked, gzip", b'"chunked"', b"'chunked'", b"\x0bchunked", b"\x0cchunked",
        b"chunked\x00", b"chun ked", b"chunked\x0b", b"\xa0chunked", b"", b",", b"\r\n chunked", b"chunked\r\n , x",
        b"cow", b"chunked\xff", b"chunked\rX: y", b"chunked\nX: y", b"\x85chunked", b"chunked\xa0", b"chunked;",
        b"chunked x", b"gzip;a=b, chunked", b"gzip, , chunked",
    ]  # fmt: skip
    content_lengths = [
        b"+5", b"-5", b" 5", b"5 ", b"\t5", b"5\t", b"05", b"0005", b"5,5", b"5, 5", b"5,6", b"5,", b",5", b"0x5",
        b"5x",
        b"5_0", b"5.0", b"5e0", b"5;q", b"5 5", b"", b" ", b"five", b"\xb2", b"5\x00", b"5\x0b", b"-0", b"+0", b"0, 0",
        b"18446744073709551616", b"18446744073709551621", b"99999999999999999999999", b"9223372036854775808", b'"5"',
        b"\r\n 5", b"5\r\n 6", b"00000000000000000005", b"5\r", b"5\rX: y", b"5\nX: y", b"0b1", b"\xef\xbc\x95", b"0o5",
        b"5\xa0",
    ]  # fmt: skip
    te, cl = b"Transfer-Encoding: chunked", b"Content-Length: 5"
    return [
        *[(f"Transfer-Encoding {value!r}", head(b"Transfer-Encoding:" + value) + HELLO + LAST)
          for value in transfer_encodings],
        *[(f"Content-Length {value!r}", head(b"Content-Length:" + value) + b"hello") for value in content_lengths],
        ("CL.TE", head(b"Content-Length: 6", te) + LAST + b"G"),
        ("TE.CL", head(te, b"Content-Length: 4") + b"5c\r\n" + b"x" * 0x5C + b"\r\n" + LAST),
        ("Content-Length: 0 with chunked", head(b"Content-Length: 0", te) + LAST),
        ("Transfer-Encoding twice", head(te, te) + HELLO + LAST),
        ("Transfer-Encoding twice, the second unknown", head(te, b"Transfer-Encoding: cow") + HELLO + LAST),
        ("Transfer-Encoding twice, the first identity", head(b"Transfer-Encoding: identity", te) + HELLO + LAST),
        ("Content-Length twice, equal", head(cl, cl) + b"hello"),
        ("Content-Length twice, different", head(cl, b"Content-Length: 6") + b"hello!"),
        ("Content-Length twice in other cases", head(cl, b"content-length: 5") + b"hello"),
        *[(f"{byte!r} behind the name {name!r}", head(name + byte + b": 5"))
          for name in (b"Content-Length", b"Transfer-Encoding")
          for byte in (b"\0", b"\x01", b"\x0b", b"\x0c", b"\r", b"\n", b"\x7f", b"\x80", b"\xa0")],
        ("two codings in two lines, none of them chunked", head(b"Transfer-Encoding: cow", b"Transfer-Encoding: x")),
        ("CL.TE with a close", head(b"Connection: close", b"Content-Length: 6", te) + LAST + b"G"),
        ("Content_Length", head(b"Content_Length: 5") + b"hello"),
        ("Transfer_Encoding", head(b"Transfer_Encoding: chunked") + HELLO + LAST),
        ("space before the colon of Transfer-Encoding", head(b"Transfer-Encoding : chunked") + HELLO + LAST),
        ("tab before the colon of Content-Length", head(b"Content-Length\t: 5") + b"hello"),
        ("space before Transfer-Encoding", head(b"X: y", b" Transfer-Encoding: chunked") + HELLO + LAST),
        ("tab before Transfer-Encoding", head(b"X: y", b"\tTransfer-Encoding: chunked") + HELLO + LAST),
        ("TE behind a bare CR", head(b"X: y\rTransfer-Encoding: chunked") + HELLO + LAST),
        ("TE behind a bare LF", head(b"X: y\nTransfer-Encoding: chunked") + HELLO + LAST),
        ("TE in HTTP/1.0", head(te, version=b"HTTP/1.0") + HELLO + LAST),
        ("TE and CL in HTTP/1.0", head(te, cl, version=b"HTTP/1.0") + HELLO + LAST),
        ("CL in HTTP/1.0", head(cl, version=b"HTTP/1.0") + b"hello"),
        ("CL in HTTP/1.0 with keep-alive", head(cl, b"Connection: keep-alive", version=b"HTTP/1.0") + b"hello"),
        ("a body in a GET", head(cl, method=b"GET") + b"hello"),
        ("a body in a HEAD", head(cl, method=b"HEAD") + b"hello"),
        ("a body in a DELETE, chunked", head(te, method=b"DELETE") + HELLO + LAST),
        ("a body without a length", head() + b"hello"),
        ("Connection names Transfer-Encoding", head(te, b"Connection: transfer-encoding") + HELLO + LAST),
        ("Connection names Content-Length", head(cl, b"Connection: content-length, close") + b"hello"),
        ("an incomplete body", head(cl) + b"hell"),
        ("an incomplete chunk", chunked(b"5\r\nhell")),
        ("no last chunk", chunked(HELLO)),
        ("no end of the trailers", chunked(HELLO + b"0\r\nX: y\r\n")),
    ]  # fmt: skip


def _chunks() -> list[tuple[str, bytes]]:
    sizes = [
        b"05", b"0000000005", b"000000000000005", b"0000000000000005", b"0" * 40 + b"5", b"-5", b"+5", b" 5", b"5 ",
        b"\t5", b"5\t", b"0x5", b"5_0", b"5h", b"", b"g", b"5.0", b"10000000000000005", b"ffffffffffffffff",
        b"fffffffffffffffb", b"5\x00", b"5\x0b", b"5,5", b"5\r", b"\r\n5", b"\xb5", b"5 5", b"'5'",
    ]  # fmt: skip
    extensions = [
        b";", b";a", b";a=b", b" ;a=b", b"; a=b", b";a =b", b";a= b", b";a=b;c=d", b';a="b"', b';a="b;c"', b';a="b',
        b';a="\\""', b';a=b"c"', b';a="b\rc"', b';a="b\nc"', b";a\n", b";a\rb", b";\xff", b";\x00", b";a=\x7f",
        b";a==b",
        b";;", b";a=", b";=b", b";a b", b';a="b"c', b"a=b", b";" + b"a" * 300, b';a="\xff"', b';a="\x01"', b";a=b ",
        b";a;", b';"a"', b';a="b\\', b";a\t=\tb", b";a=b,c", b";(a)", b";a=\xff",
    ]  # fmt: skip
    trailers = [
        b"X: y", b"X : y", b" X: y", b"X: y\r\n z", b": y", b"X", b"X: \x00", b"X: y\nZ: z", b"X: y\rZ: z", b"X:\xff",
        b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: b", b"Trailer: X", b"X y: z", b"\xff: y",
        b"Connection: close", b"Authorization: x", b"Expect: 100-continue",
    ]  # fmt: skip
    return [
        *[(f"chunk size {size!r}", chunked(size + b"\r\nhello\r\n" + LAST)) for size in sizes],
        *[(f"chunk extension {extension!r}", chunked(b"5" + extension + b"\r\nhello\r\n" + LAST))
          for extension in extensions],
        *[(f"extension {extension!r} of the last chunk", chunked(HELLO + b"0" + extension + b"\r\n\r\n"))
          for extension in (b";a", b";", b" ", b";a=b", b"\t;a")],
        *[(f"trailer {line!r}", chunked(HELLO + b"0\r\n" + line + b"\r\n\r\n")) for line in trailers],
        ("chunk data not followed by CRLF", chunked(b"5\r\nhello" + LAST)),
        ("chunk data followed by LF", chunked(b"5\r\nhello\n" + LAST)),
        ("chunk data followed by CR", chunked(b"5\r\nhello\r" + LAST)),
        ("chunk data followed by two other bytes", chunked(b"5\r\nhelloXX" + LAST)),
        ("chunk data longer than its size", chunked(b"5\r\nhello!\r\n" + LAST)),
        ("chunk data shorter than its size", chunked(b"5\r\nhell\r\n" + LAST)),
        ("chunk size ended by LF", chunked(b"5\nhello\r\n" + LAST)),
        ("chunk size ended by CR", chunked(b"5\rhello\r\n" + LAST)),
        ("last chunk ended by LF", chunked(HELLO + b"0\n\r\n")),
        ("trailers ended by LF", chunked(HELLO + b"0\r\n\n")),
        ("trailers ended by CR and another byte", chunked(HELLO + b"0\r\n\rX")),
        ("the last empty line is missing", chunked(HELLO + b"0\r\n") + head()),
        ("the last chunk is missing", chunked(HELLO) + head()),
        ("a chunk behind an empty line", chunked(HELLO + b"\r\n" + LAST)),
        ("a fold in the trailers", chunked(HELLO + b"0\r\nX: y\r\n z\r\n\r\n")),
        ("EXT.TERM", chunked(b"2;\nxx\r\n4c\r\n0\r\n\r\n" + head())),
        ("many small chunks with extensions", chunked((b"1;" + b"a" * 250 + b"\r\nx\r\n") * 100 + LAST)),
        ("last chunk of many zeros", chunked(HELLO + b"00000\r\n\r\n")),
        ("hexadecimal digits in both cases", chunked(b"aA\r\n" + b"x" * 0xAA + b"\r\n" + LAST)),
    ]  # fmt: skip


def _lines() -> list[tuple[str, bytes]]:
    lines = [
        b"GET / HTTP/1.1", b"GET / HTTP/1.0", b"GET /", b"GET / ", b"GET  / HTTP/1.1", b"GET /  HTTP/1.1",
        b" GET / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET\t/\tHTTP/1.1", b"GET / HTTP/1.1\t", b"GET\x0b/ HTTP/1.1",
        b"GET / HTTP/2.0", b"GET / HTTP/1.2", b"GET / HTTP/0.9", b"GET / HTTP/3.0", b"GET / http/1.1",
        b"GET / Http/1.1", b"GET / HTTP/1.", b"GET / HTTP/1", b"GET / HTTP/01.1", b"GET / HTTP/1.01",
        b"GET / HTTP/1.10",
        b"GET / HTTP/1,1", b"GET / HTTP 1.1", b"GET / HTTPS/1.1", b"GET / ICE/1.0", b"GET / RTSP/1.0",
        b"GET / HTTP/\xb91.1", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\x00", b"GET / HTTP/-1.1", b"GET / XHTTP/1.1",
        b"get / HTTP/1.1", b"BREW / HTTP/1.1", b"G(T / HTTP/1.1", b"G\x00T / HTTP/1.1", b"G\xcbT / HTTP/1.1",
        b"A" * 300 + b" / HTTP/1.1", b"!#$%&'*+-.^_`|~ / HTTP/1.1", b"G@T / HTTP/1.1", b"G:T / HTTP/1.1",
        b"\x16\x03\x01 / HTTP/1.1", b"M-SEARCH * HTTP/1.1", b"PRI * HTTP/2.0", b"PRI / HTTP/1.1", b"SOURCE / HTTP/1.1",
        b"DESCRIBE / HTTP/1.1", b"QUERY / HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET * HTTP/1.1", b"OPTIONS *x HTTP/1.1",
        b"CONNECT a:80 HTTP/1.1", b"CONNECT / HTTP/1.1", b"GET a:80 HTTP/1.1", b"GET a HTTP/1.1", b"GET ? HTTP/1.1",
        b"GET http://a/ HTTP/1.1", b"GET http://a HTTP/1.1", b"GET http://a?x HTTP/1.1", b"GET HTTP://A/x?y HTTP/1.1",
        b"GET https://a/ HTTP/1.1", b"GET http://b/ HTTP/1.1", b"GET ftp://a/ HTTP/1.1", b"GET http:///x HTTP/1.1",
        b"GET http:/x HTTP/1.1", b"GET http://u@a/ HTTP/1.1", b"GET http://a:x/ HTTP/1.1",
        b"GET http://[::1]/ HTTP/1.1",
        b"GET http://a\\b/ HTTP/1.1", b"GET http://a\\@b/ HTTP/1.1", b"GET /a\\b HTTP/1.1", b"GET /?a\\b HTTP/1.1",
        b"GET http://a:65536/ HTTP/1.1", b"GET http://a%/ HTTP/1.1", b"GET ws://a/ HTTP/1.1", b"GET http://A/ HTTP/1.1",
        b"GET //a/b HTTP/1.1", b"GET /a#b HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\xff HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\x01 HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a\tb HTTP/1.1", b"GET /a\rb HTTP/1.1", b"GET /%zz HTTP/1.1", b"GET /%00 HTTP/1.1",
        b"GET /%2e%2e HTTP/1.1",
        b'GET /<>"{}|\\^`[] HTTP/1.1', b"GET /?a=b?c&d HTTP/1.1", b"GET /?? HTTP/1.1", b"GET /; HTTP/1.1",
        b"GET ../x HTTP/1.1", b"GET \\ HTTP/1.1", b"GET /" + b"a" * 5000 + b" HTTP/1.1", b"GET  HTTP/1.1", b"GET", b"",
        b"\r\nGET / HTTP/1.1", b"\r\n\r\nGET / HTTP/1.1", b"\nGET / HTTP/1.1", b"\rGET / HTTP/1.1",
        b"\x00GET / HTTP/1.1", b"\xef\xbb\xbfGET / HTTP/1.1",
    ]  # fmt: skip
    return [(f"request line {line[:60]!r}", request_line(line)) for line in lines]


def _fields() -> list[tuple[str, bytes]]:
    fields = [
        b"X: y", b"X:y", b"X:", b"X: ", b"X:\t y \t", b"X : y", b"X\t: y", b": y", b"X", b"X Y: z", b"X\x00: y",
        b"X: \x00", b"X: \x01", b"X: \x7f", b"X: \x0b", b"X: \x0c", b"X: a\x0by", b"X: \xff\xfe", b"X: \xc3\xa9",
        b"\xc3: y",
        b"X(: y", b"X/Y: z", b"X[]: y", b'"X": y', b"X@: y", b"X=y: z", b"X;y: z", b"X,: y", b"{X}: y", b"X\\: y",
        b"X: y\r\n z", b"X: y\r\n\tz", b" X: y", b"\tX: y", b"X:\r\n", b"X: y\r", b"X: y\rz", b"X: y\nZ: z",
        b"X: y\r\r",
        b"X: y\n", b"X:: y", b"X: :y", b"!#$%&'*+-.^_`|~: y", b"X: " + b"y" * 3000, b"X" * 3000 + b": y", b"1: y",
        b"X\xa0: y", b"X\r: y", b"X\n: y", b"\x00: y", b"X: y\r\n \r\nZ: z", b"X: \x1f", b"X: \x80", b"x:\"\x22",
        b"Host: a", b"Host: b", b"host: a", b"Expect: 100-continue", b"Expect: 100-Continue", b"Expect: tea",
        b"Expect: 100-continue, tea", b"Expect:", b"Connection: close", b"Connection: keep-alive, close",
        b"Connection: close, keep-alive", b"Connection: CLOSE", b"Connection:close,", b"Connection: , close",
        b"Connection: (close)", b"Connection: close x", b"Connection: closed", b"Connection: x;close", b"Connection:",
        b"Upgrade: websocket", b"Connection: upgrade\r\nUpgrade: websocket", b"Connection: upgrade",
        b"Connection: upgrade, close\r\nUpgrade: h2c", b"Connection: keep-alive\r\nConnection: close",
        b"Proxy-Connection: close", b"Proxy-Connection: keep-alive", b"Keep-Alive: x", b"TE: trailers", b"Trailer: X",
    ]  # fmt: skip
    hosts = [
        b"", b"a", b"a:80", b"a:", b":80", b"a:x", b"a:80:80", b"a,b", b"a b", b"a/b", b"u@a", b"[::1]", b"[::1]:80",
        b"[::1", b"::1", b"a?b", b"a#b", b"a\\b", b"\xc3\xa9", b"a\x00", b"a:999999", b"a%41", b"<a>", b"a;b", b"a.",
        b"[]", b"[1]", b"[::1::]", b"[fe80::1%25eth0]", b"[v1.a]", b"a%", b"a%4g", b"a:65536", b"a:000080", b"u:p@a", b"http://a",
        b"*", b"a_b", b"a|b", b'"a"', b"a,a", b"a, a",
    ]  # fmt: skip
    with_body = b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5"
    return [
        *[(f"field {line[:60]!r}", head(line, method=b"GET")) for line in fields],
        *[(f"Host {host!r}", b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") for host in hosts],
        ("no Host", b"GET / HTTP/1.1\r\n\r\n"),
        ("no Host in HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n"),
        ("HTTP/1.0 with keep-alive", head(b"Connection: keep-alive", method=b"GET", version=b"HTTP/1.0")),
        ("HTTP/1.0 with Keep-Alive, close", head(b"Connection: Keep-Alive, close", version=b"HTTP/1.0")),
        ("Expect in HTTP/1.0", head(b"Expect: 100-continue", b"Content-Length: 5", version=b"HTTP/1.0") + b"hello"),
        ("Expect with a body", head(b"Expect: 100-continue", b"Content-Length: 5") + b"hello"),
        ("Expect with a chunked body", chunked(HELLO + LAST, b"Expect: 100-continue")),
        ("Upgrade with a body", head(with_body) + b"hello"),
        ("Upgrade to h2c with a body", head(b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5") + b"hello"),
        ("Upgrade to h2c and another with a body",
         head(b"Connection: upgrade\r\nUpgrade: x\r\nUpgrade: h2c\r\nContent-Length: 5") + b"hello"),
        ("Upgrade with a request behind it",
         head(b"Connection: upgrade\r\nUpgrade: websocket", method=b"GET") + head()),
        ("Upgrade with a chunked body", chunked(HELLO + LAST, b"Connection: upgrade", b"Upgrade: websocket")),
        ("every line ends in LF", b"GET / HTTP/1.1\nHost: a\n\n"),
        ("the head ends in LF", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
        ("the head ends in LF CR LF", b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
        ("the lines end in CR", b"GET / HTTP/1.1\rHost: a\r\r"),
        ("the lines end in CR CR LF", b"GET / HTTP/1.1\r\r\nHost: a\r\r\n\r\r\n"),
        ("the head ends in CR and another byte", b"GET / HTTP/1.1\r\nHost: a\r\n\rX"),
        ("an empty line between requests", head(method=b"GET") + b"\r\n" + head(method=b"GET")),
        ("two empty lines between requests", head(method=b"GET") + b"\r\n\r\n" + head(method=b"GET")),
        ("an empty line behind a body", head(b"Content-Length: 5") + b"hello\r\n" + head()),
        ("a request behind an error", head(b"X") + head()),
        ("an error behind a request", head() + head(b"X") + head()),
        ("a request behind a close", head(b"Connection: close") + head()),
        ("a smuggled request in a body", head(b"Content-Length: 5", method=b"GET") + b"GET /" + head()),
        ("a fold before the first field", b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
        ("an incomplete head", b"GET / HTTP/1.1\r\nHost: a\r\n"),
        ("an incomplete request line", b"GET / HT"),
        ("HTTP/0.9", b"GET /\r\n"),
        *[(f"{count} fields", head(*[b"X: y"] * count)) for count in (100, 127, 128, 200)],
    ]  # fmt: skip


CASES = [*_framing(), *_chunks(), *_lines(), *_fields()]

# --- more of them --------------------------------------------------------------------------------------------------

METHODS = [b"GET", b"GET", b"POST", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"BREW"]
TARGETS = [b"/", b"/a/b?c=d", b"/%20", b"http://a/", b"http://a", b"http://a?x", b"*", b"/a//b/../;x", b"/?", b"/a?b?c"]
FIELDS = [
    b"X: y", b"X-Long-Name: a, b, c", b"Accept: */*", b"Connection: close", b"Connection: keep-alive", b"X:", b"X:\ty ",
    b"Connection: upgrade\r\nUpgrade: websocket", b"Expect: 100-continue", b"Cookie: a=b; c=d", b"X: \xc3\xa9",
    b"TE: x",
]  # fmt: skip
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"=", b'"', b"\\", b"0", b"1", b"5", b"a", b"F", b"0x",
    b"+", b"-", b"_", b".", b"/", b"@", b"\x0b", b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b"#",
    b"?",
    b"%", b"*", b"[", b"]", b"chunked", b"identity", b", chunked", b"chunked,", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:", b"Transfer-Encoding: x\r\n", b"Content-Length: 5\r\n", b"Content-Length:",
    b"content-length: 0\r\n",
    b"Host: a\r\n", b"Host: b\r\n", b"Host:", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"close",
    b"Connection: upgrade\r\nUpgrade: x\r\n", b"Upgrade: x\r\n", b"Expect: 100-continue\r\n", b"Trailer: X\r\n",
    b"HTTP/1.0", b"HTTP/1.1", b"HTTP/", b"http://a", b"http://b/", b"//", b"GET ", b"POST ", b"CONNECT ", b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"0\r\n", b"5\r\nhello\r\n", b"\r\n ", b"\r\n\t", b";a=b",
    b';a="b"', b"ffffffffffffffff", b"99999999999999999999", b"00000000000000000000", b"X: y\r\n", b" :", b"\n\n",
]  # fmt: skip
CANARY = b"GET /canary HTTP/1.1\r\nHost: canary\r\n\r\n"


def a_request(choose: random.Random) -> bytes:
    """A valid request."""
    method, target = choose.choice(METHODS), choose.choice(TARGETS)
    if target == b"*":
        method = b"OPTIONS"
    lines = [choose.choice(FIELDS) for _ in range(choose.randint(0, 2))]
    body = choose.choice([b"", b"x", b"hello", b"GET / HTTP/1.1\r\n\r\n", b"0\r\n\r\n", bytes(range(256))])
    framing = choose.randint(0, 4)
    if framing <= 1:
        body = b""
    elif framing == 2:
        lines.insert(choose.randint(0, len(lines)), b"Content-Length: %d" % len(body))
    else:
        lines.insert(choose.randint(0, len(lines)), b"Transfer-Encoding: chunked")
        body = in_chunks(choose, body)
    version = b"HTTP/1.0" if framing <= 2 and choose.randint(0, 9) == 0 else b"HTTP/1.1"
    return head(*lines, method=method, target=target, version=version) + body


def in_chunks(choose: random.Random, body: bytes) -> bytes:
    chunks = b""
    while body:
        size = choose.randint(1, len(body))
        chunks += (b"%x" if choose.randint(0, 1) else b"0%X") % size
        chunks += choose.choice([b"", b"", b"", b";a", b";a=b", b';a="b c";d'])
        chunks += b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    return chunks + choose.choice([b"0\r\n", b"0\r\n", b"000;a\r\n"]) + choose.choice([b"", b"", b"X: y\r\n"]) + b"\r\n"


def mutated(choose: random.Random, data: bytes) -> bytes:
    at = choose.randint(0, len(data))
    if choose.randint(0, 1):
        # Where bytes have a meaning: just before or behind a delimiter or a digit.
        places = [place for place, byte in enumerate(data) if byte in b"\r\n:;, 05/"]
        if places:
            at = choose.choice(places) + choose.randint(0, 1)
    length = choose.choice([1, 1, 1, 2, 3, 8])
    kind = choose.randint(0, 6)
    if kind <= 1:
        return data[:at] + choose.choice(TOKENS) + data[at:]
    if kind == 2:
        return data[:at] + data[at + length :]
    if kind == 3:
        return data[:at] + choose.choice(TOKENS) + data[at + length :]
    if kind == 4:
        return data[:at] + bytes([choose.randint(0, 255)]) + data[at + 1 :]
    if kind == 5:
        lines = data.split(b"\r\n")
        line = choose.choice(lines)
        lines.insert(choose.randint(0, len(lines)), line.swapcase() if choose.randint(0, 1) else line)
        return b"\r\n".join(lines)
    other = choose.randint(0, len(data))
    return data[:at] + data[other : other + choose.randint(1, 40)] + data[at:]


def a_stream(choose: random.Random) -> bytes:
    """One to three requests with some bytes changed, and often the canary behind them."""
    data = b"".join(a_request(choose) for _ in range(choose.choice([1, 1, 2, 3])))
    for _ in range(choose.choice([0, 1, 1, 1, 1, 1, 2, 2, 3])):
        data = mutated(choose, data)
    return data + (CANARY if choose.randint(0, 2) else b"")
