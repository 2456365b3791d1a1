"""The outcome of one row of a batch, and the totals of all outcomes."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, DecimalException
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeAlias, TypeVar

import attrs

from dify_async._data import Data, as_json
from dify_async._scalars import fields_of
from dify_async._types import Json
from dify_async.errors import DifyError
from dify_async.models._base import Model
from dify_async.models.messages import Usage
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult, usage_of
from dify_async.models.runs import RunStatus

ResultT_co = TypeVar("ResultT_co", bound=Model, covariant=True)
ResultT = TypeVar("ResultT", bound=Model)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _Row(Model, Generic[ResultT_co]):
    """The fields that `Success` and `Failure` have in common."""

    _shown_first: ClassVar[tuple[str, ...]] = ("status", "index")

    index: int
    """Position of the row, starting at 0."""
    key: str
    """Identifies the row in a journal; without a journal, the position as a string."""
    row: Any
    """The row."""
    result: ResultT_co = attrs.field(default=None)
    """The result."""
    error: DifyError | None = None
    """Why the row failed. None if it succeeded."""
    attempts: int = 1
    """Number of requests sent to run this row, including rejected ones.

    If `resumed` is True, the number sent by the batch that started the run."""
    elapsed: float = 0.0
    """Duration in seconds, including delays between attempts. For a row from a journal, the duration in the
    batch that ran it."""
    user: str | None = None
    """The end user of the run. None if it is not known: for rows of a journal, and for uploads."""
    resumed: bool = False
    """True if the journal had the result or the id of the run, so that no run was started for this row."""

    @property
    def status(self) -> str:
        """Status of the run (`succeeded`, `partial-succeeded`, `failed`, ...), or the error's class name."""
        run = self.result.run if isinstance(self.result, ChatResult) else self.result
        if isinstance(run, WorkflowResult) and run.status != RunStatus.RUNNING:
            return str(run.status)
        return "succeeded" if self.error is None else type(self.error).__name__

    @property
    def usage(self) -> Usage | None:
        """Tokens and price; for a workflow, the sum of its nodes. None if the server does not report them."""
        return usage_of(self.result)

    def to_row(self) -> dict[str, Json]:
        """Return the row and its result as one flat dict, for a DataFrame or a CSV file.

        First the columns of the row, then `index`, `status`, one column per output (`outputs.label`) or the
        `answer`, `error`, `workflow_run_id`, `total_tokens`, `total_price` (a float), `seconds` and
        `attempts`. Lists and objects are JSON text. A column that the row has too gets the prefix `result.`.
        """
        result, usage = self.result, self.usage
        run = result.run if isinstance(result, ChatResult) else result
        cells: dict[str, Any] = {"index": self.index, "status": self.status}
        if isinstance(result, WorkflowResult):
            cells |= {f"outputs.{name}": value for name, value in result.outputs.items()}
        elif isinstance(result, CompletionResult):
            cells["answer"] = result.answer
        price = usage.total_price if usage is not None else None
        cells |= {
            "error": None if self.error is None else str(self.error),
            "workflow_run_id": run.workflow_run_id if isinstance(run, WorkflowResult) else None,
            "total_tokens": usage.total_tokens if usage is not None else None,
            "total_price": float(price) if isinstance(price, Decimal) else None,
            "seconds": round(self.elapsed, 3),
            "attempts": self.attempts,
        }
        given: Any = self.row
        row = fields_of(given) or {"row": given}
        cells = {f"result.{name}" if name in row else name: value for name, value in cells.items()}
        return {str(name): _cell(value) for name, value in {**row, **cells}.items()}


