"""The C++ and CMake in docs/cpp.md is what the examples compile and run: every such block is a run of lines of one of
these files, but for a common indentation.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "cpp.md"
SOURCES = {
    "cpp": sorted((ROOT / "examples" / "cpp").glob("*.cpp")),
    "cmake": [ROOT / "tests" / "packaging" / "CMakeLists.txt"],
}
BLOCK = re.compile(r"^```(cpp|cmake)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def main() -> int:
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    strange = [block for block in blocks if not is_excerpt(block[2], SOURCES[block[1]])]
    for block in strange:
        line = text.count("\n", 0, block.start()) + 1
        print(f"{DOCUMENT.relative_to(ROOT)}:{line}: no example has these lines")
    print(f"{len(blocks)} blocks of code, {len(strange)} that no example has")
    return 1 if strange or not blocks else 0


def is_excerpt(block: str, files: list[Path]) -> bool:
    wanted = textwrap.dedent(block).splitlines()
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        for start in range(len(lines) - len(wanted) + 1):
            window = "\n".join(lines[start : start + len(wanted)])
            if textwrap.dedent(window).splitlines() == wanted:
                return True
    return False


if __name__ == "__main__":
    sys.exit(main())
