"""What docs/testing.md shows is what runs: each block of Python in it is a run of lines of a file in examples/testing,
and each of those passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "testing"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
RECIPES = sorted(path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("test_*.py"))


def test_every_block_of_python_in_the_guide_is_in_a_recipe() -> None:
    recipes = [path.read_text() for path in EXAMPLES.rglob("*.py")]
    blocks = [match[1] for match in BLOCK.finditer((ROOT / "docs" / "testing.md").read_text())]
    strange = [block for block in blocks if not any(is_excerpt(block, recipe) for recipe in recipes)]
    assert not strange, "\n".join(strange)


def is_excerpt(block: str, text: str) -> bool:
    wanted, lines = textwrap.dedent(block).splitlines(), text.splitlines()
    starts = range(len(lines) - len(wanted) + 1)
    return any(
        textwrap.dedent("\n".join(lines[start : start + len(wanted)])).splitlines() == wanted for start in starts
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_every_recipe_passes(recipe: Path) -> None:
    folder = (EXAMPLES / recipe).parent
    # Where this is not installed, the package is on the path, and its plugin has no entry point.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    environment = {**ours, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", str(folder), recipe.name],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if " passed" not in done.stdout:
        pytest.skip(done.stdout)  # what it needs isn't here: a browser
