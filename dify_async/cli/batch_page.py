"""The report on a batch as an HTML page that needs no other file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from dify_async.cli.batch_report import Failures, Report, median_and_most

_RANGES: Final = 30
"""Ranges of row numbers that are listed for one kind of failure."""
_WIDTH: Final = 720
_HEIGHT: Final = 150
_LEFT: Final = 60
"""Room for the labels of the vertical axis."""
_BARS_PER_TICK: Final = 6
_STATUSES: Final = {"succeeded": "ok", "partial-succeeded": "partly", "paused": "waits"}
"""Colors by status. Other statuses have the color of failures."""


def page_of(report: Report) -> str:
    """Return the page."""
    page = Template(files("dify_async.cli").joinpath("batch_report.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(report.title),
        began=f"{report.began:%Y-%m-%d %H:%M} UTC",
        facts="".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in report.facts()
        ),
        statuses=_shares(report.totals.statuses, report.rows),
        failures=_failures(list(report.failures.values())),
        slowest=_slowest(report),
        seconds=_histogram(report.seconds, "s"),
        tokens=_histogram(report.tokens, "tokens"),
    )


def row_ranges(numbers: Sequence[int]) -> str:
    """Return row numbers as text, with ranges: 1, 3-5, 9."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    shown = ", ".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges[:_RANGES])
    more = sum(last - first + 1 for first, last in ranges[_RANGES:])
    return f"{shown} and {more:,} more" if more else shown


def ticks_to(highest: float, *, count: int, whole: bool = False) -> list[float]:
    """Return round numbers from 0 to `highest` or a little more, about `count` of them.

    Args:
        highest: The largest value, above 0.
        count: The number of ticks.
        whole: True for whole numbers only.
    """
    rough = highest / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    if whole:
        step = max(1.0, float(math.ceil(step)))
    return [step * place for place in range(math.ceil(highest / step * 0.999) + 1)]


def _failures(kinds: Sequence[Failures]) -> str:
    if not kinds:
        return ""
    rows = "".join(
        f"<tr><td class=n>{len(kind.rows):,}</td><td>{escape(kind.example)}"
        f"<small>rows {escape(row_ranges(kind.rows))}</small></td></tr>"
        for kind in sorted(kinds, key=lambda kind: -len(kind.rows))
    )
    return (
        "<h2>Failures</h2><p>By kind of error: the number of rows, the first error, and the rows.</p>"
        f"<div class=wide><table><tr><th class=n>rows</th><th>error</th></tr>{rows}</table></div>"
    )


def _slowest(report: Report) -> str:
    if not report.slowest:
        return "<p>No row was run.</p>"
    rows = "".join(
        f"<tr><td class=n>{row.number:,}</td><td class=n>{row.seconds:.1f} s</td>"
        f"<td class=n>{row.tokens:,.0f}</td><td>{escape(row.status)}"
        f"<small><code>{escape(row.inputs)}</code></small></td></tr>"
        for row in sorted(report.slowest, reverse=True)
    )
    head = "<tr><th class=n>row</th><th class=n>time</th><th class=n>tokens</th><th>status, inputs</th>"
    return f"<div class=wide><table>{head}</tr>{rows}</table></div>"


def _shares(statuses: Counter[str], rows: int) -> str:
    """Return one bar of all rows, by status."""
    shown = [(status, count, _STATUSES.get(status, "bad")) for status, count in statuses.most_common()]
    left = rows - statuses.total()
    if left > 0:
        shown.append(("not run", left, "left"))
    parts: list[str] = []
    legend: list[str] = []
    x = 0.0
    for status, count, kind in shown:
        width = _WIDTH * count / rows
        text = escape(f"{status}: {count:,}")
        parts.append(
            f'<rect class="{kind}" x="{x:.1f}" width="{width:.1f}" height="28"><title>{text}</title></rect>'
        )
        legend.append(f'<span><i class="{kind}"></i>{text} ({count / rows:.1%})</span>')
        x += width
    bars = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} 28" role="img" aria-label="rows by status">{bars}</svg>'
        f'<p class="legend">{"".join(legend)}</p>'
    )


def _histogram(values: Sequence[float], unit: str) -> str:
    """Return a histogram of rows, with axes."""
    if not values or max(values) <= 0:
        return "<p>Nothing to show.</p>"
    across = ticks_to(max(values), count=6)
    width = across[1] / _BARS_PER_TICK
    bins = _BARS_PER_TICK * (len(across) - 1)
    counts = Counter(min(int(value / width), bins - 1) for value in values)
    up = ticks_to(max(counts.values()), count=3, whole=True)
    x_scale, y_scale = (_WIDTH - _LEFT) / across[-1], _HEIGHT / up[-1]
    bars = "".join(
        f'<rect class="bar" x="{_LEFT + place * width * x_scale + 0.5:.1f}" '
        f'y="{_HEIGHT - count * y_scale:.1f}" width="{width * x_scale - 1:.1f}" '
        f'height="{count * y_scale:.1f}"><title>{_number(place * width)} to {_number((place + 1) * width)} '
        f"{unit}: {count:,} rows</title></rect>"
        for place, count in sorted(counts.items())
    )
    low, high = median_and_most(values)
    marks = "".join(
        f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}"/>'
        for name, value in (("median", low), ("most", high))
        for x in [_LEFT + value * x_scale]
    )
    return (
        f'<svg viewBox="0 -18 {_WIDTH} {_HEIGHT + 50}" role="img" aria-label="rows by {unit}">'
        f"{''.join(_grid(up, y_scale))}{bars}{marks}{''.join(_labels(across, x_scale, unit))}</svg>"
        f'<p class="legend"><span><i class="median"></i>median {_number(low)} {unit}</span>'
        f'<span><i class="most"></i>95 % within {_number(high)} {unit}</span>'
        f"<span>vertical axis: number of rows</span></p>"
    )


def _grid(ticks: Sequence[float], scale: float) -> Iterator[str]:
    for tick in ticks:
        y = _HEIGHT - tick * scale
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,.0f}</text>'


def _labels(ticks: Sequence[float], scale: float, unit: str) -> Iterator[str]:
    for place, tick in enumerate(ticks):
        x = _LEFT + tick * scale
        text = f"{_number(tick)} {unit}" if place == len(ticks) - 1 else _number(tick)
        anchor = "end" if place == len(ticks) - 1 else "middle"
        few = "" if place in {0, len(ticks) - 1} or place == len(ticks) // 2 else ' class="more"'
        yield f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{_HEIGHT}" y2="{_HEIGHT + 5}"/>'
        yield f'<text{few} x="{x:.1f}" y="{_HEIGHT + 24}" text-anchor="{anchor}">{text}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
