"""Many runs, a few at a time: rows in, outcomes out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
)
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar

import attrs

from dify_async._core.attempts import counting_attempts
from dify_async.batch.journal import Journal
from dify_async.errors import (
    ConfigurationError,
    DifyError,
    QuotaExceeded,
    RateLimited,
    RunRejected,
    ServerError,
)
from dify_async.models import ChatResult, CompletionResult, RunStatus, Usage, WorkflowResult

RowT = TypeVar("RowT")
ResultT_co = TypeVar("ResultT_co", bound=WorkflowResult | ChatResult | CompletionResult, covariant=True)
ResultT = TypeVar("ResultT", bound=WorkflowResult | ChatResult | CompletionResult)

Rows: TypeAlias = Iterable[RowT] | AsyncIterable[RowT]
"""What a batch is made of: read as it goes, so it may be endless."""

_TOO_MANY_REJECTED: Final = 3
"""Rejected runs in a row that stop a batch: a stock server keeps a place for each of them for 300 seconds,
and has ten."""

_FIRST_ROWS: Final = 10
"""An adaptive batch runs four at a time by then."""


@attrs.frozen(kw_only=True)
class Outcome(Generic[ResultT_co]):
    """What became of one row."""

    index: int
    """Its place among the rows, from 0."""
    key: str
    """What a journal knows the row by; without one, its place as a text."""
    row: Any
    """The row itself."""
    result: ResultT_co = attrs.field(default=None)
    """Its result, where it has one: also that of a run that failed, or as much as came of one that broke off.
    None else; the type leaves that out, so that who has looked at `ok` need not look twice."""
    error: DifyError | None = None
    """Why it is not ok."""
    attempts: int = 1
    """How often it was sent, the tries that the server refused included; 0 where that was not needed."""
    elapsed: float = 0.0
    """Seconds, waits between two tries included."""

    @property
    def ok(self) -> bool:
        """Whether it came to a good end, wholly or in part."""
        return self.error is None

    @property
    def status(self) -> str:
        """How it ended: `succeeded`, `partial-succeeded`, `failed`, ..., or the name of its error."""
        run = self.result.run if isinstance(self.result, ChatResult) else self.result
        if isinstance(run, WorkflowResult) and run.status != RunStatus.RUNNING:
            return str(run.status)
        return "succeeded" if self.error is None else type(self.error).__name__

    @property
    def usage(self) -> Usage | None:
        """Tokens and price, where the server tells them; of a workflow, of all its nodes together."""
        match self.result:
            case WorkflowResult() as run:
                return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
            case ChatResult(usage=None, run=WorkflowResult() as run):
                return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
            case ChatResult() | CompletionResult() as answer:
                return answer.usage
            case _:
                return None


@attrs.define
class Totals:
    """What a batch came to so far."""

    rows: int = 0
    ok: int = 0
    tokens: int = 0
    price: Decimal = Decimal(0)
    statuses: Counter[str] = attrs.Factory(Counter[str])
    """Rows by `Outcome.status`."""

    def add(self, outcome: Outcome[Any]) -> None:
        """Count an outcome."""
        self.rows += 1
        self.ok += outcome.ok
        self.statuses[outcome.status] += 1
        usage = outcome.usage
        if usage is not None:
            self.tokens += usage.total_tokens or 0
            self.price += usage.total_price or 0


class Batch(Generic[RowT, ResultT_co]):
    """The outcomes of many rows, as they come.

    ```python
    async with client.workflows.run_many(rows, concurrency=10) as batch:
        async for outcome in batch:
            if outcome.ok:
                ...
    print(batch.totals)
    ```

    Rows are taken only as fast as their outcomes are read: never are more than `concurrency` of them on
    their way or waiting to be read. A row that fails is an outcome like any other. Leaving the block before
    the end cancels what is on its way, and stops its runs as the client's `on_abandon` says.

    A used up quota stops the batch: no other row starts, those on their way are delivered, and then
    `QuotaExceeded` is raised. So do three runs in a row that the server rejects for their inputs: each keeps
    one of the server's few places for five minutes.
    """

    def __init__(
        self,
        rows: Rows[RowT],
        work: Callable[[RowT, str], Awaitable[ResultT_co]],
        *,
        concurrency: int,
        ordered: bool,
        adaptive: bool,
        journal: Journal | None = None,
    ) -> None:
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise ConfigurationError(f"concurrency is 1 or more, not {concurrency!r}")
        if isinstance(rows, str | bytes) or not isinstance(rows, Iterable | AsyncIterable):
            raise ConfigurationError(f"rows are an iterable of rows, not {type(rows).__name__}")
        self._totals = Totals()
        self._rows = _each(rows)
        self._work = work
        self._journal = journal
        self._ordered = ordered
        self._window = _Window(concurrency, adaptive=adaptive)
        self._ready: OrderedDict[int, Outcome[ResultT_co]] = OrderedDict()  # By index, as they came.
        self._next = 0  # Ordered: whose turn it is.
        self._news = asyncio.Event()  # For readers: there is an outcome, or there will be none any more.
        self._feeder: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # The feeder, and one for each row on its way.
        self._rejected = 0
        self._stop: Exception | None = None

    # Reading

    @property
    def totals(self) -> Totals:
        """What the outcomes that were read came to."""
        return self._totals

    @property
    def in_flight(self) -> int:
        """How many rows are on their way just now."""
        return self._window.running if self._tasks else 0  # Some may be cancelled before they begin.

    def __aiter__(self) -> AsyncIterator[Outcome[ResultT_co]]:
        if self._feeder is None:
            raise TypeError(
                "a batch is used in a block: async with client.workflows.run_many(...) as batch: ..."
            )
        return self

    async def __anext__(self) -> Outcome[ResultT_co]:
        while (outcome := self._take()) is None:
            if not self._tasks:
                raise self._stop or StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        self._window.give_back()
        self._totals.add(outcome)
        return outcome

    async def all(self) -> list[Outcome[ResultT_co]]:
        """Read all that is left."""
        return [outcome async for outcome in self]

    def _take(self) -> Outcome[ResultT_co] | None:
        """Give the next outcome, where it is there."""
        if not self._ready:
            return None
        if not self._ordered:
            return self._ready.popitem(last=False)[1]
        if self._next not in self._ready:
            if self._tasks:
                return None
            self._next = min(self._ready)  # The rows before it came to no outcome.
        self._next += 1
        return self._ready.pop(self._next - 1)

    # Working

    async def _feed(self) -> None:
        """Start rows, as long as there are places for them."""
        index = 0
        try:
            while True:
                await self._window.place()
                row = await anext(self._rows)
                key = str(index) if self._journal is None else self._journal.key_of(row)
                self._window.enter()
                self._start(self._follow(index, key, row))
                index += 1
        except StopAsyncIteration:
            pass
        except Exception as exc:  # noqa: BLE001 - the caller's own rows failed: told after what was started
            self._end(exc)

    async def _follow(self, index: int, key: str, row: RowT) -> None:
        """See a row to its end."""
        outcome: Outcome[Any] | None = None
        try:
            self._ready[index] = outcome = await self._outcome(index, key, row)
            self._judge(outcome)
            if self._journal is not None:
                self._journal.note_ended(key, outcome.result, outcome.error)
        except Exception as exc:  # noqa: BLE001 - what no row should end in: told when all others are done
            self._end(exc)
        finally:
            self._window.leave(outcome)

    async def _outcome(self, index: int, key: str, row: RowT) -> Outcome[Any]:
        started = time.monotonic()
        result: Any = None
        error: DifyError | None = None
        with counting_attempts() as attempts:
            try:
                result = await self._work(row, key)
            except DifyError as exc:
                error = exc
                result = getattr(exc, "result", None) or getattr(exc, "partial", None)
        return Outcome(
            index=index,
            key=key,
            row=row,
            result=result,
            error=error,
            attempts=attempts[0],
            elapsed=time.monotonic() - started,
        )

    def _judge(self, outcome: Outcome[Any]) -> None:
        """Stop the batch where going on would cost and not help."""
        if outcome.attempts > 0:  # Else it tells nothing of the server.
            self._rejected = self._rejected + 1 if isinstance(outcome.error, RunRejected) else 0
        if isinstance(outcome.error, QuotaExceeded) or self._rejected >= _TOO_MANY_REJECTED:
            self._end(outcome.error)

    def _end(self, reason: Exception | None) -> None:
        """Start no other row, and raise this when those on their way were read."""
        self._stop = self._stop or reason
        if self._feeder is not None:
            self._feeder.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._news.set()

    # Entering and leaving

    async def __aenter__(self) -> Self:
        if self._feeder is not None:
            raise TypeError("a batch is entered once: ask the client for another")
        if self._journal is not None:
            await _opened(self._journal)
        self._feeder = self._start(self._feed())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is on its way: what leaving the `async with` block does."""
        for task in self._tasks:
            task.cancel()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._rows.aclose()
        finally:
            if self._journal is not None:
                self._journal.close()


