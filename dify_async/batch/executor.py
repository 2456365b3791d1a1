"""Where the rows of a batch are run: in this process, or wherever an executor sends them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

from dify_async._http.observer import AttemptCounter
from dify_async.batch.outcome import ResultT_co
from dify_async.batch.rows import RowT
from dify_async.errors import DifyError

RowT_contra = TypeVar("RowT_contra", contravariant=True)

RowCall: TypeAlias = Callable[[RowT, str, AttemptCounter], Awaitable[ResultT_co]]
"""Runs a row, given its key in the journal, and counts the requests it takes."""


@attrs.frozen
class Answer(Generic[ResultT_co]):
    """What came of running one row."""

    result: ResultT_co | None
    """The result. Also set for a failed run, and partially for an interrupted one."""
    error: DifyError | None
    """Why the row failed, or None."""
    attempts: int
    """Number of requests sent to run the row."""
    executor_lost: bool = False
    """True if the executor can run no further rows."""


class Executor(Protocol[RowT_contra, ResultT_co]):
    """Runs the rows of one batch."""

    async def open(self) -> None:
        """Prepare to run rows. Called once, when the batch is entered."""
        ...

    async def run(self, row: RowT_contra, key: str) -> Answer[ResultT_co]:
        """Run one row. Errors of the row are in the answer; anything raised ends the batch."""
        ...

    async def close(self) -> None:
        """Release everything. Called once if `open` succeeded, when no row is in flight any more."""
        ...


@attrs.frozen
class LocalExecutor(Generic[RowT, ResultT_co]):
    """Runs each row by a call in this event loop."""

    call: RowCall[RowT, ResultT_co]

    async def open(self) -> None:
        """Do nothing: the client is open."""

    async def run(self, row: RowT, key: str) -> Answer[ResultT_co]:
        """Run one row."""
        return await answer_of(self.call, row, key)

    async def close(self) -> None:
        """Do nothing: the client stays open."""


async def answer_of(call: Callable[..., Awaitable[ResultT_co]], *arguments: Any) -> Answer[ResultT_co]:
    """Call a function that starts a run, and return its result or error with the number of attempts.

    Its last argument is the `AttemptCounter`.
    """
    attempts = AttemptCounter()
    try:
        result = await call(*arguments, attempts)
    except DifyError as error:
        partial = getattr(error, "result", None) or getattr(error, "partial", None)
        return Answer(partial, error, attempts.count)
    return Answer(result, None, attempts.count)
