"""Executors run the rows of a batch: in this process, or elsewhere, such as on a cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs

from dify_async._http.attempts import AttemptCounter
from dify_async.batch.outcome import ResultT_co
from dify_async.batch.rows import RowT
from dify_async.errors import DifyError

RowT_contra = TypeVar("RowT_contra", contravariant=True)

RowCall: TypeAlias = Callable[[RowT, str, AttemptCounter], Awaitable[ResultT_co]]
"""Runs a row, given its key in the journal, and counts its requests."""


@attrs.frozen
class RowResult(Generic[ResultT_co]):
    """The result or error of one row, as an executor returns it."""

    result: ResultT_co | None
    """The result. Also set for a failed run, and partially for an interrupted one."""
    error: DifyError | None
    """Why the row failed, or None."""
    attempts: int
    """Number of requests sent to run the row."""
    executor_lost: bool = False
    """True if the executor cannot run further rows."""


class Executor(Protocol[RowT_contra, ResultT_co]):
    """Runs the rows of one batch."""

    async def open(self) -> None:
        """Prepare to run rows. Called once, when the batch is entered."""
        ...

    async def run(self, row: RowT_contra, key: str) -> RowResult[ResultT_co]:
        """Run one row. Errors of the row are returned; an exception ends the batch."""
        ...

    async def close(self) -> None:
        """Release all resources. Called once if `open` succeeded, when no row is in flight."""
        ...


@attrs.frozen
class LocalExecutor(Generic[RowT, ResultT_co]):
    """Runs each row by a call in this event loop."""

    call: RowCall[RowT, ResultT_co]

    async def open(self) -> None:
        """Do nothing: the client is open."""

    async def run(self, row: RowT, key: str) -> RowResult[ResultT_co]:
        """Run one row."""
        return await run_call(self.call, row, key)

    async def close(self) -> None:
        """Do nothing: the client stays open."""


async def run_call(call: Callable[..., Awaitable[ResultT_co]], *arguments: Any) -> RowResult[ResultT_co]:
    """Call a function that starts a run, and return its result or error with the number of attempts.

    An `AttemptCounter` is passed as the last argument.
    """
    attempts = AttemptCounter()
    try:
        result = await call(*arguments, attempts)
    except DifyError as error:
        partial = getattr(error, "result", None) or getattr(error, "partial", None)
        return RowResult(partial, error, attempts.count)
    return RowResult(result, None, attempts.count)
