"""Batches of any size and mode keep their promises with any outcome of rows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

from hypothesis import given
from hypothesis import strategies as st

from dify_async.batch import Batch
from dify_async.errors import DifyError, QuotaExceeded, RateLimited, ServerError
from dify_async.models import RunStatus, WorkflowResult
from tests.support.limits import HANGS_AFTER

GOOD = WorkflowResult(status=RunStatus.SUCCEEDED)
SMALL = st.integers(0, 20)


class Broken(Exception):
    """An unexpected exception of a row."""


@given(
    count=SMALL,
    concurrency=st.integers(1, 6),
    ordered=st.booleans(),
    adaptive=st.booleans(),
    asynchronous=st.booleans(),
    readers=st.integers(1, 3),
    rows_end=st.none() | SMALL,
    breaks=st.none() | SMALL,
    quota=st.none() | SMALL,
    rows_cancelled=st.none() | SMALL,
    cancelled=st.none() | SMALL,
    chance=st.randoms(use_true_random=False),
)
async def test_each_started_row_has_one_outcome(
    count: int,
    concurrency: int,
    ordered: bool,
    adaptive: bool,
    asynchronous: bool,
    readers: int,
    rows_end: int | None,
    breaks: int | None,
    quota: int | None,
    rows_cancelled: int | None,
    cancelled: int | None,
    chance: random.Random,
) -> None:
    begun: list[int] = []
    read: list[int] = []
    raised: list[Exception] = []
    running = 0

    def rows() -> Iterator[int]:
        for row in range(count):
            if row == rows_end:
                raise Broken
            if row == rows_cancelled:
                raise asyncio.CancelledError
            # A reader may have received an outcome and not recorded it yet.
            assert row - len(read) < concurrency + readers
            yield row

    async def slow_rows() -> AsyncIterator[int]:
        for row in rows():
            await pause(2)
            yield row

    async def pause(most: int) -> None:
        for _ in range(chance.randint(0, most)):
            await asyncio.sleep(0)

    async def work(row: int, _key: str, _attempts: object) -> WorkflowResult:
        nonlocal running
        begun.append(row)
        running += 1
        assert running <= concurrency
        await pause(5)
        running -= 1
        if row == breaks:
            raise Broken
        if row == cancelled:
            raise asyncio.CancelledError
        if row == quota:
            raise QuotaExceeded("used up", status=429)
        error = chance.choice(
            [None, None, None, ServerError("no", status=500), RateLimited("no", status=429)]
        )
        if error is not None:
            raise error
        return GOOD

    async def reader() -> None:
        try:
            async for outcome in batch:
                read.append(outcome.index)
                await pause(3)
        except (Broken, DifyError) as exc:
            raised.append(exc)

    given_rows = slow_rows() if asynchronous else rows()
    batch = Batch(given_rows, work, concurrency=concurrency, ordered=ordered, adaptive=adaptive)
    async with batch:
        async with asyncio.timeout(HANGS_AFTER):
            await asyncio.gather(*(reader() for _ in range(readers)))
    assert (running, batch.in_flight, batch.totals.rows) == (0, 0, len(read))
    assert sorted(read) == sorted(set(begun) - {breaks, cancelled})
    assert read == sorted(read) or not ordered or readers > 1
    stopped = any(
        end is not None and end < count for end in (rows_end, breaks, quota, rows_cancelled, cancelled)
    )
    assert len(raised) == (readers if stopped else 0)
    assert stopped or len(read) == count
