"""The documents are true about the repository: relative links lead somewhere, and each path they name exists.

So does each Python test they name (`test_something`). A path is what stands in backticks and begins with one of the top
folders, like `src/loop/loop.h`. Wildcards and placeholders (*, <name>, 3.X) are left alone; `x.{h,cpp}` stands for
both. Run: python3 tools/check_docs.py
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = r"(?:src|include|python|tests|tools|examples|bench|fuzz|docs|cmake|\.ci)"
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(rf"`({FOLDERS}/[^`\s]*)`")
TEST = re.compile(r"`(test_\w+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    documents = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
    tests = set(re.findall(r"def (test_\w+)\(", "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))))
    broken = [line for path in documents for line in check(path, tests)]
    print(*broken, f"{len(documents)} documents, {len(broken)} links and paths that lead nowhere", sep="\n")
    return 1 if broken else 0


def check(document: Path, tests: set[str]) -> Iterator[str]:
    text = FENCE.sub(lambda code: "\n" * code[0].count("\n"), document.read_text())
    for match in LINK.finditer(text):
        target = match[1].partition("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not (document.parent / target).exists():
            yield f"{document.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}"
    for match in TEST.finditer(text):
        if match[1] not in tests:
            yield f"{document.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: no test {match[1]}"
    for match in NAMED.finditer(text):
        for path in spelled_out(match[1].rstrip(".,:;")):
            if not re.search(r"[*<…]|X", path) and not (ROOT / path.partition(":")[0]).exists():
                yield f"{document.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {path}"


def spelled_out(path: str) -> list[str]:
    """a.{h,cpp} -> a.h, a.cpp"""
    match = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", path)
    return [match[1] + part + match[3] for part in match[2].split(",")] if match else [path]


if __name__ == "__main__":
    sys.exit(main())
