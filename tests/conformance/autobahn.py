"""The Autobahn test suite, its fuzzing client, against both faces of a live Outrider.

    ./dev autobahn [python] [cpp] [--short | --cases 1.*,2.*] [--report FILE]

The suite is a program for Python 2.7, installed from PyPI into build/conformance by the interpreter that is found: on
the PATH, or among pyenv's. Its full reports, with every byte that was exchanged, go to build/conformance/reports; the
summary of a whole run to AUTOBAHN.md beside this file. Fails when a case isn't OK, informational, or non-strict with a
reason in NON_STRICT.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
SUITE = BUILD / "conformance" / "autobahn"
REPORTS = BUILD / "conformance" / "reports"
REQUIREMENT = "autobahntestsuite==0.8.2"

# The suite opens its packages' namespaces by .pth files, which only a folder for sites has read.
WSTEST = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"

# --short: of compression's cases the first ten of each eighteen, which leaves the largest messages out.
SHORT = [
    *(f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 9, 10)),
    *(f"12.{group}.{case}" for group in range(1, 6) for case in range(1, 11)),
    *(f"13.{group}.{case}" for group in range(1, 8) for case in range(1, 11)),
]

# How long the whole of it may take: compression's cases are slow in the suite's client.
SECONDS_MAX = 3600

# A case that isn't strict -> why.
NON_STRICT: dict[str, str] = {}

CATEGORIES = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits, performance",
    "10": "automatic fragmentation",
    "12": "compression, different sizes",
    "13": "compression, different parameters",
}
GOOD = ("OK", "INFORMATIONAL", "NON-STRICT")


def main() -> int:
    parser = argparse.ArgumentParser(description="Autobahn's test suite against a live Outrider")
    parser.add_argument("faces", nargs="*", choices=("python", "cpp", []), help="both by default")
    parser.add_argument("--cases", default="*", help="such as 1.*,12.1.*")
    parser.add_argument("--short", action="store_true", help="without compression's largest messages")
    parser.add_argument("--report", type=Path, help="where the summary goes; by default printed, of all cases kept")
    options = parser.parse_args()
    cases = SHORT if options.short else options.cases.split(",")
    wstest = install_suite()
    outcomes: dict[str, dict[str, dict[str, Any]]] = {}
    seconds: dict[str, float] = {}
    for face in options.faces or ("python", "cpp"):
        began = time.monotonic()
        with echo_server(face) as url:
            outcomes[face] = run_suite(wstest, face, url, cases)
        seconds[face] = time.monotonic() - began
    text = summary(outcomes, seconds)
    report = options.report or (HERE / "AUTOBAHN.md" if options.cases == "*" and not options.faces else None)
    if report is not None:
        report.write_text(text)
    print(text)
    bad = sorted(set(find_bad(outcomes)))
    for line in bad:
        print(line)
    return 1 if bad else 0


def install_suite() -> list[str]:
    """The command line of the suite."""
    python = find_python2()
    made = SUITE / ".made"
    if not made.exists():
        shutil.rmtree(SUITE, ignore_errors=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--target", str(SUITE), REQUIREMENT], check=True)
        made.touch()
    return [python, "-c", WSTEST, str(SUITE)]


def find_python2() -> str:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [str(place) for place in sorted(pyenv.glob("2.7*/bin/python2.7"))]
    for place in [*places, shutil.which("python2.7") or ""]:
        if (
            place
            and subprocess.run([place, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
        ):
            return place
    sys.exit("Autobahn's test suite needs Python 2.7 with pip: there is none on the PATH, nor among pyenv's versions")


@contextmanager
def echo_server(face: str) -> Iterator[str]:
    """A server in a process of its own; gives its URL."""
    command = {
        "python": [sys.executable, str(HERE / "echo_server.py")],
        "cpp": [str(BUILD / "release" / "bench" / "cpp_websocket"), "0"],
    }[face]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            sys.exit(f"{' '.join(command)} didn't start")
        yield url.replace("http://", "ws://")
    finally:
        process.terminate()
        process.wait(30)


def run_suite(wstest: list[str], face: str, url: str, cases: list[str]) -> dict[str, dict[str, Any]]:
    folder = REPORTS / face
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    specification = {
        "outdir": str(folder),
        "servers": [{"agent": face, "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(specification))
    with (folder / "wstest.log").open("w") as log:
        command = [*wstest, "-m", "fuzzingclient", "-s", str(folder / "spec.json")]
        subprocess.run(command, stdout=log, stderr=log, check=True, timeout=SECONDS_MAX)
    found: dict[str, dict[str, Any]] = json.loads((folder / "index.json").read_text())[face]
    return found


def find_bad(outcomes: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    for face, cases in outcomes.items():
        if not cases:
            yield f"{face}: no case ran"
        for case, outcome in cases.items():
            for what in ("behavior", "behaviorClose"):
                is_good = outcome[what] in GOOD and (outcome[what] != "NON-STRICT" or case in NON_STRICT)
                if not is_good:
                    yield f"{face}: case {case}: {what} {outcome[what]} (build/conformance/reports/{face})"


def by_category(cases: dict[str, dict[str, Any]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for case, outcome in cases.items():
        kinds = {outcome["behavior"], outcome["behaviorClose"]} - {"OK"}
        # The worse of the two.
        kind = next(iter(sorted(kinds - {"INFORMATIONAL"})), "INFORMATIONAL" if kinds else "OK")
        found.setdefault(case.partition(".")[0], Counter())[kind] += 1
    return found


def summary(outcomes: dict[str, dict[str, dict[str, Any]]], seconds: dict[str, float]) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    counted = {face: by_category(cases) for face, cases in outcomes.items()}
    lines = [
        "# Autobahn's test suite",
        "",
        f"`./dev autobahn`: {REQUIREMENT.replace('==', ' ')}, its fuzzing client, against an echo server of each face.",
        "*Informational* cases have no right answer; *non-strict* ones are allowed by RFC 6455, but late or other than",
        "the suite would have it.",
        "",
        f"{today}:",
        "",
        "| cases | " + " | ".join(outcomes) + " |",
        "|---|" + "---|" * len(outcomes),
    ]
    for category in sorted({name for counts in counted.values() for name in counts}, key=int):
        cells = [describe(counts.get(category, Counter())) for counts in counted.values()]
        lines.append(f"| {category}: {CATEGORIES.get(category, '')} | " + " | ".join(cells) + " |")
    totals = [describe(sum(counts.values(), Counter())) for counts in counted.values()]
    lines.append("| all | " + " | ".join(totals) + " |")
    lines.append("| seconds, the suite's client included | " + " | ".join(f"{s:.0f}" for s in seconds.values()) + " |")
    lines += ["", *(f"- {case}: {why}" for case, why in NON_STRICT.items())]
    return "\n".join(lines).rstrip() + "\n"


def describe(counts: Counter[str]) -> str:
    words = {"OK": "OK", "INFORMATIONAL": "informational", "NON-STRICT": "non-strict"}
    return ", ".join(f"{counts[kind]} {words.get(kind, kind)}" for kind in sorted(counts, key=lambda k: k != "OK"))


if __name__ == "__main__":
    sys.exit(main())
