"""Finds the CPythons that the tests run on, and fetches what is missing.

    python3 tools/interpreters.py find      one line per version: "3.13 /path/to/python", or "3.14 -" if there is none
    python3 tools/interpreters.py fetch     downloads the missing ones that Maven Central has, then prints the same

An interpreter counts when it can make an environment and build an extension: it has ensurepip, ssl and Python.h.
Looked for on the PATH, in pyenv, and in build/python-3.X, where fetch() puts them.
"""

from __future__ import annotations

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build"
REQUIRED = ("3.11", "3.13", "3.14")
WELCOME = ("3.12",)  # tested where it is there, never fetched

# A whole CPython with headers in a jar, made for Java programs that embed it: version → release, sha256.
ARTIFACT = "org.bytedeco:cpython:{release}:jar:linux-x86_64"
RELEASES = {
    "3.13": ("3.13.5-1.5.12", "50ad91aa0baa57f0235bb666b87d8bf2a44e215d28c250de1030502906af143b"),
    "3.14": ("3.14.3-1.5.13", "eb5f1a6fe2dc498ac18927189a37f28a47b0ba06ae6bd85112eff023fe2eb46f"),
}
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"

PROBE = """
import ensurepip, json, os, ssl, sys, sysconfig
header = os.path.join(sysconfig.get_path("include"), "Python.h")
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
usable = os.path.exists(header) and not free_threaded and sys.prefix == sys.base_prefix
print(json.dumps(["%d.%d" % sys.version_info[:2], sys.executable if usable else ""]))
"""


def main(command: str) -> None:
    found = {version: find(version) for version in sorted({*REQUIRED, *WELCOME}, key=by_number)}
    for version in RELEASES if command == "fetch" else ():
        found[version] = found[version] or fetch(version)
    for version, path in found.items():
        if path or version in REQUIRED:
            print(version, path or "-")


def by_number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def find(version: str) -> str:
    return next(filter(None, (probe(path, version) for path in candidates(version))), "")


def candidates(version: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder) / f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    releases = (path for path in pyenv.glob(f"{version}.*") if path.name.replace(".", "").isdigit())
    for release in sorted(releases, key=lambda path: by_number(path.name), reverse=True):
        yield release / "bin" / f"python{version}"
    yield fetched(version)


def fetched(version: str) -> Path:
    return BUILD / f"python-{version}" / "bin" / f"python{version}"


def probe(path: Path, version: str) -> str:
    """The interpreter's own name for itself (not a pyenv shim's), or "" when it is none, or of no use."""
    if not os.access(path, os.X_OK):
        return ""
    # -I: an environment variable of the caller's must not decide what we see.
    result = subprocess.run([path, "-I", "-c", PROBE], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return ""
    its_version, executable = json.loads(result.stdout)
    return str(executable) if its_version == version else ""


def fetch(version: str) -> str:
    try:
        unpack(download(version), BUILD / f"python-{version}")
    except (OSError, subprocess.CalledProcessError, ValueError) as error:
        print(f"could not fetch CPython {version}: {error}", file=sys.stderr)
    return probe(fetched(version), version)


def download(version: str) -> Path:
    release, sha256 = RELEASES[version]
    jar = BUILD / "downloads" / f"cpython-{release}-linux-x86_64.jar"
    if not jar.exists():
        command = ["mvn", "-B", "-q", "-U", "-Dstyle.color=never", MAVEN_COPY]
        command += [f"-Dartifact={ARTIFACT.format(release=release)}", f"-DoutputDirectory={jar.parent}"]
        print("+", *command, file=sys.stderr)
        subprocess.run(command, check=True, stdout=sys.stderr)
    if hashlib.sha256(jar.read_bytes()).hexdigest() != sha256:
        jar.unlink()
        raise ValueError(f"{jar.name} is not the file that was tested: its SHA-256 differs")
    return jar


def unpack(jar: Path, prefix: Path) -> None:
    shutil.rmtree(prefix, ignore_errors=True)
    unpacking = prefix.with_suffix(".unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    with zipfile.ZipFile(jar) as archive:
        archive.extractall(unpacking)
    (unpacking / "org/bytedeco/cpython/linux-x86_64").rename(prefix)
    shutil.rmtree(unpacking)
    for program in (prefix / "bin").iterdir():
        program.chmod(0o755)
    point_at(prefix)


def point_at(prefix: Path) -> None:
    """The recorded paths (sysconfig, pkg-config) are those of the machine that built it; compilers need ours.

    The library lies beside bin/, where the interpreter finds it by its run path; whoever embeds looks in lib/.
    """
    (standard_library,) = prefix.glob("lib/python3.*")
    (standard_library / "libffi.so.8").symlink_to("../../libffi.so.8")
    for library in prefix.glob("libpython3.*.so.1.0"):
        (prefix / "lib" / library.name).symlink_to(Path("..") / library.name)
        (prefix / "lib" / library.name.removesuffix(".1.0")).symlink_to(library.name)
    (data,) = standard_library.glob("_sysconfigdata_*.py")
    include: str = runpy.run_path(str(data))["build_time_vars"]["INCLUDEPY"]
    recorded = include.rpartition("/include/")[0].encode()
    for path in prefix.rglob("*"):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if recorded in content and b"\0" not in content:
            path.write_bytes(content.replace(recorded, str(prefix).encode()))


if __name__ == "__main__":
    if sys.argv[1:] not in (["find"], ["fetch"]):
        sys.exit(__doc__)
    main(sys.argv[1])
