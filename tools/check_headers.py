"""Each public header compiles alone. What compiled is remembered until a header changes.

Run: python3 tools/check_headers.py
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = ROOT / "build" / "stamps" / "check_headers"
COMPILE = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Iinclude"]


def main() -> int:
    headers = sorted((ROOT / "include").rglob("*.h"))
    command = [os.environ.get("CXX", "g++"), *COMPILE]
    key = hashlib.sha256(repr(command).encode() + b"".join(path.read_bytes() for path in headers)).hexdigest()
    if STAMP.exists() and STAMP.read_text() == key:
        print(f"{len(headers)} public headers compile alone (unchanged since the last time)")
        return 0
    compilers = []
    for path in headers:
        # Through stdin, because "#pragma once in main file" is a warning.
        source = f'#include "{path.relative_to(ROOT / "include")}"\n'
        compiler = subprocess.Popen([*command, "-"], stdin=subprocess.PIPE, cwd=ROOT, text=True)
        assert compiler.stdin
        compiler.stdin.write(source)
        compiler.stdin.close()
        compilers.append((path, compiler))
    failed = [path.relative_to(ROOT) for path, compiler in compilers if compiler.wait() != 0]
    for path in failed:
        print(f"{path} doesn't compile alone")
    if not failed:
        STAMP.parent.mkdir(parents=True, exist_ok=True)
        STAMP.write_text(key)
        print(f"{len(headers)} public headers compile alone")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
