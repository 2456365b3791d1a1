"""Report on a batch: a summary in a few lines, and an HTML page with charts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from importlib.resources import files
from statistics import quantiles
from string import Template
from typing import Any, Final

import attrs

from dify_async.batch import Outcome, Totals
from dify_async.batch.outcome import tokens_of
from dify_async.cli.batch_progress import problem_of

_PROBLEMS: Final = 200
"""Maximum number of problems on the page."""
_BARS: Final = 40
"""Bars of a histogram."""
_DIGITS: Final = 30
"""Prices with more digits are written with an exponent."""
_WIDTH: Final = 720
_HEIGHT: Final = 140


@attrs.define(kw_only=True)
class Report:
    """A report on a batch."""

    title: str
    """Name of the file of rows."""
    rows: int
    """Number of rows in the file."""
    totals: Totals
    """The totals of the batch."""
    seconds: list[float] = attrs.Factory(list[float])
    """Time of each row that was run now and succeeded."""
    tokens: list[float] = attrs.Factory(list[float])
    """Tokens of each of these rows."""
    problems: list[str] = attrs.Factory(list[str])
    """One line for each failed row."""
    began: datetime = attrs.Factory(lambda: datetime.now(UTC))
    _clock: float = attrs.Factory(time.monotonic)
    took: float = 0.0
    """Seconds since the start."""

    def take(self, outcome: Outcome[Any], number: int) -> None:
        """Count the outcome of the row with a number."""
        self.took = time.monotonic() - self._clock
        if not outcome.ok:
            if len(self.problems) < _PROBLEMS:
                self.problems.append(problem_of(outcome, number))
        elif not outcome.resumed:
            self.seconds.append(outcome.elapsed)
            self.tokens.append(_tokens(outcome))

    def facts(self) -> list[tuple[str, str]]:
        """Return the summary, as names and values."""
        totals = self.totals
        statuses = [(status, f"{count:,}") for status, count in totals.statuses.most_common()]
        left = self.rows - totals.rows
        facts = [
            ("rows", f"{self.rows:,}"),
            *statuses,
            *([("not run", f"{left:,}")] if left else []),
            ("tokens", f"{totals.tokens:,}"),
            *([("price", _price(totals.price))] if totals.price != Decimal(0) else []),
            ("time", f"{self.took:.1f} s"),
        ]
        if self.seconds:
            low, high = _middle_and_most(self.seconds)
            facts.append(("time per row", f"median {low:.1f} s, 95 % within {high:.1f} s"))
        return facts

    def page(self) -> str:
        """Return the page: HTML that needs no other file."""
        facts = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self.facts()
        )
        problems = "".join(f"<li>{escape(problem)}</li>" for problem in self.problems)
        missing = self.totals.rows - self.totals.ok - len(self.problems)
        more = f"<p>and {missing:,} more</p>" if missing > 0 else ""
        page = Template(files("dify_async.cli").joinpath("batch_report.html").read_text(encoding="utf-8"))
        return page.substitute(
            title=escape(self.title),
            began=f"{self.began:%Y-%m-%d %H:%M} UTC",
            facts=facts,
            statuses=_shares(self.totals.statuses, self.rows),
            seconds=_histogram(self.seconds, "s"),
            tokens=_histogram(self.tokens, "tokens"),
            problems=f"<h2>Problems</h2><ol>{problems}</ol>{more}" if problems else "",
        )


def _tokens(outcome: Outcome[Any]) -> float:
    usage = outcome.usage
    with suppress(OverflowError):  # No run has that many.
        return float(tokens_of(usage)) if usage is not None else 0.0
    return 0.0


def _price(price: Decimal) -> str:
    return f"{price.normalize():f}" if abs(price.adjusted()) < _DIGITS else str(price)


def _middle_and_most(values: Sequence[float]) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


_GOOD: Final = {"succeeded": "ok", "partial-succeeded": "partly", "paused": "waits"}


def _shares(statuses: Counter[str], rows: int) -> str:
    """Return one bar of all rows, by status."""
    shown = [(status, count, _GOOD.get(status, "bad")) for status, count in statuses.most_common()]
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
        legend.append(f'<span><i class="{kind}"></i>{text}</span>')
        x += width
    bars = "".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} 28" role="img" aria-label="rows by status">{bars}</svg>'
        f'<p class="legend">{"".join(legend)}</p>'
    )


def _histogram(values: Sequence[float], unit: str) -> str:
    """Return a histogram of rows."""
    if not values or max(values) <= 0:
        return "<p>nothing to show</p>"
    step = max(values) / _BARS
    counts = Counter(min(int(value / step), _BARS - 1) for value in values)
    highest = max(counts.values())
    wide = _WIDTH / _BARS
    bars = "".join(
        f'<rect class="bar" x="{place * wide + 1:.1f}" y="{_HEIGHT * (1 - count / highest):.1f}" '
        f'width="{wide - 2:.1f}" height="{_HEIGHT * count / highest:.1f}">'
        f"<title>{_number(place * step)} to {_number((place + 1) * step)} {unit}: {count:,} rows"
        "</title></rect>"
        for place, count in sorted(counts.items())
    )
    middle, most = _middle_and_most(values)
    marks = "".join(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HEIGHT}"/><text x="{x:.1f}" y="{y}" '
        f'text-anchor="{"end" if x > _WIDTH / 2 else "start"}">{name} {_number(value)} {unit}</text>'
        for name, value, y in (("median", middle, -4), ("95 %", most, -17))
        for x in [_WIDTH * value / max(values)]
    )
    return (
        f'<svg viewBox="0 -30 {_WIDTH} {_HEIGHT + 48}" role="img" aria-label="rows by {unit}">{bars}{marks}'
        f'<text x="0" y="{_HEIGHT + 14}">0</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{_number(max(values))} {unit}</text></svg>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
