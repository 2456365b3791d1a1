"""How a run is found again whose stream broke off: followed anew, or read from its record."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any, Final

import aiohttp
import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.request import Options, Request
from dify_async.errors import ApiError, DecodeError, TooLarge, TransportError
from dify_async.events import (
    Event,
    WorkflowFinished,
    WorkflowFinishedData,
    WorkflowPaused,
    WorkflowPausedData,
)
from dify_async.models import RunStatus, WorkflowRun
from dify_async.settings import Retry, Timeouts

PATIENCE: Final = 1260.0
"""Seconds without a sign of progress after which a run is given up. A stock server ends a run after 1,200;
one whose worker was killed says "running" for ever."""

_LONGEST_PAUSE: Final = 8.0
"""Seconds between two looks at a run."""

_ONCE: Final = Retry(attempts=1)
_GOES_ON: Final = {RunStatus.RUNNING, RunStatus.SCHEDULED}


def following(
    core: Core, run_id: str, *, snapshot: bool, continue_on_pause: bool, options: Options
) -> Request:
    """Make the request that follows a run; the core is that of the end user who started it."""
    return core.prepare(
        operations.FOLLOW_RUN,
        ids={"workflow_run_id": run_id},
        query={
            "include_state_snapshot": snapshot or None,
            # The Web API has no such word.
            "continue_on_pause": (continue_on_pause and core.identity.names_user) or None,
        },
        options=options,
    )


@attrs.define(kw_only=True)
class Recovery:
    """The search for one run. It spends no retries: it goes on until the run ends or shows no life."""

    core: Core
    run_id: str
    timeouts: Timeouts
    continue_on_pause: bool = False
    alive_at: float
    """When the run last showed a sign of progress, by the loop's clock. Pings are none."""
    has_record: bool = True
    """Whether the server tells the record of a run; the Web API does not."""
    _may_attach: bool = True
    _tries: int = 0
    _record: Any = None
    refused: ApiError | None = None
    """Why the server tells nothing more of the run."""

    @property
    def until(self) -> float:
        """When the run is given up."""
        return self.alive_at + PATIENCE

    def note_life(self) -> None:
        """Take a live event for a sign of progress."""
        self.alive_at = asyncio.get_running_loop().time()
        self._tries = 0

    async def next(self) -> aiohttp.ClientResponse | Event | None:
        """Give a stream that follows the run, or its last event; None where there is no way back."""
        loop = asyncio.get_running_loop()
        at_once = False
        while loop.time() < self.until:
            if self._tries:
                if not at_once:
                    await asyncio.sleep(min(self._pause(), self.until - loop.time()))
                if self.has_record:
                    found = await self._ask()
                    if found is not None or self.refused is not None:
                        return found
                elif self.refused is not None:
                    return None
            self._tries += 1
            if self._may_attach and (answer := await self._attach()) is not None:
                return answer
            # Refused for good, so its record is all there is to ask for.
            at_once = self._tries == 1 and not self._may_attach
        return None

    def _pause(self) -> float:
        spread = (1 + random.random()) / 2  # noqa: S311 - spreads callers, guards nothing
        return min(_LONGEST_PAUSE, 0.25 * 2.0**self._tries) * spread

    async def _attach(self) -> aiohttp.ClientResponse | None:
        request = following(
            self.core,
            self.run_id,
            snapshot=True,
            continue_on_pause=self.continue_on_pause,
            options=Options(timeout=self.timeouts),
        )
        try:
            # An API that restarts may hold a connection for minutes before it answers.
            return await self.core.open(request, silence=self.timeouts.read)
        except ApiError as error:
            # What is no id at all is answered by a 500, whatever the server's state.
            self._may_attach = _may_pass(error) and (error.status != 500 or _is_uuid(self.run_id))
            if not self._may_attach and not self.has_record:
                self.refused = error
        except (TransportError, DecodeError, TooLarge):
            pass
        return None

    async def _ask(self) -> Event | None:
        try:
            record = await self.core.call(
                operations.GET_WORKFLOW_RUN,
                ids={"workflow_run_id": self.run_id},
                options=Options(timeout=self.timeouts),
                retry=_ONCE,
            )
        except ApiError as error:
            self.refused = None if _may_pass(error) else error
            return None
        except (TransportError, DecodeError, TooLarge):
            return None
        # Which form a pause is for is told by a snapshot alone; it may be one that was submitted just now.
        is_unclear = record.status == RunStatus.PAUSED and self._may_attach
        if record.status not in _GOES_ON and not is_unclear:
            return _last_event(record)
        if record.raw != self._record:
            self._record = record.raw
            self.alive_at = asyncio.get_running_loop().time()
        return None


def _may_pass(error: ApiError) -> bool:
    """Say whether a refusal is one of the moment."""
    return error.status >= 500 or error.status == 429


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _last_event(record: WorkflowRun) -> Event:
    """Give the event that the record of a run stands for."""
    common: dict[str, Any] = {
        "outputs": record.outputs,
        "status": record.status,
        "created_at": record.created_at,
        "elapsed_time": record.elapsed_time or 0.0,
        "total_tokens": record.total_tokens or 0,
        "total_steps": record.total_steps or 0,
    }
    event: WorkflowPaused | WorkflowFinished
    if record.status == RunStatus.PAUSED:
        event = WorkflowPaused(
            workflow_run_id=record.id, data=WorkflowPausedData(workflow_run_id=record.id, **common)
        )
    else:
        data = WorkflowFinishedData(
            id=record.id,
            workflow_id=record.workflow_id or "",
            error=record.error,
            finished_at=record.finished_at,
            **common,
        )
        event = WorkflowFinished(workflow_run_id=record.id, data=data)
    return event.received_as(record)
