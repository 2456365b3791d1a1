"""Batches: bounded concurrency, lazy rows, and one outcome for each row."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dify_async import AppClient, Batch, InputFile, Outcome, Retry, errors
from dify_async.batch.executor import RowResult
from dify_async.models import RunStatus, WorkflowResult
from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clock import frozen_time
from tests.support.faults import GONE
from tests.support.limits import HANGS_AFTER


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(
        nodes=[Node("One", tokens=3, seconds=0.01)],
        outputs=lambda inputs: {"n": inputs.get("n")},
        form=[Field("n", "number", required=True)],
    )


def rows(count: int) -> list[dict[str, Any]]:
    return [{"n": number} for number in range(count)]


async def test_every_row_has_one_outcome(client: AppClient, fake_dify: FakeDify) -> None:
    async with client.workflows.run_many(rows(50), concurrency=10) as batch:
        outcomes = [outcome async for outcome in batch]
    assert sorted(outcome.index for outcome in outcomes) == list(range(50))
    for outcome in outcomes:
        assert outcome.ok
        assert isinstance(outcome.result, WorkflowResult)
        assert outcome.result.outputs == {"n": outcome.index} == outcome.row
        assert (outcome.attempts, outcome.elapsed > 0) == (1, True)
        assert outcome.usage is not None
        assert outcome.usage.total_tokens == 3
    assert (batch.totals.rows, batch.totals.ok, batch.totals.tokens) == (50, 50, 150)
    assert batch.totals.statuses == Counter({"succeeded": 50})
    assert fake_dify.runs_started == 50


async def test_outcomes_are_in_the_order_of_the_rows_if_ordered(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", times=5))
    async with client.workflows.run_many(rows(30), concurrency=7, ordered=True) as batch:
        outcomes = await batch.all()
    assert [outcome.index for outcome in outcomes] == list(range(30))
    assert any(outcome.attempts > 1 for outcome in outcomes)


async def test_no_more_than_concurrency_rows_are_ahead_of_the_reader(
    client: AppClient, fake_dify: FakeDify
) -> None:
    taken = 0
    most = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal taken
        while True:
            taken += 1
            yield {"n": taken}

    read = 0
    async with client.workflows.run_many(endless(), concurrency=4) as batch:
        async for _ in batch:
            read += 1
            most = max(most, taken - read)
            assert len([run for run in fake_dify.runs.values() if not run.over]) <= 4
            if read == 40:
                break
            await asyncio.sleep(0.002)
    assert most <= 4


async def test_rows_may_come_from_an_asynchronous_iterable(client: AppClient) -> None:
    async def some() -> AsyncIterator[dict[str, Any]]:
        for row in rows(6):
            await asyncio.sleep(0)
            yield row

    async with client.workflows.run_many(some(), concurrency=3) as batch:
        assert len(await batch.all()) == 6
    async with client.workflows.run_many([], concurrency=3) as empty:
        assert await empty.all() == []


async def test_an_invalid_row_does_not_affect_others(client: AppClient, fake_dify: FakeDify) -> None:
    given: list[Any] = [{"n": 1}, {"n": "x"}, {}, ["no", "dict"], {"n": 2}]
    async with client.workflows.run_many(given, ordered=True) as batch:
        outcomes = await batch.all()
    assert [outcome.ok for outcome in outcomes] == [True, False, False, False, True]
    assert all(isinstance(outcome.error, errors.ConfigurationError) for outcome in outcomes if not outcome.ok)
    assert fake_dify.runs_started == 2, "invalid rows are not sent"
    assert batch.totals.statuses == Counter({"succeeded": 2, "ConfigurationError": 3})


async def test_a_run_that_fails_is_an_outcome_with_its_result(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="it broke")])
    async with client.workflows.run_many([{}] * 3) as batch:
        outcomes = await batch.all()
    for outcome in outcomes:
        assert isinstance(outcome.error, errors.RunFailed)
        assert (outcome.status, outcome.result is outcome.error.result) == ("failed", True)


async def test_an_interrupted_run_is_an_outcome(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=2), GONE]
    async with client.workflows.run_many(rows(4), concurrency=1) as batch:
        outcomes = await batch.all()
    assert [outcome.ok for outcome in outcomes] == [False, True, True, True]
    assert outcomes[0].status == "StreamInterrupted"


async def test_an_exhausted_quota_stops_the_batch_once(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.2)])
    outcomes: list[Outcome[WorkflowResult]] = []
    with pytest.raises(errors.QuotaExceeded):
        async with client.workflows.run_many([{}] * 100, concurrency=4, check_inputs=False) as batch:
            async for outcome in batch:
                outcomes.append(outcome)
                if len(outcomes) == 4 and not fake_dify.faults:
                    fake_dify.faults.append(Refuse(status=429, code="rate_limit_error", times=1))
    rejected = [outcome for outcome in outcomes if isinstance(outcome.error, errors.QuotaExceeded)]
    assert len(rejected) == 1
    assert 4 < len(outcomes) < 12
    assert sum(outcome.ok for outcome in outcomes) == fake_dify.runs_started, "rows in flight were delivered"


async def test_three_rejected_runs_in_a_row_stop_the_batch(client: AppClient, fake_dify: FakeDify) -> None:
    outcomes: list[Outcome[WorkflowResult]] = []
    with pytest.raises(errors.RunRejected):
        async with client.workflows.run_many([{}] * 100, concurrency=1, check_inputs=False) as batch:
            async for outcome in batch:
                outcomes.append(outcome)
    assert len(outcomes) == fake_dify.runs_started == 3


async def test_an_early_exit_stops_the_runs_in_flight(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with client.workflows.run_many([{}] * 20, concurrency=5):
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 5)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (5, 5)


async def test_an_exception_of_the_rows_is_raised_after_the_started_rows(client: AppClient) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from rows(3)
        raise OSError("the file ended")

    outcomes: list[Outcome[WorkflowResult]] = []
    with pytest.raises(OSError, match="the file ended"):
        async with client.workflows.run_many(broken(), concurrency=2) as batch:
            async for outcome in batch:
                outcomes.append(outcome)
    assert len(outcomes) == 3


async def test_an_unexpected_exception_is_raised_after_all_outcomes(fake_dify: FakeDify) -> None:
    places = 0

    @asynccontextmanager
    async def breaks_at_the_second() -> AsyncIterator[None]:
        nonlocal places
        places += 1
        if places == 2:
            raise OSError("no limiter answers")
        yield

    url = fake_dify.base_url
    async with AppClient(fake_dify.api_key, user="ada", base_url=url, limiter=breaks_at_the_second) as client:
        outcomes: list[Outcome[WorkflowResult]] = []
        with pytest.raises(OSError, match="no limiter answers"):
            async with client.workflows.run_many(rows(9), concurrency=3, ordered=True) as batch:
                async for outcome in batch:
                    outcomes.append(outcome)
    assert len(outcomes) >= 2
    assert all(outcome.ok for outcome in outcomes)
    assert len(outcomes) == fake_dify.runs_started, "rows in flight were delivered"


async def test_adaptive_concurrency_finds_the_limit_of_the_server(fake_dify: FakeDify) -> None:
    fake_dify.max_active_requests = 4
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.03)])
    retry = Retry(attempts=500, base=0.01, cap=0.05)
    most = 0
    async with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url, retry=retry) as client:
        async with client.workflows.run_many([{}] * 120, concurrency=32, adaptive=True) as batch:
            outcomes = []
            async for outcome in batch:
                outcomes.append(outcome)
                most = max(most, sum(not run.over for run in list(fake_dify.runs.values())))
    assert all(outcome.ok for outcome in outcomes)
    assert most >= 3, "it grows"
    rejected = sum(outcome.attempts - 1 for outcome in outcomes)
    assert rejected < 120, "and most rows are not rejected"


class FourSlots:
    """An executor that behaves like a server with four slots: rows wait for a slot, then take 20 ms."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(4)
        self.in_flight: list[int] = []
        self.waiting = 0

    async def open(self) -> None: ...

    async def run(self, row: int, key: str) -> RowResult[WorkflowResult]:
        self.waiting += 1
        self.in_flight.append(self.waiting)
        async with self.slots:
            await asyncio.sleep(0.02)
        self.waiting -= 1
        return RowResult(WorkflowResult(status=RunStatus.SUCCEEDED), None, attempts=1)

    async def close(self) -> None: ...


