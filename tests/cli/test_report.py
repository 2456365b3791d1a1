"""The report of a batch: failures by kind, slowest rows, cost, and charts with round numbers on their axes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dify_async.batch import Totals
from dify_async.batch.outcome import Failure, Success
from dify_async.cli.batch_page import page_of, row_ranges, ticks_to
from dify_async.cli.batch_report import Report
from dify_async.errors import ConfigurationError, DifyError
from dify_async.models import CompletionResult, MessageMetadata, Usage


def report_on(*outcomes: Any) -> Report:
    report = Report(title="rows.csv", rows=len(outcomes), totals=Totals())
    for outcome in outcomes:
        report.totals.add(outcome)
        report.take(outcome, outcome.index + 1)
    return report


def failed(index: int, error: DifyError) -> Any:
    return Failure(index=index, key="", row={"n": index}, error=error)


def succeeded(index: int, seconds: float, price: str) -> Any:
    usage = Usage(total_tokens=5, total_price=Decimal(price), currency="USD")
    result = CompletionResult(answer="x", metadata=MessageMetadata(usage=usage))
    return Success(index=index, key="", row={"n": index}, result=result, elapsed=seconds)


def test_failures_that_differ_only_in_values_are_grouped() -> None:
    errors = [
        "the app's form: days must be a number, got 'soon'",
        "the app's form: days must be a number, got 'late'",
        "500: request d46c10dac12980f3f30b5d73862097a9 failed",
        "500: request 5e0cfbd5-ad2a-4b1c-9e0c-1f2d3c4b5a69 failed",
        "the app's form: city is required",
    ]
    report = report_on(*(failed(index, ConfigurationError(error)) for index, error in enumerate(errors)))
    assert [(kind.example, kind.rows) for kind in report.failures.values()] == [
        (f"ConfigurationError: {errors[0]}", [1, 2]),
        (f"ConfigurationError: {errors[2]}", [3, 4]),
        (f"ConfigurationError: {errors[4]}", [5]),
    ]
    many = report_on(*(failed(index, ConfigurationError("x" * index)) for index in range(150)))
    assert len(many.failures) == 101
    assert sum(len(kind.rows) for kind in many.failures.values()) == 150


def test_slowest_rows_and_cost() -> None:
    report = report_on(*(succeeded(index, float(index), "0.0015") for index in range(20)))
    assert sorted((row.number for row in report.slowest), reverse=True) == list(range(20, 10, -1))
    facts = dict(report.facts())
    assert (facts["price"], facts["price per row"]) == ("0.03 USD", "0.0015 USD")
    page = page_of(report)
    assert page.index("{&quot;n&quot;:19}") < page.index("{&quot;n&quot;:10}")
    assert "{&quot;n&quot;:9}" not in page


def test_a_report_without_rows() -> None:
    assert "No row was run." in page_of(report_on())


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([3, 1, 2, 9], "1-3, 9"), ([5], "5"), (list(range(0, 100, 2)), None)],
)
def test_row_numbers_are_listed_as_ranges(numbers: list[int], text: str | None) -> None:
    found = row_ranges(numbers)
    assert found == text if text else found.endswith("56, 58 and 20 more")


@pytest.mark.parametrize("highest", [1e-9, 0.3, 1, 7, 99.99, 100, 101, 4321, 1e12])
def test_ticks_are_round_and_reach_the_highest_value(highest: float) -> None:
    ticks = ticks_to(highest, count=6)
    assert ticks[0] == 0
    assert 4 <= len(ticks) <= 8
    assert ticks[-1] >= highest * 0.99
    assert f"{ticks[1]:.2e}"[:3].rstrip("0").rstrip(".") in {"1", "2", "2.5", "5"}
    assert all(tick == int(tick) for tick in ticks_to(highest, count=3, whole=True))
