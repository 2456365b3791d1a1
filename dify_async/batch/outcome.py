"""The outcome of one row of a batch, and the totals over all of them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, DecimalException
from typing import Any, Generic, TypeVar

import attrs

from dify_async.errors import DifyError
from dify_async.models import ChatResult, CompletionResult, RunStatus, Usage, WorkflowResult

ResultT_co = TypeVar("ResultT_co", bound=WorkflowResult | ChatResult | CompletionResult, covariant=True)
ResultT = TypeVar("ResultT", bound=WorkflowResult | ChatResult | CompletionResult)


@attrs.frozen(kw_only=True)
class Outcome(Generic[ResultT_co]):
    """The outcome of one row."""

    index: int
    """Position of the row, starting at 0."""
    key: str
    """Identifies the row in a journal; without a journal, the position as a string."""
    row: Any
    """The row itself."""
    result: ResultT_co = attrs.field(default=None)
    """The result. Also set for a failed run, and partially for an interrupted one; otherwise None.

    The type does not include None, so that code that has checked `ok` need not check again."""
    error: DifyError | None = None
    """Why the row failed, or None."""
    attempts: int = 1
    """Number of requests sent to run this row, including rejected ones.

    For a row that is `resumed`, those of the batch that started its run."""
    elapsed: float = 0.0
    """Seconds, including the delay between attempts. For a finished row of a journal, those of the batch
    that ran it."""
    resumed: bool = False
    """True if the journal had the result or the id of the run, so no run was started for this row."""

    @property
    def ok(self) -> bool:
        """True if the row succeeded, fully or partially."""
        return self.error is None

    @property
    def status(self) -> str:
        """Status of the run (`succeeded`, `partial-succeeded`, `failed`, ...), or the class of the error."""
        run = self.result.run if isinstance(self.result, ChatResult) else self.result
        if isinstance(run, WorkflowResult) and run.status != RunStatus.RUNNING:
            return str(run.status)
        return "succeeded" if self.error is None else type(self.error).__name__

    @property
    def usage(self) -> Usage | None:
        """Tokens and price, if the server reports them. For a workflow, the sum over its nodes."""
        match self.result:
            case WorkflowResult() as run:
                return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
            case ChatResult(usage=None, run=WorkflowResult() as run):
                return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
            case ChatResult() | CompletionResult() as answer:
                return answer.usage
            case _:
                return None


@attrs.define
class Totals:
    """The totals over the outcomes read so far."""

    rows: int = 0
    """Outcomes read."""
    ok: int = 0
    """Outcomes of rows that succeeded, fully or partially."""
    tokens: int = 0
    """Sum of all tokens that the server reported."""
    price: Decimal = Decimal(0)
    """Sum of all prices that the server reported, whatever their currency."""
    statuses: Counter[str] = attrs.Factory(Counter[str])
    """Number of outcomes by `Outcome.status`."""

    def add(self, outcome: Outcome[Any]) -> None:
        """Count an outcome. Values that are not numbers count as 0."""
        self.rows += 1
        self.ok += outcome.ok
        self.statuses[outcome.status] += 1
        usage = outcome.usage
        if usage is not None:
            self.tokens += tokens_of(usage)
            self.price = _sum(self.price, usage.total_price)


def tokens_of(usage: Usage) -> int:
    """Return the number of tokens, or 0 if the server sent something that is not a number."""
    # Models let values of another type through, such as a string.
    tokens: object = usage.total_tokens
    return tokens if isinstance(tokens, int) and tokens > 0 else 0


def _sum(total: Decimal, price: object) -> Decimal:
    if not isinstance(price, Decimal):
        return total
    try:
        added = total + price
    except DecimalException:  # Beyond what decimals can hold.
        return total
    return added if added.is_finite() else total