async def test_adaptive_concurrency_shrinks_when_the_server_slows_down() -> None:
    server = FourSlots()
    batch = Batch(range(500), server, concurrency=100, ordered=False, adaptive=True)
    with frozen_time() as clock:

        async def let_time_pass() -> None:
            while True:
                await clock.settle()
                clock.advance(0.02)

        passing = asyncio.create_task(let_time_pass())
        async with batch:
            assert all([outcome.ok async for outcome in batch])
        passing.cancel()
    assert max(server.in_flight) >= 4, "concurrency grows to the server's limit"
    assert max(server.in_flight) < 20, "and not far beyond: without a limit it would reach 30"


async def test_a_batch_outside_its_block_is_an_error_with_a_hint(client: AppClient) -> None:
    batch = client.workflows.run_many(rows(1))
    with pytest.raises(TypeError, match="async with"):
        aiter(batch)
    async with batch:
        await batch.all()
    with pytest.raises(TypeError, match="entered only once"):
        await batch.__aenter__()
    wrong: Any
    for wrong in ("text", 5, None):
        with pytest.raises(errors.ConfigurationError, match="rows"):
            client.workflows.run_many(wrong)
    for concurrency in (0, -1, True, 2.5):
        with pytest.raises(errors.ConfigurationError, match="concurrency"):
            client.workflows.run_many([], concurrency=concurrency)  # type: ignore[arg-type]


