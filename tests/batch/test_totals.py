"""Totals of outcomes with invalid numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dify_async import Outcome, Success
from dify_async.batch import Totals
from dify_async.models import ChatResult, MessageMetadata, RunStatus, Usage, WorkflowResult


def outcome(**fields: Any) -> Outcome[WorkflowResult]:
    return Success(index=0, key="0", row={}, result=WorkflowResult(status=RunStatus.SUCCEEDED, **fields))


@pytest.mark.parametrize("tokens", ["many", None, [], 1.5, -3])
def test_tokens_that_are_not_a_number_count_as_none(tokens: Any) -> None:
    totals = Totals()
    totals.add(outcome(total_tokens=tokens))
    totals.add(outcome(total_tokens=5))
    assert (totals.rows, totals.ok, totals.tokens) == (2, 2, 5)


@pytest.mark.parametrize("price", ["free", None, 3, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")])
def test_prices_that_are_not_a_number_count_as_none(price: Any) -> None:
    totals = Totals()
    totals.add(outcome(total_price=price))
    totals.add(outcome(total_price=Decimal("0.5")))
    assert (totals.rows, totals.ok, totals.price) == (2, 2, Decimal("0.5"))


def test_a_sum_that_overflows_leaves_the_total_as_it_is() -> None:
    totals = Totals()
    huge = Decimal("9e999999")
    for price in (huge, huge):
        totals.add(outcome(total_price=price))
    assert (totals.rows, totals.price) == (2, huge)


def test_the_usage_of_an_answer_may_be_anything() -> None:
    usage: Any = Usage(total_tokens="many", total_price="free")  # type: ignore[arg-type]
    totals = Totals()
    totals.add(Success(index=0, key="0", row="", result=ChatResult(metadata=MessageMetadata(usage=usage))))
    assert (totals.rows, totals.tokens, totals.price) == (1, 0, 0)
