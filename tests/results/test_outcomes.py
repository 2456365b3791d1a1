"""Outcomes: success or failure, rows of a table; and DataFrames as rows."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dify_async import AppClient, Failure, Success, errors, sync
from dify_async.models import ChatResult, MessageMetadata, RunStatus, Usage, WorkflowResult
from dify_async.testing import Chat, FakeDify, Field, Node, Workflow

RESULT = WorkflowResult(
    workflow_run_id="r",
    status=RunStatus.SUCCEEDED,
    outputs={"label": "good", "city": "Rome", "tags": ["a", "ä"]},
    total_tokens=7,
    total_price=Decimal("0.25"),
)
ERROR = errors.RunFailed("the run failed: boom", result=RESULT)


def test_a_success_has_a_result() -> None:
    outcome = Success(index=1, key="k", row={}, result=RESULT)
    assert (outcome.ok, outcome.error, outcome.unwrap()) == (True, None, RESULT)
    assert outcome.status == "succeeded"


def test_a_failure_raises_its_error() -> None:
    outcome: Failure[WorkflowResult] = Failure(index=1, key="k", row={}, error=ERROR)
    assert (outcome.ok, outcome.error, outcome.result) == (False, ERROR, None)
    with pytest.raises(errors.RunFailed, match="boom") as caught:
        outcome.unwrap()
    assert caught.value is ERROR


def test_outcomes_pickle() -> None:
    success = Success(index=1, key="k", row={"a": 1}, result=RESULT)
    assert pickle.loads(pickle.dumps(success)) == success
    failure: Failure[Any] = Failure(index=1, key="k", row={}, error=ERROR)
    assert str(pickle.loads(pickle.dumps(failure)).error) == str(ERROR)


def test_to_row_is_flat() -> None:
    outcome = Success(
        index=1, key="k", row={"city": "Lisbon", "n": np.int64(3)}, result=RESULT, elapsed=1.23456
    )
    assert outcome.to_row() == {
        "city": "Lisbon",
        "n": 3,
        "index": 1,
        "status": "succeeded",
        "outputs.label": "good",
        "outputs.city": "Rome",
        "outputs.tags": '["a", "ä"]',
        "error": None,
        "workflow_run_id": "r",
        "total_tokens": 7,
        "total_price": 0.25,
        "seconds": 1.235,
        "attempts": 1,
    }


def test_columns_of_the_row_take_precedence() -> None:
    outcome = Success(index=1, key="k", row={"status": "new", "outputs.label": 1}, result=RESULT)
    row = outcome.to_row()
    assert (row["status"], row["result.status"]) == ("new", "succeeded")
    assert (row["outputs.label"], row["result.outputs.label"]) == (1, "good")


def test_rows_of_chats_and_failures() -> None:
    usage = Usage(total_tokens=5)
    chat = ChatResult(answer="Hi", metadata=MessageMetadata(usage=usage))
    row = Success(index=0, key="0", row="Hello?", result=chat).to_row()
    assert (row["row"], row["answer"], row["total_tokens"]) == ("Hello?", "Hi", 5)
    failed: Failure[WorkflowResult] = Failure(index=0, key="0", row={"a": 1}, error=errors.TooLarge(5))
    row = failed.to_row()
    assert (row["status"], row["workflow_run_id"]) == ("TooLarge", None)
    assert "max_event_bytes=5" in row["error"]


# DataFrames


@pytest.fixture
def labels(client: AppClient, fake_dify: FakeDify) -> AppClient:
    fake_dify.workflow = Workflow(
        nodes=[Node("LLM", tokens=2)],
        form=[Field("text", required=True), Field("n", "number"), Field("when"), Field("whole", "number")],
        outputs=lambda inputs: {"got": {name: one for name, one in inputs.items() if one is not None}},
    )
    return client


FRAME = {"text": ["a", "b", "c"], "n": [1.5, None, 3.0]}
GOT = [{"text": "a", "n": 1.5}, {"text": "b"}, {"text": "c", "n": 3.0}]


@pytest.mark.parametrize("frame", [pd.DataFrame(FRAME), pl.DataFrame(FRAME)], ids=["pandas", "polars"])
async def test_the_records_of_a_data_frame_are_rows(
    labels: AppClient, fake_dify: FakeDify, frame: Any
) -> None:
    async with labels.workflows.run_many(frame, ordered=True) as batch:
        outcomes = await batch.all()
    assert [outcome.unwrap().outputs["got"] for outcome in outcomes] == GOT
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with client.workflows.run_many(frame, ordered=True) as blocking:
            outcomes = blocking.all()
    assert [outcome.unwrap().outputs["got"] for outcome in outcomes] == GOT
    table = pd.DataFrame(outcome.to_row() for outcome in outcomes)
    assert list(table["status"]) == ["succeeded"] * 3
    assert table["total_tokens"].sum() == 6


async def test_missing_values_of_pandas_are_omitted(labels: AppClient) -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", "b"],
            "when": [pd.Timestamp("2026-01-02"), pd.NaT],
            "whole": pd.array([1, None], dtype="Int64"),
        }
    )
    async with labels.workflows.run_many(frame, ordered=True) as batch:
        outcomes = await batch.all()
    assert [outcome.unwrap().outputs["got"] for outcome in outcomes] == [
        {"text": "a", "when": "2026-01-02T00:00:00", "whole": 1},
        {"text": "b"},
    ]


async def test_a_data_frame_of_messages(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer="Hi")
    async with client.chat.send_many(pd.DataFrame({"query": ["a", "b"]})) as batch:
        assert [outcome.unwrap().answer for outcome in await batch.all()] == ["Hi", "Hi"]
    sent = [json.loads(request.body)["query"] for request in fake_dify.requests]
    assert sorted(sent) == ["a", "b"]


async def test_an_empty_data_frame_has_no_rows(labels: AppClient) -> None:
    async with labels.workflows.run_many(pd.DataFrame({"text": []})) as batch:
        assert await batch.all() == []


@pytest.mark.parametrize("wrong", [5, "text", None])
async def test_values_that_are_not_rows_are_rejected(client: AppClient, wrong: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="`rows` must be an iterable of rows or a DataFrame"):
        client.workflows.run_many(wrong)
