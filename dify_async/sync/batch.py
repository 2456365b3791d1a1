"""Many runs, without `await`."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self

from dify_async.batch import Batch as AsyncBatch
from dify_async.batch import Outcome, ResultT_co, Rows, RowT, Totals
from dify_async.sync.bridge import Bridge, current


class Batch(Generic[RowT, ResultT_co]):
    """The outcomes of many rows, as they come.

    ```python
    with client.workflows.run_many(rows, concurrency=10) as batch:
        for outcome in batch:
            if outcome.ok:
                ...
    print(batch.totals)
    ```

    All that is said of the asynchronous `Batch` holds. Rows are read in a thread of their own, unless they
    are a list: what belongs to one thread, as a cursor of sqlite3 does, is made where the rows are.
    """

    def __init__(self, twin: AsyncBatch[RowT, ResultT_co]) -> None:
        self._twin = twin
        self._bridge: Bridge | None = None
        self._dropped: weakref.finalize[Any, Any] | None = None

    @property
    def totals(self) -> Totals:
        """What the outcomes that were read came to."""
        return self._twin.totals

    @property
    def in_flight(self) -> int:
        """How many rows are on their way just now."""
        return self._twin.in_flight

    def __iter__(self) -> Iterator[Outcome[ResultT_co]]:
        if self._bridge is None:
            raise TypeError("a batch is used in a block: with ...run_many(...) as batch: ...")
        return self

    def __next__(self) -> Outcome[ResultT_co]:
        try:
            return current().call(self._twin.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def all(self) -> list[Outcome[ResultT_co]]:
        """Read all that is left."""
        return list(self)

    def close(self) -> None:
        """Cancel what is on its way: what leaving the `with` block does."""
        bridge = current()
        if self._bridge is bridge:  # Else it was never entered, or belongs to the process that forked.
            bridge.call(self._twin.aclose)
            bridge.open.discard(self._twin)
            assert self._dropped is not None
            self._dropped.detach()

    def __enter__(self) -> Self:
        bridge = current()
        bridge.open.add(self._twin)
        self._dropped = weakref.finalize(self, bridge.post, self._twin.aclose)
        self._dropped.atexit = False
        bridge.call(self._twin.__aenter__)
        self._bridge = bridge
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unblocking(rows: Rows[RowT]) -> Rows[RowT]:
    """Give rows that can be read without holding the loop up."""
    # What is no list may block while it is read, as a file does.
    if isinstance(rows, Iterable) and not isinstance(rows, Sequence | AsyncIterable):
        return _read_in_a_thread(rows)
    return rows


async def _read_in_a_thread(rows: Iterable[RowT]) -> AsyncIterator[RowT]:
    end: Any = object()
    asked: SimpleQueue[Future[RowT] | None] = SimpleQueue()

    def read() -> None:
        iterator: Iterator[RowT] | None = None
        while (row := asked.get()) is not None:
            if not row.set_running_or_notify_cancel():
                continue
            try:
                iterator = iterator or iter(rows)
                row.set_result(next(iterator, end))
            except Exception as exc:  # noqa: BLE001 - goes to who reads the batch
                row.set_exception(exc)
            except BaseException as exc:  # noqa: BLE001 - as it is, it would end the event loop
                row.set_exception(RuntimeError(f"the rows ended by {exc!r}"))

    # One thread for all of them, for some things belong to one. The process does not wait for it.
    threading.Thread(target=read, name="dify-async-rows", daemon=True).start()
    try:
        while True:
            future: Future[RowT] = Future()
            asked.put(future)
            row = await asyncio.wrap_future(future)
            if row is end:
                return
            yield row
    finally:
        asked.put(None)