def _cell(value: Any) -> Json:
    value = as_json(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Success(_Row[ResultT_co]):
    """The outcome of a row that succeeded, fully or partially."""

    _tags = ("ok",)

    ok: ClassVar[Literal[True]] = True
    """True: the row succeeded, fully or partially."""
    error: None = None
    """None."""

    def unwrap(self) -> ResultT_co:
        """Return the result."""
        return self.result


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Failure(_Row[ResultT_co]):
    """The outcome of a row that failed."""

    _tags = ("ok",)
    _shown_first = ("status", "error", "index")

    ok: ClassVar[Literal[False]] = False
    """False: the row failed."""
    error: DifyError = attrs.field()
    """Why the row failed."""
    result: ResultT_co = attrs.field(default=None)
    """The result of a failed run, and the partial one of an interrupted run; otherwise None.

    The type does not include None: pyright does not narrow by `if outcome.ok:`, only by `outcome.ok is True`,
    and code that has checked `ok` need not check again."""

    def unwrap(self) -> NoReturn:
        """Raise the error."""
        raise self.error


Outcome: TypeAlias = Success[ResultT_co] | Failure[ResultT_co]
"""The outcome of one row: `outcome.ok` tells which of the two it is, also to type checkers."""


@attrs.define
class Share(Data):
    """Part of the totals."""

    rows: int = 0
    """Outcomes read."""
    tokens: int = 0
    """Sum of all tokens that the server reported."""
    price: Decimal = Decimal(0)
    """Sum of all prices that the server reported."""

    def add(self, usage: Usage | None) -> None:
        """Count a row."""
        self.rows += 1
        if usage is not None:
            self.tokens += tokens_of(usage)
            self.price = _sum(self.price, usage.total_price)


@attrs.define
class Totals(Data):
    """The totals of the outcomes read so far."""

    rows: int = 0
    """Number of outcomes."""
    ok: int = 0
    """Number of rows that succeeded, fully or partially."""
    tokens: int = 0
    """Sum of all tokens that the server reported."""
    price: Decimal = Decimal(0)
    """Sum of all prices that the server reported; currencies are not converted."""
    statuses: Counter[str] = attrs.Factory(Counter[str])
    """Number of outcomes by `Outcome.status`."""
    by_status: dict[str, Share] = attrs.Factory(dict[str, Share])
    """Rows, tokens and price by `Outcome.status`."""
    by_user: dict[str, Share] = attrs.Factory(dict[str, Share])
    """Rows, tokens and price by end user, for rows whose end user is known."""
    by_model: dict[str, Share] = attrs.Factory(dict[str, Share])
    """Rows, tokens and price by model, for streamed runs of workflows and chatflows. A row counts for each of
    its models."""

    def add(self, outcome: Outcome[Any]) -> None:
        """Count an outcome. Values that are not numbers count as 0."""
        usage = outcome.usage
        self.rows += 1
        self.ok += outcome.ok
        self.statuses[outcome.status] += 1
        if usage is not None:
            self.tokens += tokens_of(usage)
            self.price = _sum(self.price, usage.total_price)
        self.by_status.setdefault(outcome.status, Share()).add(usage)
        if outcome.user is not None:
            self.by_user.setdefault(outcome.user, Share()).add(usage)
        result: Any = outcome.result
        run = result.run if isinstance(result, ChatResult) else result
        if isinstance(run, WorkflowResult):
            for model, share in run.usage_by_model.items():
                self.by_model.setdefault(model, Share()).add(share)

    def _repr_html_(self) -> str:
        from dify_async._html import table  # noqa: PLC0415 - for notebooks only

        shown = self.to_dict()
        rows = [(name, shown[name]) for name in ("rows", "ok", "tokens", "price")]
        return table("Totals", [*rows, *shown["statuses"].items(), *shown["by_model"].items()])


def tokens_of(usage: Usage) -> int:
    """Return the number of tokens; 0 if the value from the server is not a number."""
    # A journal or your own code may contain a value of another type.
    tokens: object = usage.total_tokens
    return tokens if isinstance(tokens, int) and tokens > 0 else 0


def _sum(total: Decimal, price: object) -> Decimal:
    if not isinstance(price, Decimal):
        return total
    try:
        added = total + price
    except DecimalException:  # The sum is out of range.
        return total
    return added if added.is_finite() else total
