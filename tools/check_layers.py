"""The layer rule: which folder may include what. A lower layer never includes a higher one.

    base <- loop <- net        base <- http <- {http1, http2, websocket}
    {net, protocols} <- server <- app        everything <- python/bindings

A protocol is codecs (bytes in, events out: no loop, no net, no clock) and the few files that join them to a stream,
named in JOINING. Unit tests lie beside their unit and may use src/testing. Run: python3 tools/check_layers.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOCOLS = {"http1", "http2", "websocket"}
JOINING = {"connection", "exchange", "service", "core", "sender"}
BELOW: dict[str, set[str]] = {
    "base": set(),
    "loop": {"base"},
    "net": {"base", "loop"},
    "http": {"base"},
    **{protocol: {"base", "http"} for protocol in PROTOCOLS},
    "server": {"base", "loop", "net", "http"} | PROTOCOLS,
    "app": {"base", "loop", "net", "http", "server"} | PROTOCOLS,
    "testing": {"base", "loop", "net", "http"},
}
# What breaks the rule all the same -> why.
ACCEPTED = {
    ("src/http/exchange.h", "net/address.h"): "a value without I/O; an application may ask who its peer is",
    ("src/http/exchange.h", "net/file_part.h"): "a descriptor; it goes to the stream, which alone can send it",
    ("src/http/origin.h", "net/address.h"): "the same; who the client is",
    ("src/http/forwarded.h", "net/network.h"): "values without I/O; whom to believe who the client is",
}
# Third-party headers, and the only files that may include them.
OWNERS = {
    r"uv\.h|uv/": r"src/(loop|net|testing)/",
    r"openssl/": r"src/net/tls_",
    r"nghttp2/": r"src/http2/session",
    r"zlib\.h": r"src/websocket/deflate|fuzz/",
    r"Python\.h|nanobind/": r"python/bindings/",
    r"doctest": r"src/.*_test\.cpp|src/testing/|tests/",
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)


def main() -> int:
    folders = ("include", "src", "python/bindings")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.[hc]*")) if path.is_file()]
    broken = [line for path in files for line in check(path.relative_to(ROOT).as_posix(), path.read_text())]
    print(*broken, f"{len(files)} files, {len(broken)} includes that break the layer rule", sep="\n")
    return 1 if broken else 0


def check(file: str, text: str) -> Iterator[str]:
    for match in INCLUDE.finditer(text):
        reason = refuse(file, match[2], is_system=match[1] == "<")
        if reason and (file, match[2]) not in ACCEPTED:
            yield f"{file}:{text.count(chr(10), 0, match.start(2)) + 1}: includes {match[2]}: {reason}"


def refuse(file: str, included: str, is_system: bool) -> str:
    for header, owner in OWNERS.items():
        if re.match(header, included) and not re.match(owner, file):
            return f"only {owner} may"
    layer = included.partition("/")[0]
    if file.startswith("include/"):
        is_standard = is_system and re.fullmatch(r"[a-z0-9_]+", included)
        return "" if is_standard or layer == "outrider" else "a public header reaches only std and outrider headers"
    if layer not in BELOW or is_system or not file.startswith("src/") or layer in allowed(file):
        return ""
    return f"may include only {', '.join(sorted(allowed(file)))}"


def allowed(file: str) -> set[str]:
    layer, _, name = file.removeprefix("src/").partition("/")
    layers = {layer} | BELOW.get(layer, set())
    unit = name.partition(".")[0]
    if layer in PROTOCOLS and unit.removesuffix("_test") in JOINING:
        layers |= {"loop", "net"}
    return layers | {"testing"} if unit.endswith("_test") else layers


if __name__ == "__main__":
    sys.exit(main())
