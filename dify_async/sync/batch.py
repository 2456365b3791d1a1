"""Run many rows from blocking code."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self

import attrs

from dify_async.batch import Batch as AsyncBatch
from dify_async.batch import Outcome, ResultT_co, Rows, RowT, Totals
from dify_async.batch.rows import iterable_of
from dify_async.sync.bridge import Bridge, current


class Batch(Generic[RowT, ResultT_co]):
    """Iterate over the outcomes of many rows as they complete.

    ```python
    with client.workflows.run_many(rows, concurrency=10) as batch:
        for outcome in batch:
            if outcome.ok:
                ...
    print(batch.totals)
    ```

    Rows are read no faster than their outcomes are consumed: at most `concurrency` rows are in flight or
    waiting to be read. A failed row yields an outcome like any other. Leaving the block early cancels the
    rows in flight and stops their runs, according to the client's `on_abandon`.

    The batch stops when further rows would fail for the same reason, such as an exhausted quota or a wrong
    API key. No further rows start, rows in flight are delivered, then the error is raised.

    Rows that are not a sequence are read in a separate thread: create objects that belong to one thread, such
    as a cursor of sqlite3, inside the iterable.
    """

    def __init__(self, wrapped: AsyncBatch[RowT, ResultT_co]) -> None:
        self._batch = wrapped
        self._bridge: Bridge | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None

    @property
    def totals(self) -> Totals:
        """The totals over the outcomes read so far."""
        return self._batch.totals

    @property
    def in_flight(self) -> int:
        """Number of rows in flight."""
        return self._batch.in_flight

    def __iter__(self) -> Iterator[Outcome[ResultT_co]]:
        if self._bridge is None:
            raise TypeError(
                "a batch must be entered first: with client.workflows.run_many(...) as batch: ..."
            )
        return self

    def __next__(self) -> Outcome[ResultT_co]:
        try:
            return current().call(self._batch.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def all(self) -> list[Outcome[ResultT_co]]:
        """Return all remaining outcomes."""
        return list(self)

    def close(self) -> None:
        """Cancel the rows in flight, like leaving the `with` block."""
        bridge = current()
        if self._bridge is bridge:  # Otherwise it was not entered, or belongs to the parent process.
            bridge.call(self._batch.aclose)
            bridge.open.discard(self._batch)
            assert self._finalizer is not None
            self._finalizer.detach()

    def __enter__(self) -> Self:
        bridge = current()
        bridge.open.add(self._batch)
        self._finalizer = weakref.finalize(self, bridge.post, self._batch.aclose)
        self._finalizer.atexit = False
        bridge.call(self._batch.__aenter__)
        self._bridge = bridge
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def non_blocking(rows: Rows[RowT]) -> Rows[RowT]:
    """Return rows that can be read without blocking the event loop."""
    rows = iterable_of(rows)
    # Reading an iterable may block, for example a file; reading a sequence does not.
    if isinstance(rows, Iterable) and not isinstance(rows, Sequence | AsyncIterable):
        return _read_in_thread(rows)
    return rows


@attrs.frozen
class _Raised:
    """An exception of the iterable. On the future itself, a `CancelledError` would cancel the future."""

    error: Exception


async def _read_in_thread(rows: Iterable[RowT]) -> AsyncIterator[RowT]:
    end: Any = object()
    requests: SimpleQueue[Future[RowT | _Raised] | None] = SimpleQueue()

    def read() -> None:
        iterator: Iterator[RowT] | None = None
        while (row := requests.get()) is not None:
            if not row.set_running_or_notify_cancel():
                continue
            try:
                iterator = iterator or iter(rows)
                row.set_result(next(iterator, end))
            except Exception as exc:  # noqa: BLE001 - raised by the batch
                row.set_result(_Raised(exc))
            except BaseException as exc:  # noqa: BLE001 - raised unchanged, it would end the event loop
                row.set_result(_Raised(RuntimeError(f"`rows` raised {exc!r}")))

    # One thread for all rows, because some objects may be used in one thread only. It is a daemon, so the
    # process does not wait for it.
    threading.Thread(target=read, name="dify-async-rows", daemon=True).start()
    try:
        while True:
            future: Future[RowT | _Raised] = Future()
            requests.put(future)
            row = await asyncio.wrap_future(future)
            if isinstance(row, _Raised):
                raise row.error
            if row is end:
                return
            yield row
    finally:
        requests.put(None)
