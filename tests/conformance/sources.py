"""Source packages of releases, by version and hash, from the registry that pip is set up for."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"
WORK = BUILD / "conformance"
PIP = BUILD / "venv-tools" / "bin" / "pip"


def read_sources(path: Path) -> dict[str, str]:
    """Name → requirement with version and hash."""
    lines = path.read_text().splitlines()
    return {line.partition("==")[0]: line for line in lines if line and not line.startswith("#")}


def fetch(name: str, requirement: str) -> Path:
    """The folder of the unpacked source package."""
    version = requirement.partition("==")[2].split()[0]
    folder = WORK / f"{name.replace('-', '_')}-{version}"
    if folder.is_dir():
        return folder
    WORK.mkdir(parents=True, exist_ok=True)
    wanted = WORK / f"{name}.txt"
    wanted.write_text(requirement + "\n")
    shell(PIP, "download", "-q", "--no-deps", "--no-binary", name, "--require-hashes", "-r", wanted, "-d", WORK)
    unpacking = WORK / "unpacking"
    with tarfile.open(WORK / f"{folder.name}.tar.gz") as archive:
        archive.extractall(unpacking, filter="data")
    (unpacking / folder.name).rename(folder)
    return folder


def shell(*command: str | Path) -> None:
    print("+", *command, file=sys.stderr, flush=True)
    subprocess.run(command, check=True)
