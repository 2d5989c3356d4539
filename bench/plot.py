"""Bar charts as SVG, written by hand: one bar a server, the value and the ratio beside it, ours highlighted.

The colours are chosen by the reader's scheme, light or dark, and the background is left to the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.faint { fill: #57606a; }
.ours { font-weight: 600; }
.bar { fill: #8c959f; }
.bar.ours { fill: #1a7f5a; }
.bar.floor { fill: #c8ced5; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .faint { fill: #9da7b3; }
  .bar { fill: #6e7681; }
  .bar.ours { fill: #3fb27f; }
  .bar.floor { fill: #444c56; }
}
"""
_WIDTH = 760
_LABELS = 195  # width of the servers' names
_VALUES = 190  # width of what stands behind a bar
_TOP = 54
_STEP = 28
_THICKNESS = 18


@dataclass(frozen=True)
class Bar:
    name: str
    value: float
    label: str  # the value as it is to be read, with its ratio
    kind: str = ""  # "ours", "floor" or ""


def _bar(bar: Bar, index: int, largest: float) -> str:
    y = _TOP + index * _STEP
    width = max(1.0, bar.value / largest * (_WIDTH - _LABELS - _VALUES))
    weight = f' class="{bar.kind}"' if bar.kind == "ours" else ""
    middle = y + _THICKNESS / 2 + 4.5
    return (
        f'<text{weight} x="{_LABELS - 10}" y="{middle}" text-anchor="end">{escape(bar.name)}</text>'
        f'<rect class="bar {bar.kind}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_THICKNESS}" rx="2"/>'
        f'<text{weight} x="{_LABELS + width + 8:.1f}" y="{middle}">{escape(bar.label)}</text>'
    )


def chart(title: str, subtitle: str, bars: list[Bar]) -> str:
    """The smallest value on top: less is better in everything that is drawn here."""
    ordered = sorted(bars, key=lambda bar: bar.value)
    largest = max(bar.value for bar in bars)
    height = _TOP + len(bars) * _STEP + 6
    body = "\n".join(_bar(bar, index, largest) for index, bar in enumerate(ordered))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n'
        f'<text class="title" x="10" y="20">{escape(title)}</text>\n'
        f'<text class="faint" x="10" y="39">{escape(subtitle)}</text>\n{body}\n</svg>\n'
    )
