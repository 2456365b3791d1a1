"""The totals of a batch by status, end user and model; and its pace."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from dify_async import AppClient, errors, sync
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import WorkflowAccumulator
from dify_async._wire.sse import EventParser
from dify_async.batch import Share
from dify_async.batch.pace import Pace
from dify_async.testing import Chat, FakeDify, Workflow
from tests.support.clock import frozen_time
from tests.support.recordings import load


async def test_totals_by_status_and_end_user(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=["a", "b"])
    rows: list[Any] = ["x", {"query": "y", "user": "bob"}, {"query": "z", "user": "bob"}, {"wrong": 1}]
    async with client.chat.send_many(rows) as batch:
        await batch.all()
    totals = batch.totals
    assert totals.by_status.keys() == totals.statuses.keys() == {"succeeded", "ConfigurationError"}
    assert totals.by_status["succeeded"].rows == 3
    assert totals.by_status["succeeded"].tokens == totals.tokens > 0
    assert {user: share.rows for user, share in totals.by_user.items()} == {"ada": 2, "bob": 2}
    assert "by_user" in totals.to_dict()


def test_blocking_batches_have_totals(fake_dify: FakeDify) -> None:
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with client.workflows.run_many([{}, {}]) as batch:
            assert [outcome.user for outcome in batch] == ["ada", "ada"]
    assert batch.totals.by_user["ada"].rows == 2


def result_of(name: str) -> Any:
    accumulator = WorkflowAccumulator()
    for payload in EventParser(2**26).feed(load(name).body):
        event = decode_event(payload)
        if event is not None:
            accumulator.add(event)
    return accumulator.result()


def test_a_recorded_run_has_its_models() -> None:
    result = result_of("116_wf_reasoning_streaming")
    (usage,) = result.usage_by_model.values()
    assert list(result.usage_by_model) == ["fake-llm-think"]
    assert (usage.total_tokens, usage.total_price) == (32, Decimal("0.0000400"))
    assert usage.total_price == result.total_price


async def test_totals_by_model(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.replay(load("116_wf_reasoning_streaming").body)
    async with client.workflows.run_many([{}], check_inputs=False) as batch:
        await batch.all()
    assert batch.totals.by_model == {"fake-llm-think": Share(rows=1, tokens=32, price=Decimal("0.0000400"))}


# Pace


async def test_rows_start_evenly_spaced() -> None:
    with frozen_time() as clock:
        pace = Pace(30)
        starts: list[float] = []

        async def start() -> None:
            await pace.wait()
            starts.append(clock.elapsed)

        tasks = [asyncio.create_task(start()) for _ in range(3)]
        await clock.settle()
        for expected in ([0.0], [0.0, 2.0], [0.0, 2.0, 4.0]):
            assert starts == expected
            clock.advance(2)
            await clock.settle()
        clock.advance(100)
        await clock.at_once(start())  # Unused capacity does not accumulate: the next row would wait.
        await asyncio.gather(*tasks)


async def test_a_batch_keeps_its_pace(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    with frozen_time() as clock:
        async with client.workflows.run_many([{}] * 3, per_minute=60, check_inputs=False) as batch:
            await clock.at_once(anext(batch))
            assert fake_dify.runs_started == 1
            clock.advance(1)
            await clock.at_once(anext(batch))
            assert fake_dify.runs_started == 2
            clock.advance(1)
            await clock.at_once(anext(batch))
    assert batch.totals.ok == 3


async def test_rows_from_the_journal_do_not_wait(
    client: AppClient, fake_dify: FakeDify, tmp_path: Any
) -> None:
    fake_dify.app = Workflow(outputs={"a": 1})
    rows = [{"n": number} for number in range(20)]
    async with client.workflows.run_many(rows, journal=tmp_path / "j") as batch:
        await batch.all()
    with frozen_time() as clock:
        async with client.workflows.run_many(rows, journal=tmp_path / "j", per_minute=1) as batch:
            outcomes = await clock.at_once(batch.all())
    assert all(outcome.resumed for outcome in outcomes)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "5", True])
def test_an_invalid_pace_is_rejected(client: AppClient, wrong: Any) -> None:
    for start in (client.workflows.run_many, client.completions.create_many, client.chat.send_many):
        with pytest.raises(errors.ConfigurationError, match="`per_minute` must be a number above 0"):
            start([], per_minute=wrong)