async def test_memory_does_not_grow_with_rows(client: AppClient, fake_dify: FakeDify) -> None:
    threads = threading.active_count()  # Threads of earlier tests may still run.
    async with client.workflows.run_many(rows(300), concurrency=10) as batch:
        async for _ in batch:
            assert len(asyncio.all_tasks()) < 40
    assert threading.active_count() < threads + 10


async def test_prices_of_nodes_are_summed(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("LLM", tokens=5), Node("LLM 2", tokens=5)])
    result = await client.workflows.run({})
    assert result.total_price == Decimal("0.0")


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_two_tasks_can_read_one_batch(client: AppClient, concurrency: int, ordered: bool) -> None:
    async with client.workflows.run_many(rows(12), concurrency=concurrency, ordered=ordered) as batch:
        read = await asyncio.wait_for(asyncio.gather(batch.all(), batch.all()), timeout=HANGS_AFTER)
    assert sorted(outcome.index for part in read for outcome in part) == list(range(12))


async def test_an_early_exit_ends_all_readers(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with client.workflows.run_many([{}] * 9, concurrency=2) as batch:
        readers = [asyncio.create_task(batch.all()) for _ in range(3)]
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
    assert await asyncio.wait_for(asyncio.gather(*readers), timeout=HANGS_AFTER) == [[], [], []]


async def test_a_blocked_row_source_does_not_delay_the_end(client: AppClient, fake_dify: FakeDify) -> None:
    async def two() -> AsyncIterator[dict[str, Any]]:
        for row in rows(2):
            yield row
        await asyncio.Event().wait()

    async with client.workflows.run_many(two(), concurrency=5) as batch:
        await anext(batch)
        await anext(batch)
        assert batch.in_flight == 0
    fake_dify.faults.append(Refuse(status=429, code="rate_limit_error", times=2))
    async with client.workflows.run_many(two(), concurrency=5) as batch:
        with pytest.raises(errors.QuotaExceeded):
            await asyncio.wait_for(batch.all(), timeout=HANGS_AFTER)


async def test_a_file_that_cannot_be_read_does_not_affect_other_rows(
    client: AppClient, fake_dify: FakeDify, tmp_path: Path
) -> None:
    fake_dify.workflow = Workflow(outputs={"n": 1})
    (tmp_path / "a.txt").write_bytes(b"a")
    with (tmp_path / "a.txt").open("rb") as file:
        closed = InputFile(file)
    given = [{"f": InputFile("a\0b", name="a.txt")}, {"f": closed}, {"f": InputFile(tmp_path / "a.txt")}]
    async with client.workflows.run_many(given, ordered=True) as batch:
        outcomes = await batch.all()
    assert [outcome.status for outcome in outcomes] == ["ConfigurationError"] * 2 + ["succeeded"]
    assert "'a.txt' is closed" in str(outcomes[1].error)


async def test_rows_need_an_end_user(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url) as client:
        with pytest.raises(errors.ConfigurationError, match="`user` must be set"):
            client.workflows.run_many(rows(1))
