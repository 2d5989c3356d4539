"""Latencies with and without something, compared so that a noisy machine doesn't decide.

Windows with and without it take turns. For a median and for a 99th percentile, the figure is the median over the
windows: a neighbour's burst spoils a window, not the figure. The noise is what the same statistic says of windows that
should be equal: those without it, every other one against the rest.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from children import Child, Trouble


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass
class Windows:
    """A median and a 99th percentile of each window, in µs."""

    medians: list[float] = field(default_factory=list)
    tails: list[float] = field(default_factory=list)

    def add(self, latencies: list[float]) -> None:
        self.medians.append(statistics.median(latencies))
        self.tails.append(percentile(latencies, 0.99))

    def typical(self) -> tuple[float, float]:
        return statistics.median(self.medians), statistics.median(self.tails)


def ratio(of: list[float], to: list[float]) -> float:
    return statistics.median(of) / statistics.median(to)


@dataclass
class Comparison:
    without: Windows = field(default_factory=Windows)
    with_it: Windows = field(default_factory=Windows)

    def ratios(self) -> tuple[float, float]:
        """Of the median, of the 99th percentile."""
        return ratio(self.with_it.medians, self.without.medians), ratio(self.with_it.tails, self.without.tails)

    def noise(self) -> tuple[float, float]:
        """The same between windows without it: 1.0 where there is none; the larger over the smaller."""

        def between(values: list[float]) -> float:
            found = ratio(values[::2], values[1::2])
            return max(found, 1 / found)

        return between(self.without.medians), between(self.without.tails)

    def __str__(self) -> str:
        median, tail = self.without.typical()
        with_median, with_tail = self.with_it.typical()
        ratios, noise = self.ratios(), self.noise()
        return (
            f"median {median:.0f} -> {with_median:.0f} µs (x{ratios[0]:.2f}, noise x{noise[0]:.2f}), "
            f"p99 {tail:.0f} -> {with_tail:.0f} µs (x{ratios[1]:.2f}, noise x{noise[1]:.2f})"
        )


@dataclass
class Comparisons:
    """On a connection that is kept, and on fresh ones."""

    kept: Comparison = field(default_factory=Comparison)
    fresh: Comparison = field(default_factory=Comparison)

    def warm_up(self, probe: Child) -> None:
        probe.ask("1", 40)

    def measure(self, probe: Child, seconds: float, with_it: bool) -> None:
        answer: dict[str, Any] = probe.ask(str(seconds), seconds + 40)
        if answer["wrong"]:
            raise Trouble(f"{answer['wrong']} answers to the normal client were wrong")
        for comparison, latencies in ((self.kept, answer["kept"]), (self.fresh, answer["fresh"])):
            (comparison.with_it if with_it else comparison.without).add(latencies)

    def worst(self) -> float:
        return max(*self.kept.ratios(), *self.fresh.ratios())
