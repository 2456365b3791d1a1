"""The report of a batch: its figures, and a summary of a few lines."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from statistics import quantiles
from typing import Any, Final

import attrs

from dify_async._text import printable, shortened
from dify_async.batch import Outcome, Totals
from dify_async.batch.outcome import tokens_of
from dify_async.cli.batch_progress import reason_of
from dify_async.cli.output import to_json

_SLOWEST: Final = 10
"""Rows among the slowest."""
_KINDS_OF_FAILURES: Final = 100
"""Kinds of failures that are kept apart."""
_INPUTS_LENGTH: Final = 120
"""Characters of a row's inputs that are shown."""
_DIGITS: Final = 30
"""Prices with more digits are written with an exponent."""
_VARYING: Final = re.compile(r"(?<!\w)'[^']*'|(?<!\w)\"[^\"]*\"|[\w-]*\d[\w.-]*")
"""Parts of error messages in which those of the same kind differ: values in quotes, ids, numbers."""


@attrs.define
class Failures:
    """Rows that failed in the same way."""

    example: str
    """The first of their errors."""
    rows: list[int] = attrs.Factory(list[int])
    """Their numbers, in order of their completion."""


@attrs.frozen(order=True)
class SlowRow:
    """A row among the slowest."""

    seconds: float
    """Its duration."""
    number: int
    """Its number, starting at 1."""
    status: str
    """Its status."""
    tokens: float
    """Its tokens."""
    inputs: str
    """The start of its inputs, as JSON."""


@attrs.define(kw_only=True)
class Report:
    """A report on a batch."""

    title: str
    """Name of the file of rows."""
    rows: int
    """Number of rows to run."""
    totals: Totals
    """The totals of the batch."""
    seconds: list[float] = attrs.Factory(list[float])
    """Time of each row that was run now and succeeded."""
    tokens: list[float] = attrs.Factory(list[float])
    """Tokens of each of these rows."""
    failures: dict[str, Failures] = attrs.Factory(dict[str, Failures])
    """Failed rows, by the kind of their error."""
    slowest: list[SlowRow] = attrs.Factory(list[SlowRow])
    """A heap of the slowest rows that were run now."""
    resumed: int = 0
    """Rows whose result an earlier batch has recorded."""
    currencies: set[str] = attrs.Factory(set[str])
    """The currencies of the prices."""
    began: datetime = attrs.Factory(lambda: datetime.now(UTC))
    _clock: float = attrs.Factory(time.monotonic)
    took: float = 0.0
    """Seconds since the start."""

    def take(self, outcome: Outcome[Any], number: int) -> None:
        """Count the outcome of the row with a number."""
        self.took = time.monotonic() - self._clock
        if outcome.usage is not None and outcome.usage.currency:
            self.currencies.add(printable(str(outcome.usage.currency)))
        if not outcome.ok:
            self._take_failure(outcome, number)
        if outcome.resumed and outcome.ok:
            self.resumed += 1
            return
        tokens = _tokens(outcome)
        if outcome.ok:
            self.seconds.append(outcome.elapsed)
            self.tokens.append(tokens)
        row = SlowRow(outcome.elapsed, number, printable(outcome.status), tokens, _inputs(outcome))
        if len(self.slowest) < _SLOWEST:
            heapq.heappush(self.slowest, row)
        else:
            heapq.heappushpop(self.slowest, row)

    def _take_failure(self, outcome: Outcome[Any], number: int) -> None:
        reason = reason_of(outcome)
        kind = _VARYING.sub("…", reason)
        if kind not in self.failures and len(self.failures) >= _KINDS_OF_FAILURES:
            kind = reason = "other errors"
        self.failures.setdefault(kind, Failures(reason)).rows.append(number)

    def facts(self) -> list[tuple[str, str]]:
        """Return the summary, as names and values."""
        totals = self.totals
        statuses = [(status, f"{count:,}") for status, count in totals.statuses.most_common()]
        left = self.rows - totals.rows
        facts = [
            ("rows", f"{self.rows:,}"),
            *statuses,
            *([("not run", f"{left:,}")] if left else []),
            *([("from earlier", f"{self.resumed:,}")] if self.resumed else []),
            ("tokens", f"{totals.tokens:,}"),
            *self._cost(),
            ("time", f"{self.took:.1f} s"),
        ]
        if self.seconds:
            low, high = median_and_most(self.seconds)
            facts.append(("time per row", f"median {low:.1f} s, 95 % within {high:.1f} s"))
        return facts

    def _cost(self) -> list[tuple[str, str]]:
        price = self.totals.price
        if price == Decimal(0):
            return []
        currency = f" {next(iter(self.currencies))}" if len(self.currencies) == 1 else ""
        per_row = price / max(self.totals.rows, 1)
        return [
            ("price", f"{_price(price)}{currency}"),
            ("price per row", f"{_price(Decimal(f'{per_row:.3g}'))}{currency}"),
        ]


def median_and_most(values: Sequence[float]) -> tuple[float, float]:
    """Return the median, and the value that 95 % of the values do not exceed."""
    if len(values) == 1:
        return values[0], values[0]
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


def _tokens(outcome: Outcome[Any]) -> float:
    usage = outcome.usage
    with suppress(OverflowError):  # The number exceeds a float; no run has that many tokens.
        return float(tokens_of(usage)) if usage is not None else 0.0
    return 0.0


def _price(price: Decimal) -> str:
    return f"{price.normalize():f}" if abs(price.adjusted()) < _DIGITS else str(price)


def _inputs(outcome: Outcome[Any]) -> str:
    return shortened(printable(to_json(outcome.row)), _INPUTS_LENGTH)
