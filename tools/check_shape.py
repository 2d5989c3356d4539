"""The ceilings on file and function length, and a table of the shape of the code.

Beyond a ceiling a file or function needs a line in ACCEPTED with the reason. Run: python3 tools/check_shape.py
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("include", "src", "python", "tests", "tools", "examples", "bench", "fuzz")
FILE_LINES, TEST_FILE_LINES, FUNCTION_LINES = 600, 1000, 70

# "path" or "path:function" -> why it may be longer.
ACCEPTED = {
    "src/http/status.cpp:reason_phrase": "one flat switch: the registry, a line for each status",
}

# Code at column 0 from a line with a parameter list to the closing brace (clang-format doesn't indent namespaces),
# or indented by two when it is a member defined in its class.
CPP_FUNCTION = re.compile(r"^(  )?(?!namespace|class|struct|enum|union|#|//)(\S[^\n;]*?([~\w]+)\(.*)$")


def main() -> int:
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if is_source(path)]
    too_long = []
    for name, suffixes in {"C++": {".h", ".cpp"}, "Python": {".py"}}.items():
        lengths: list[int] = []
        functions: list[int] = []
        for path in (path for path in files if path.suffix in suffixes):
            file, text = path.relative_to(ROOT).as_posix(), path.read_text()
            ceiling = TEST_FILE_LINES if is_test(path) else FILE_LINES
            lengths.append(text.count("\n"))
            measured = list(python_functions(text) if path.suffix == ".py" else cpp_functions(text))
            functions += [lines for _, lines in measured]
            over = [(f"{file}:{function}", lines) for function, lines in measured if lines > FUNCTION_LINES]
            over += [(file, lengths[-1])] if lengths[-1] > ceiling else []
            too_long += [f"{what}: {lines} lines" for what, lines in over if what not in ACCEPTED]
        print(f"{name:<7} {len(lengths):>3} files {sum(lengths):>6} lines   {spread('file', lengths)}", end="   ")
        print(spread("function", functions))
    print(*too_long, f"{len(too_long)} over the ceiling without a reason in tools/check_shape.py", sep="\n")
    return 1 if too_long else 0


def is_source(path: Path) -> bool:
    return path.suffix in {".h", ".cpp", ".py"} and path.is_file() and "corpus" not in path.parts


def is_test(path: Path) -> bool:
    return path.stem.endswith("_test") or path.relative_to(ROOT).parts[0] == "tests"


def spread(what: str, lengths: list[int]) -> str:
    if not lengths:
        return ""
    ordered = sorted(lengths)
    return f"{what} med/p90/max {statistics.median_low(ordered)}/{ordered[len(ordered) * 9 // 10]}/{ordered[-1]}"


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def cpp_functions(text: str) -> Iterator[tuple[str, int]]:
    name, start, indent = "", 0, ""
    for number, line in enumerate(text.splitlines()):
        if name and line.startswith(indent + "}"):
            yield name, number - start + 1
            name = ""
        elif name and (line == "" or line.startswith(indent + " ")):
            continue
        else:
            match = CPP_FUNCTION.match(line)
            is_open = match and not line.rstrip().endswith((";", "}"))
            name, start = (match[3], number) if match and is_open else ("", 0)
            indent = (match[1] or "") if match else ""


if __name__ == "__main__":
    sys.exit(main())
