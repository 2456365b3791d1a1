"""Run the recovery of a stream in tasks that can be cancelled by another task."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import attrs

from dify_async._http.loop_state import LoopState
from dify_async._http.response import IncomingResponse
from dify_async._streaming.leaving import abandon
from dify_async._streaming.recovery import Recovery
from dify_async.events import Event

T = TypeVar("T")


@attrs.define(eq=False)
class RecoveryTask:
    """Runs the steps of a recovery in tasks, which `cancel` ends from another task."""

    recovery: Recovery
    _loop_state: LoopState
    _task: asyncio.Task[Any] | None = None

    async def next(self, deadline: float | None) -> IncomingResponse | Event | None:
        """Return a stream that follows the run, or the last event of the run; None if there is neither.

        Raises:
            TimeoutError: the deadline, by the event loop's clock, has passed.
        """
        async with asyncio.timeout_at(deadline):
            return await self._in_task(self.recovery.next())

    async def poll_record(self, deadline: float | None) -> Event | None:
        """Return the run's last event; None if the run is in progress or no connection is available."""
        latest = asyncio.get_running_loop().time() + self.recovery.read_timeout
        try:
            async with asyncio.timeout_at(latest if deadline is None else min(latest, deadline)):
                return await self._in_task(self.recovery.poll())
        except TimeoutError:
            return None

    def cancel(self) -> None:
        """End the wait of another task."""
        if self._task is not None:
            self._task.cancel()

    async def _in_task(self, work: Coroutine[Any, Any, T]) -> T | None:
        task = self._task = self._loop_state.spawn(work)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            abandon(task)
            raise
        finally:
            self._task = None
        return None if task.cancelled() else task.result()
