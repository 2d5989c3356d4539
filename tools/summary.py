"""Sums up a run of `./dev test`: a line for each suite, then how many passed and failed, alone on the last line.

A suite left build/results/<name>.status (what it exited with, and its seconds), .log, and perhaps .xml in JUnit's
format. Exits with 1 when anything failed.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

BUILD = Path(__file__).resolve().parent.parent / "build"
RESULTS = BUILD / "results"

DOCTEST = re.compile(r"\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed")
VERDICT = re.compile(r"^(ok|FAILED)  +\S", re.MULTILINE)
# What pytest and ctest say about themselves at the end.
CLOSING = re.compile(r"^=* ?(\d+ (?:passed|failed|error|skipped).* in .*?) ?=*$|^(\d+% tests .*)$", re.MULTILINE)


@dataclass
class Count:
    passed: int = 0
    failed: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed)


def main() -> int:
    print("\n== summary")
    total = Count()
    for status in sorted(RESULTS.glob("*.status")):
        total += report(status)
    for version in missing_interpreters():
        is_failure = os.environ.get("CI") == "true"
        total.failed += is_failure
        print(line("FAILED" if is_failure else "-", f"python-{version}", "not tested: not found, and not fetched"))
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


def line(verdict: str, suite: str, told: str) -> str:
    return f"{verdict:<8}{suite:<13} {told}".rstrip()


def report(status: Path) -> Count:
    log = status.with_suffix(".log").read_text(errors="replace")
    count = of_verdicts(log)
    if (xml := RESULTS / f"{status.stem}.xml").exists():
        count += of_junit(xml)
    code, seconds = status.read_text().split()
    succeeded = code == "0"
    if not succeeded and count.failed == 0:
        count.failed = 1  # it ended before a test could fail: the build, a crash
    closing = ["".join(match) for match in CLOSING.findall(log)]
    counted = f"{count.passed:>5} passed {count.failed:>3} failed" if count != Count() else ""
    told = f"{seconds:>4} s   {counted}   {closing[-1] if closing else ''}"
    print(line("ok" if succeeded else "FAILED", status.stem, told))
    return count


def of_verdicts(log: str) -> Count:
    verdicts = VERDICT.findall(log)
    return Count(verdicts.count("ok"), verdicts.count("FAILED"))


def of_junit(xml: Path) -> Count:
    """A doctest program is one case to ctest, but counts as the cases that it tells of in its output."""
    count = Count()
    try:
        cases = list(ElementTree.parse(xml).getroot().iter("testcase"))
    except ElementTree.ParseError:
        return Count(failed=1)
    for case in cases:
        failed = case.find("failure") is not None or case.find("error") is not None
        inner = DOCTEST.search(case.findtext("system-out") or "")
        if inner:
            count += Count(int(inner[2]), max(int(inner[3]), int(failed)))
        elif failed:
            count += Count(failed=1)
        elif case.find("skipped") is None:
            count += Count(passed=1)
    return count


def missing_interpreters() -> list[str]:
    lines = (BUILD / "interpreters").read_text().splitlines()
    return [line.removesuffix(" -") for line in lines if line.endswith(" -")]


if __name__ == "__main__":
    sys.exit(main())
