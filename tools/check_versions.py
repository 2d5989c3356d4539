"""One version everywhere: CMakeLists.txt, pyproject.toml, the Python package, the newest entry of CHANGELOG.md.

Run: python3 tools/check_versions.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NUMBER = r"(\d+\.\d+\.\d+)"
# Where a version is written, and how. A place that says "dynamic" derives it, so it can't differ.
PLACES = {
    "CMakeLists.txt": rf"project\(\s*outrider\s[^)]*?VERSION\s+{NUMBER}",
    "pyproject.toml": rf'(?m)^version\s*=\s*"{NUMBER}|^dynamic\s*=.*"version"',
    "python/outrider/__init__.py": rf'(?m)^__version__\s*=\s*"{NUMBER}|^from outrider\.\S+ import .*__version__',
    "CHANGELOG.md": rf"(?m)^#+ *\[?{NUMBER}",
}
OPTIONAL = {"python/outrider/_version.py": rf'(?m)^__version__\s*=\s*"{NUMBER}'}


def main() -> int:
    versions: dict[str, str] = {}
    for file, pattern in (PLACES | OPTIONAL).items():
        path = ROOT / file
        match = re.search(pattern, path.read_text()) if path.exists() else None
        if match and match[1] is None:
            continue
        if match or file not in OPTIONAL:
            versions[file] = match[1] if match else "missing"
    for file, version in versions.items():
        print(f"{version:<10} {file}")
    return 0 if len(set(versions.values()) | {"missing"}) == 2 else 1


if __name__ == "__main__":
    sys.exit(main())
