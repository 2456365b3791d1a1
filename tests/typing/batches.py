"""A consumer's file for batches. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, assert_type

import dify_async.sync
from dify_async import AppClient, Batch, Failure, Outcome, Success
from dify_async._types import Inputs
from dify_async.errors import DifyError
from dify_async.models import ChatResult, CompletionResult, Usage, WorkflowResult


async def table_of(client: AppClient, rows: list[dict[str, str]]) -> dict[int, str]:
    table: dict[int, str] = {}
    async with client.workflows.run_many(rows, concurrency=10) as batch:
        async for outcome in batch:
            assert_type(outcome, Outcome[WorkflowResult])
            if outcome.ok:
                table[outcome.index] = outcome.result.outputs["label"]
            else:
                print("row %d: %s", outcome.index, outcome.error)
            assert_type(outcome.result, WorkflowResult)
            if outcome.ok is True:
                assert_type(outcome, Success[WorkflowResult])
                assert_type(outcome.error, None)
            else:
                assert_type(outcome, Failure[WorkflowResult])
                assert_type(outcome.error, DifyError)
                raise outcome.error
            assert_type(outcome.unwrap(), WorkflowResult)
            assert_type(outcome.to_row(), dict[str, Any])
            assert_type(outcome.usage, Usage | None)
            assert_type(
                (outcome.key, outcome.attempts, outcome.elapsed, outcome.status), tuple[str, int, float, str]
            )
    assert_type(batch.totals.price, Decimal)
    assert_type(batch.totals.statuses, Counter[str])
    return table


async def others(client: AppClient) -> None:
    async def questions() -> AsyncIterator[str]:
        yield "Hi?"

    async with client.chat.send_many(questions(), ordered=True, adaptive=True) as chats:
        assert_type(await chats.all(), list[Outcome[ChatResult]])
    async with client.chat.send_many([{"query": "Hi?", "inputs": {"tone": "kind"}}]) as chats:
        async for outcome in chats:
            print(outcome.unwrap().answer)
    async with client.completions.create_many({"n": n} for n in range(3)) as completions:
        assert_type(await completions.all(), list[Outcome[CompletionResult]])
    for batch in (chats, completions):
        assert_type(batch.in_flight, int)
    client.workflows.run_many(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.workflows.run_many([], concurrency="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def passed_on(batch: Batch[Any, WorkflowResult]) -> int:
    return batch.totals.rows


def blocking(client: dify_async.sync.AppClient, rows: list[dict[str, str]]) -> list[str]:
    with client.workflows.run_many(rows, journal="runs.jsonl") as batch:
        labels: list[str] = [outcome.result.outputs["label"] for outcome in batch if outcome.ok]
    assert_type(batch, dify_async.sync.Batch[Inputs, WorkflowResult])
    with client.chat.send_many(["Hi?"]) as chats:
        assert_type(chats.all(), list[Outcome[ChatResult]])
    with client.completions.create_many([{}]) as completions:
        for outcome in completions:
            assert_type(outcome, Outcome[CompletionResult])
    return labels