async def _opened(journal: Journal) -> None:
    opening = asyncio.create_task(asyncio.to_thread(journal.open))
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on, and would keep the file locked for nobody.
        await asyncio.wait([opening])
        if opening.exception() is None:
            journal.close()
        raise


async def _each(rows: Rows[RowT]) -> AsyncGenerator[RowT]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


class _Window:
    """How many rows may be on their way or waiting to be read, and how many of them on their way.

    Adaptive: the second is halved when the server shows that it has too much to do, and grows by one with
    each round of good answers (additive increase, multiplicative decrease).
    """

    def __init__(self, most: int, *, adaptive: bool) -> None:
        self._most = most
        self._adaptive = adaptive
        self._size: float = 1.0 if adaptive else most
        self._unread = 0
        self.running = 0
        """How many rows are on their way."""
        self._changed = asyncio.Event()
        self._pace = _Pace()
        self._calm = 0  # Answers to wait for until the next halving: what was on its way shares one cause.

    async def place(self) -> None:
        """Wait for a place."""
        while self._unread + self.running >= self._most or self.running >= int(self._size):
            self._changed.clear()
            await self._changed.wait()

    def enter(self) -> None:
        """Note that a row is on its way."""
        self.running += 1

    def leave(self, outcome: Outcome[Any] | None) -> None:
        """Note that a row has come to its end, and has not been read yet if it has an outcome."""
        self.running -= 1
        if outcome is not None:
            self._unread += 1
            if self._adaptive and outcome.attempts > 0:
                self._learn(outcome)
        self._changed.set()

    def give_back(self) -> None:
        """Note that an outcome was read."""
        self._unread -= 1
        self._changed.set()

    def _learn(self, outcome: Outcome[Any]) -> None:
        overloaded = outcome.attempts > 1 or isinstance(outcome.error, RateLimited | ServerError)
        if outcome.ok and not overloaded:
            self._pace.note(outcome.elapsed, self._size)
        self._calm -= 1
        if not overloaded and not self._pace.is_slow:
            self._size = min(float(self._most), self._size + 1 / self._size)
        elif self._calm <= 0:
            self._calm = 2 * int(self._size)
            self._size = max(1.0, self._size / 2)


class _Pace:
    """How long a row takes of late, and how long it took when the server had little to do."""

    def __init__(self) -> None:
        self._rows = 0
        self._usual = 0.0
        self._recent = 0.0

    @property
    def is_slow(self) -> bool:
        """Whether rows take more than twice as long as they usually do."""
        return self._recent > 2 * self._usual

    def note(self, seconds: float, window: float) -> None:
        """Note how long a row took, of which `window` are on their way at once."""
        self._rows += 1
        if self._rows <= _FIRST_ROWS:
            self._usual += (seconds - self._usual) / self._rows
            self._recent = self._usual
            return
        # Follows other rows that take their time, and hardly a server that slows down under our load.
        self._usual += (seconds - self._usual) / 2000
        # About a round; a single row that is far out says little.
        self._recent += (min(seconds, 4 * self._usual) - self._recent) / max(window, 4.0)
