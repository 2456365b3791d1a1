"""`CancelledError` that the batch did not cause is raised as an error and does not end the rows."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dify_async import AppClient, Batch, errors, sync
from dify_async.models import WorkflowResult
from dify_async.testing import FakeDify, Node, Workflow


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs=dict)


def cancelled_task() -> asyncio.Task[None]:
    task = asyncio.create_task(asyncio.sleep(9))
    task.cancel()
    return task


async def awaits_a_cancelled_task() -> AsyncIterator[dict[str, Any]]:
    for number in range(5):
        yield {"n": number}
    await cancelled_task()
    yield {"n": 5}


def reads_a_cancelled_future() -> Iterator[dict[str, Any]]:
    for number in range(5):
        yield {"n": number}
    future: concurrent.futures.Future[dict[str, Any]] = concurrent.futures.Future()
    future.cancel()
    yield future.result()


async def count(batch: Batch[Any, WorkflowResult]) -> int:
    return len([outcome async for outcome in batch])


@pytest.mark.parametrize("ordered", [False, True])
async def test_rows_that_await_a_cancelled_task(client: AppClient, ordered: bool) -> None:
    async with client.workflows.run_many(awaits_a_cancelled_task(), ordered=ordered) as batch:
        with pytest.raises(errors.DifyError, match="reading the rows was cancelled") as raised:
            await count(batch)
    assert isinstance(raised.value.__cause__, asyncio.CancelledError)
    assert batch.totals.ok == 5, "the rows in flight were delivered"


@pytest.mark.parametrize("ordered", [False, True])
async def test_rows_that_read_a_cancelled_future(client: AppClient, ordered: bool) -> None:
    async with client.workflows.run_many(reads_a_cancelled_future(), ordered=ordered) as batch:
        with pytest.raises(concurrent.futures.CancelledError):
            await count(batch)
    assert batch.totals.ok == 5


@pytest.mark.parametrize("ordered", [False, True])
def test_rows_of_the_blocking_client_that_read_a_cancelled_future(fake_dify: FakeDify, ordered: bool) -> None:
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with client.workflows.run_many(reads_a_cancelled_future(), ordered=ordered) as batch:
            with pytest.raises(concurrent.futures.CancelledError):
                batch.all()
        assert batch.totals.ok == 5
        with client.workflows.run_many(awaits_a_cancelled_task(), ordered=ordered) as batch:
            with pytest.raises(errors.DifyError, match="reading the rows was cancelled"):
                batch.all()
        assert batch.totals.ok == 5


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_limiter_that_awaits_a_cancelled_task(fake_dify: FakeDify, ordered: bool) -> None:
    entered = 0

    @asynccontextmanager
    async def limiter() -> AsyncIterator[None]:
        nonlocal entered
        entered += 1
        if entered == 2:
            await cancelled_task()
        yield

    url = fake_dify.base_url
    async with AppClient(fake_dify.api_key, user="ada", base_url=url, limiter=limiter) as client:
        async with client.workflows.run_many([{}] * 9, concurrency=2, ordered=ordered) as batch:
            with pytest.raises(errors.DifyError, match=r"row \d was cancelled"):
                await asyncio.wait_for(count(batch), timeout=10)
    assert batch.totals.ok == fake_dify.runs_started


async def test_all_tasks_cancelled_by_another_task(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    before = asyncio.all_tasks()
    async with client.workflows.run_many([{}] * 9, concurrency=2) as batch:
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
        for task in asyncio.all_tasks() - before:
            task.cancel()
        with pytest.raises(errors.DifyError, match="was cancelled by code outside the batch"):
            await count(batch)


async def test_a_reader_that_is_cancelled_gets_the_cancellation(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])

    async def read() -> None:
        async with client.workflows.run_many([{}] * 9, concurrency=2) as batch:
            await count(batch)

    reading = asyncio.create_task(read())
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (2, 2)


async def test_rows_that_suppress_the_cancellation_start_no_further_run(
    client: AppClient, fake_dify: FakeDify
) -> None:
    async def stubborn() -> AsyncIterator[dict[str, Any]]:
        yield {}
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield {}

    async with client.workflows.run_many(stubborn(), concurrency=3) as batch:
        await anext(batch)
    assert fake_dify.runs_started == 1


class Unusual(BaseException):
    """A BaseException, as some frameworks use for cancellation."""


async def test_rows_that_raise_what_is_not_an_exception(client: AppClient) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {}
        raise Unusual

    async with client.workflows.run_many(rows()) as batch:
        with pytest.raises(Unusual):
            await count(batch)
    assert batch.totals.ok == 1
