"""What a batch came to: a summary in a few lines, and a page with pictures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from importlib.resources import files
from statistics import quantiles
from string import Template
from typing import Any, Final

import attrs

from dify_async.batch import Outcome, Totals
from dify_async.cli.progress import problem_of

_PROBLEMS: Final = 200
"""Problems that a page lists at most."""
_BARS: Final = 40
"""Of a histogram."""
_WIDTH: Final = 720
_HEIGHT: Final = 140


@attrs.define(kw_only=True)
class Report:
    """What a batch has come to."""

    title: str
    """The file's name."""
    rows: int
    """How many rows there are."""
    totals: Totals
    """The batch's own."""
    seconds: list[float] = attrs.Factory(list[float])
    """How long each row took that came to a good end now."""
    tokens: list[float] = attrs.Factory(list[float])
    """What each of them used."""
    problems: list[str] = attrs.Factory(list[str])
    began: datetime = attrs.Factory(lambda: datetime.now(UTC))
    _clock: float = attrs.Factory(time.monotonic)
    took: float = 0.0
    """Seconds, all in all."""

    def take(self, outcome: Outcome[Any]) -> None:
        """Count an outcome."""
        self.took = time.monotonic() - self._clock
        if not outcome.ok:
            if len(self.problems) < _PROBLEMS:
                self.problems.append(problem_of(outcome))
        elif outcome.attempts:
            self.seconds.append(outcome.elapsed)
            self.tokens.append((outcome.usage.total_tokens or 0) if outcome.usage is not None else 0)

    def facts(self) -> list[tuple[str, str]]:
        """Give the summary: names and values."""
        totals = self.totals
        statuses = [(status, f"{count:,}") for status, count in totals.statuses.most_common()]
        left = self.rows - totals.rows
        facts = [
            ("rows", f"{self.rows:,}"),
            *statuses,
            *([("not done", f"{left:,}")] if left else []),
            ("tokens", f"{totals.tokens:,}"),
            *([("price", f"{totals.price.normalize():f}")] if totals.price != Decimal(0) else []),
            ("time", f"{self.took:.1f} s"),
        ]
        if self.seconds:
            low, high = _middle_and_most(self.seconds)
            facts.append(("time of a row", f"median {low:.1f} s, 95 % within {high:.1f} s"))
        return facts

    def page(self) -> str:
        """Give the page: one file of HTML that needs no other."""
        facts = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self.facts()
        )
        problems = "".join(f"<li>{escape(problem)}</li>" for problem in self.problems)
        missing = self.totals.rows - self.totals.ok - len(self.problems)
        more = f"<p>and {missing:,} more</p>" if missing > 0 else ""
        page = Template(files("dify_async.cli").joinpath("report.html").read_text(encoding="utf-8"))
        return page.substitute(
            title=escape(self.title),
            began=f"{self.began:%Y-%m-%d %H:%M} UTC",
            facts=facts,
            statuses=_shares(self.totals.statuses, self.rows),
            seconds=_histogram(self.seconds, "s"),
            tokens=_histogram(self.tokens, "tokens"),
            problems=f"<h2>What went wrong</h2><ol>{problems}</ol>{more}" if problems else "",
        )


def _middle_and_most(values: Sequence[float]) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


_GOOD: Final = {"succeeded": "ok", "partial-succeeded": "partly", "paused": "waits"}


def _shares(statuses: Counter[str], rows: int) -> str:
    """Draw one bar of all rows, by status."""
    shown = [(status, count, _GOOD.get(status, "bad")) for status, count in statuses.most_common()]
    left = rows - statuses.total()
    if left > 0:
        shown.append(("not done", left, "left"))
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
    """Draw how many rows took how much."""
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
