"""Small charts as SVG text, for light and dark mode: bars in panels, and lines on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

COLORS: Final = ("#64748b", "#4f46e5", "#0891b2")
"""The baseline, this SDK, and a variant of it."""
_STYLE: Final = (
    "<style>.paper{fill:#ffffff}.ink{fill:#111827}.pale{fill:#4b5563}.grid{stroke:#d1d5db}"
    "@media(prefers-color-scheme:dark){.paper{fill:#1e2129}.ink{fill:#e5e7eb}.pale{fill:#a3aab6}"
    ".grid{stroke:#454b58}}</style>"
)


class Bar(NamedTuple):
    label: str
    value: float | None
    """None: cannot be measured."""
    text: str
    color: str


class Panel(NamedTuple):
    title: str
    bars: Sequence[Bar]


def document(width: int, height: int, label: str, parts: Iterator[str]) -> str:
    """Return a whole file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        f' font-size="12" role="img" aria-label="{escape(label)}">'
    )
    paper = f'<rect width="{width}" height="{height}" rx="6" class="paper"/>'
    return "\n".join([head, _STYLE, paper, *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, style: str = "ink", anchor: str = "start", more: str = "") -> str:
    """Return one line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}"{more}>{escape(words)}</text>'
    )


# Bars

_ROW: Final = 20
_LABEL: Final = 150
_BAR: Final = 150
_VALUE: Final = 100
_PANEL: Final = _LABEL + _BAR + _VALUE
_MARGIN: Final = 16


def bars(label: str, panels: Sequence[Panel], columns: int = 2) -> str:
    """Draw panels of horizontal bars; each panel has its own scale."""
    rows = -(-len(panels) // columns)
    height_of_panel = max(len(panel.bars) for panel in panels) * _ROW + 44
    width, height = columns * _PANEL + 2 * _MARGIN, rows * height_of_panel + _MARGIN

    def parts() -> Iterator[str]:
        for place, panel in enumerate(panels):
            x = _MARGIN + place % columns * _PANEL
            yield from _panel(panel, x, _MARGIN + place // columns * height_of_panel)

    return document(width, height, label, parts())


def _panel(panel: Panel, x: int, y: int) -> Iterator[str]:
    yield text(x, y + 12, panel.title, more=' font-weight="bold"')
    most = max((bar.value for bar in panel.bars if bar.value is not None), default=1)
    for place, bar in enumerate(panel.bars):
        top = y + 22 + place * _ROW
        yield text(x + _LABEL - 8, top + 13, bar.label, "pale", "end")
        length = 0 if bar.value is None else max(2.0, bar.value / most * _BAR)
        if length:
            size = f'width="{length:.1f}" height="{_ROW - 6}"'
            yield f'<rect x="{x + _LABEL}" y="{top + 2}" {size} rx="2" fill="{bar.color}"/>'
        yield text(x + _LABEL + length + 6, top + 13, bar.text)


# Lines

_PLOT_WIDTH: Final = 330
_PLOT_HEIGHT: Final = 230
_LEFT: Final = 58


class Chart(NamedTuple):
    title: str
    x_title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    """The points of each line."""


def _decades(values: Sequence[float]) -> tuple[int, int]:
    positive = [value for value in values if value > 0] or [1]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return low, max(high, low + 1)


def _tick(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def lines(label: str, charts: Sequence[Chart]) -> str:
    """Draw charts side by side; both axes of each are logarithmic."""
    cell = _LEFT + _PLOT_WIDTH + 24
    width, height = len(charts) * cell + _MARGIN, _PLOT_HEIGHT + 112

    def parts() -> Iterator[str]:
        for place, chart in enumerate(charts):
            yield from _chart(chart, _MARGIN + _LEFT + place * cell - 16, 40)
        for place, name in enumerate(charts[0].lines):
            x = _MARGIN + 28 + place * 190
            yield f'<circle cx="{x}" cy="{height - 18}" r="5" fill="{COLORS[place]}"/>'
            yield text(x + 10, height - 14, name)

    return document(width, height, label, parts())


def _chart(chart: Chart, left: int, top: int) -> Iterator[str]:
    points = [point for line in chart.lines.values() for point in line]
    x_low, x_high = _decades([x for x, _ in points])
    y_low, y_high = _decades([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(max(y, 10.0**y_low)) - y_low) / (y_high - y_low)
        return left + across * _PLOT_WIDTH, top + (1 - up) * _PLOT_HEIGHT

    yield text(left, top - 16, chart.title, more=' font-weight="bold"')
    for power in range(x_low, x_high + 1):
        x, y = at(10.0**power, 10.0**y_low)
        yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{y:.1f}" class="grid"/>'
        yield text(x, y + 16, _tick(power), "pale", "middle")
    for power in range(y_low, y_high + 1):
        x, y = at(10.0**x_low, 10.0**power)
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + _PLOT_WIDTH}" y2="{y:.1f}" class="grid"/>'
        yield text(left - 6, y + 4, _tick(power), "pale", "end")
    yield text(left + _PLOT_WIDTH / 2, top + _PLOT_HEIGHT + 34, chart.x_title, "pale", "middle")
    for place, line in enumerate(chart.lines.values()):
        color = COLORS[place]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        for x, y in (at(*point) for point in line):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>'
