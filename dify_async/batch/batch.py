"""Run many rows with bounded concurrency: rows in, outcomes out."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
)
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Generic, Self

from dify_async._http.logs import BATCH
from dify_async._http.observing import NO_OBSERVERS, Observers
from dify_async._journal_file import open_in_thread
from dify_async.batch.executor import Executor, LocalExecutor, RowCall
from dify_async.batch.journal import Journal
from dify_async.batch.outcome import Failure, Outcome, ResultT_co, Success, Totals
from dify_async.batch.pace import Pace
from dify_async.batch.rows import Rows, RowT, each, iterable_of
from dify_async.batch.stopping import StopRule
from dify_async.batch.window import Window
from dify_async.errors import ConfigurationError, DifyError
from dify_async.observer import BatchRow


class Batch(Generic[RowT, ResultT_co]):
    """Iterate over the outcomes of many rows as they complete.

    ```python
    async with client.workflows.run_many(rows, concurrency=10) as batch:
        async for outcome in batch:
            if outcome.ok:
                ...
    print(batch.totals)
    ```

    Rows are read no faster than their outcomes are consumed: at most `concurrency` rows are in flight or
    waiting to be read. A failed row yields an outcome like any other. Leaving the block early cancels the
    rows in flight and stops their runs, according to the client's `on_abandon`.

    The batch stops when further rows would fail for the same reason: an exhausted quota, a wrong API key, an
    app of another mode, a server that cannot be reached at the start. It also stops after three consecutive
    runs rejected by a server before 1.15, which keeps a slot for each of them for five minutes. No further
    rows start, rows in flight are delivered, then the error is raised. Exceptions of your own `rows` are
    raised in the same way.
    """

    def __init__(
        self,
        rows: Rows[RowT],
        executor: Executor[RowT, ResultT_co] | RowCall[RowT, ResultT_co],
        *,
        concurrency: int,
        ordered: bool,
        adaptive: bool,
        journal: Journal | None = None,
        observers: Observers = NO_OBSERVERS,
        per_minute: float | None = None,
        user_of: Callable[[RowT], str | None] = lambda _: None,
    ) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise ConfigurationError(f"`concurrency` must be an int of 1 or more, got {concurrency!r}")
        self._totals = Totals()
        self._rows = each(iterable_of(rows))
        self._executor = LocalExecutor(executor) if callable(executor) else executor
        self._journal = journal
        self._observers = observers
        self._ordered = ordered
        self._window = Window(concurrency, adaptive=adaptive)
        self._stop_rule = StopRule()
        self._pace = Pace(per_minute)
        self._user_of = user_of
        # By index, in order of completion.
        self._ready: OrderedDict[int, Outcome[ResultT_co]] = OrderedDict()
        self._next = 0  # If ordered: the index to deliver next.
        self._news = asyncio.Event()  # Set when there is an outcome, or no task is left.
        self._feeder: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # The feeder, and one task for each row in flight.
        self._opened = AsyncExitStack()
        self._error: BaseException | None = None  # Raised after all outcomes have been read.
        self._is_closing = False

    # Reading

    @property
    def totals(self) -> Totals:
        """The totals over the outcomes read so far."""
        return self._totals

    @property
    def in_flight(self) -> int:
        """Number of rows in flight."""
        return self._window.in_flight if self._tasks else 0  # Cancelled tasks may never have started.

    def __aiter__(self) -> AsyncIterator[Outcome[ResultT_co]]:
        if self._feeder is None:
            raise TypeError(
                "a batch must be entered first: async with client.workflows.run_many(...) as batch: ..."
            )
        return self

    async def __anext__(self) -> Outcome[ResultT_co]:
        while (outcome := self._take()) is None:
            if not self._tasks:
                raise self._error or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        self._window.read()
        self._totals.add(outcome)
        return outcome

    async def all(self) -> list[Outcome[ResultT_co]]:
        """Return all remaining outcomes."""
        return [outcome async for outcome in self]

    def _take(self) -> Outcome[ResultT_co] | None:
        """Return the next outcome if it is ready."""
        if not self._ready:
            return None
        if not self._ordered:
            return self._ready.popitem(last=False)[1]
        if self._next not in self._ready:
            if self._tasks:
                return None
            self._next = min(self._ready)  # The rows before it have no outcome.
        self._next += 1
        return self._ready.pop(self._next - 1)

    # Running

    async def _feed(self) -> None:
        """Start rows as long as there are slots."""
        index = 0
        try:
            while True:
                await self._window.wait_for_slot()
                row = await anext(self._rows)
                if self._error is not None or self._is_closing:
                    return  # The caller's iterable suppressed the cancellation.
                key = str(index) if self._journal is None else self._journal.key_of(row)
                self._window.started()
                self._start(self._run(index, key, row))
                index += 1
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError as exc:
            self._stop_unless_closing("reading the rows", exc)
            raise
        except BaseException as exc:  # From the caller's iterable: raised after the rows in flight.
            self._stop(exc)
            if not isinstance(exc, Exception):
                raise  # The event loop may need it too, for example KeyboardInterrupt.

    async def _run(self, index: int, key: str, row: RowT) -> None:
        """Run one row to its outcome."""
        outcome: Outcome[Any] | None = None
        observed: BatchRow | None = None
        if self._observers.given or BATCH.isEnabledFor(logging.DEBUG):
            observed = BatchRow(index=index, key=key)
            self._observers.notify("batch_row_started", observed)
        try:
            self._ready[index] = outcome = await self._outcome(index, key, row)
            if self._stop_rule.stops(outcome):
                self._stop(outcome.error)
            if self._journal is not None:
                self._journal.record_outcome(outcome)
        except asyncio.CancelledError as exc:
            self._stop_unless_closing(f"row {index}", exc)
            raise
        except BaseException as exc:  # Not an error of the row: raised after the rows in flight.
            self._stop(exc)
            if not isinstance(exc, Exception):
                raise
        finally:
            if observed is not None:
                self._observers.notify("batch_row_ended", observed, outcome)
            self._window.finished(outcome)

    async def _outcome(self, index: int, key: str, row: RowT) -> Outcome[Any]:
        journal = self._journal
        if journal is not None and (done := journal.outcome_of(key, index, row)) is not None:
            return done
        if not self._was_started(key):
            await self._pace.wait()
        loop = asyncio.get_running_loop()
        started = loop.time()
        run = await self._executor.run(row, key)
        if run.executor_lost:
            self._stop(run.error)
        resumed = self._was_started(key)
        fields: dict[str, Any] = {
            "index": index,
            "key": key,
            "row": row,
            "result": run.result,
            "attempts": 1 if resumed else run.attempts,  # At least one, sent by an earlier batch.
            "elapsed": loop.time() - started,
            "resumed": resumed,
            "user": self._user_of(row),
        }
        return Success(**fields) if run.error is None else Failure(**fields, error=run.error)

    def _was_started(self, key: str) -> bool:
        """Return True if an earlier batch has started the run of a row, which is followed."""
        return self._journal is not None and key in self._journal.in_flight

    def _stop(self, reason: BaseException | None) -> None:
        """Start no further rows; raise `reason` after the outcomes of the rows in flight have been read."""
        self._error = self._error or reason
        if self._feeder is not None:
            self._feeder.cancel()

    def _stop_unless_closing(self, what: str, cancelled: asyncio.CancelledError) -> None:
        """Stop with an error if other code than this batch cancelled one of its tasks.

        `rows` or a limiter may also raise `CancelledError`, after awaiting a cancelled task. Rows must not be
        lost without an error.
        """
        if not self._is_closing:
            error = DifyError(f"{what} was cancelled by code outside the batch, so the batch is incomplete")
            error.__cause__ = cancelled
            self._stop(error)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Otherwise asyncio would log an exception that the batch raises.
        self._news.set()

    # Entering and leaving

    async def __aenter__(self) -> Self:
        if self._feeder is not None:
            raise TypeError("a batch can be entered only once: create another one")
        async with AsyncExitStack() as opened:
            await self._executor.open()
            opened.push_async_callback(self._executor.close)
            if self._journal is not None:
                await open_in_thread(self._journal)
                opened.callback(self._journal.close)
            self._opened = opened.pop_all()
        self._feeder = self._start(self._feed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel the rows in flight, like leaving the `async with` block."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._rows.aclose()
        finally:
            await self._opened.aclose()
