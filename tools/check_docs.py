"""The documents are true about the repository: relative links lead somewhere, and each path they name exists.

So does each Python test they name (`test_something`), and each test of a file (`tests/x.py::test_something`,
`src/x_test.cpp::a sentence`). A table whose last column is headed "test" has one in each row, or says behind a dash why
there is none. A path is what stands in backticks and begins with one of the top
folders, like `src/loop/loop.h`. Wildcards and placeholders (*, <name>, 3.X) are left alone; `x.{h,cpp}` stands for
both. In docs/supported.md C++ tests are named too, as `file`: "name", and what the server does itself needs a test.
Run: python3 tools/check_docs.py
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
TEST_OF = re.compile(rf"`({FOLDERS}/[^`:]+)::([^`]+)`")
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
# A test by its file's stem and its name; in the C++, a test case, or a row of a table that begins with its name.
CPP_TEST = re.compile(r'`(\w+)`: "([^"]*)"')
CPP_NAME = re.compile(r'(?:TEST_CASE\(|\{)\s*"([^"]*)"')
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    documents = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
    tests = set(re.findall(r"def (test_\w+)\(", "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))))
    broken = [line for path in documents for line in check(path, tests)]
    broken += check_supported(ROOT / "docs" / "supported.md")
    print(*broken, f"{len(documents)} documents, {len(broken)} links and paths that lead nowhere", sep="\n")
    return 1 if broken else 0


def check(document: Path, tests: set[str]) -> Iterator[str]:
    text = FENCE.sub(lambda code: "\n" * code[0].count("\n"), document.read_text())
    for match in LINK.finditer(text):
        target = match[1].partition("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not (document.parent / target).exists():
            yield f"{document.relative_to(ROOT)}:{line_of(text, match)}: {match[1]}"
    for match in TEST.finditer(text):
        if match[1] not in tests:
            yield f"{document.relative_to(ROOT)}:{line_of(text, match)}: no test {match[1]}"
    for match in TEST_OF.finditer(text):
        if not has_test(ROOT / match[1], match[2]):
            yield f"{document.relative_to(ROOT)}:{line_of(text, match)}: {match[1]} has no test {match[2]!r}"
    yield from (f"{document.relative_to(ROOT)}:{line}: a row without a test" for line in rows_without_test(text))
    for match in NAMED.finditer(text):
        for path in spelled_out(match[1].rstrip(".,:;")):
            if not re.search(r"[*<…]|X", path) and not (ROOT / path.partition(":")[0]).exists():
                yield f"{document.relative_to(ROOT)}:{line_of(text, match)}: {path}"


def line_of(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def has_test(path: Path, name: str) -> bool:
    if not path.is_file():
        return False
    text = path.read_text()
    if path.suffix == ".py":
        return re.search(rf"^\s*(?:async )?def {re.escape(name)}\(", text, re.MULTILINE) is not None
    # A long name is cut in two where the line ends.
    return f'TEST_CASE("{name}"' in re.sub(r'"\n\s*"', "", text)


def rows_without_test(text: str) -> Iterator[int]:
    is_checked, last = False, 0
    for match in ROW.finditer(text):
        line, cell = line_of(text, match), match[0].strip("|").rpartition("|")[2].strip()
        if line != last + 1:
            is_checked = cell == "test"  # the first row of a table
        elif is_checked and not set(cell) <= set("-:") and not TEST_OF.search(cell) and not cell.startswith("—"):
            yield line
        last = line


def check_supported(document: Path) -> Iterator[str]:
    """Each C++ test that the tables name exists, and each row has a test, unless it is the application's business."""
    sources = {path.stem: path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.cpp")}
    # A long name is cut in two where the line ends.
    names = {stem: set(CPP_NAME.findall(re.sub(r'"\n\s*"', "", path.read_text()))) for stem, path in sources.items()}
    for number, line in enumerate(document.read_text().splitlines(), 1):
        place = f"{document.relative_to(ROOT)}:{number}"
        for file, name in CPP_TEST.findall(line):
            if name not in names.get(file, ()):
                yield f"{place}: no test {file}: {name}"
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        if len(cells) != 5 or cells[0].strip() in ("§", "---"):
            continue
        done, tests = cells[3].strip(), cells[4]
        if not done.startswith(("Yes", "No", "Stricter", "App")):
            yield f"{place}: neither Yes, No, Stricter nor App: {done}"
        if not done.startswith("App") and not CPP_TEST.search(tests) and not TEST.search(tests):
            yield f"{place}: no test is named"


def spelled_out(path: str) -> list[str]:
    """a.{h,cpp} -> a.h, a.cpp"""
    match = re.fullmatch(r"(.*)\{([^}]*)\}(.*)", path)
    return [match[1] + part + match[3] for part in match[2].split(",")] if match else [path]


if __name__ == "__main__":
    sys.exit(main())
