"""Recover an interrupted run: attach to its events, or poll its record."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any, Final, cast

import attrs

from dify_async._http.api import Api
from dify_async._http.auth import AuthHeaders
from dify_async._http.request import Request
from dify_async._http.response import IncomingResponse
from dify_async._streaming.run_spec import RunSpec
from dify_async.errors import ApiError, DecodeError, DifyError, NotFound, TooLarge, TransportError
from dify_async.events import (
    Event,
    WorkflowFinished,
    WorkflowFinishedData,
    WorkflowPaused,
    WorkflowPausedData,
)
from dify_async.models._base import with_raw_of
from dify_async.models.runs import RunStatus, WorkflowRun
from dify_async.operations.runs import FOLLOW_RUN, GET_WORKFLOW_RUN
from dify_async.options import AppCallOptions
from dify_async.settings import Retry

GIVE_UP_AFTER: Final = 1260.0
"""Seconds without progress after which recovery gives up. A default server ends a run after 1,200 seconds; a
run whose worker was killed stays "running" forever."""

_MAX_DELAY: Final = 8.0
"""Maximum delay between two attempts, in seconds. After a stream that was open for this time and had events,
the delay is reset. After a silent stream the record is read first, because a proxy may hold events back.
"""

_CHECK_EVERY: Final = 60.0
"""Minimum seconds between two checks of the record of a run whose stream has only pings."""

_ONCE: Final = Retry(attempts=1)
_IN_PROGRESS: Final = {RunStatus.RUNNING, RunStatus.SCHEDULED}


def follow_request(
    api: Api, run_id: str, options: AppCallOptions, *, snapshot: bool, continue_on_pause: bool
) -> Request:
    """Return the request that attaches to a run; `api` must have the end user who started it."""
    return api.build(
        FOLLOW_RUN,
        options,
        ids={"workflow_run_id": run_id},
        query={
            "include_state_snapshot": snapshot or None,
            # The Web API does not have this parameter.
            "continue_on_pause": (continue_on_pause and api.auth.sends_user) or None,
        },
    )


async def fetch_record(api: Api, run_id: str, options: AppCallOptions) -> WorkflowRun:
    """Return the stored record of a run.

    Raises:
        NotFound: the app has no such run.
        DecodeError: the server returned the record of another run.
    """
    record = await api.call(GET_WORKFLOW_RUN, options, ids={"workflow_run_id": run_id})
    if record.id != run_id:
        raise _wrong_record(api, record)
    return record


def _wrong_record(api: Api, record: WorkflowRun) -> DifyError:
    """Return the error for a record that belongs to another run."""
    context: dict[str, Any] = {
        "operation": GET_WORKFLOW_RUN.name,
        "server_version": api.transport.server_version,
    }
    if record.id:
        return DecodeError("the server returned the record of another run", **context)
    # Servers of early 2025 respond with status 200 and empty fields.
    return NotFound("404: there is no such run", status=404, **context)


@attrs.define(kw_only=True)
class Recovery:
    """The recovery of one run, until the run ends or makes no progress for 21 minutes."""

    api: Api
    run_id: str
    options: AppCallOptions
    """Options of the call that started or followed the run."""
    read_timeout: float
    """Maximum silence of an attached stream, in seconds; the server sends a ping every 10 seconds."""
    continue_on_pause: bool = False
    progress_at: float
    """When the run last made progress, by the event loop's clock. Pings do not count."""
    rejected: DifyError | None = None
    """Why the server does not return the run. None if it may still return it."""
    _attempts: int = 0
    _attached_at: float | None = None
    _may_attach: bool = True
    _record: Any = None
    _pings_to_check: int = 2
    _checked_at: float | None = None

    @property
    def has_record(self) -> bool:
        """True if the server returns records of runs; the Web API does not."""
        return self.api.auth.sends_user

    @property
    def until(self) -> float:
        """When recovery gives up, by the event loop's clock."""
        return self.progress_at + GIVE_UP_AFTER

    def note_progress(self) -> None:
        """Reset the time after which recovery gives up."""
        self.progress_at = asyncio.get_running_loop().time()
        self._pings_to_check = 2

    async def next(self) -> IncomingResponse | Event | None:
        """Return a stream that follows the run, or the run's last event; None if it cannot be recovered."""
        loop = asyncio.get_running_loop()
        attached_at, self._attached_at = self._attached_at, None
        if attached_at is not None and attached_at <= min(self.progress_at, loop.time() - _MAX_DELAY):
            self._attempts = 0
        while loop.time() < self.until:
            if self._attempts > 0:
                await asyncio.sleep(min(self._delay(), self.until - loop.time()))
                if (event := await self.poll()) is not None:
                    return event
            self._attempts += 1
            if self._may_attach and (response := await self._attach()) is not None:
                self._attached_at = loop.time()
                return response
            if not self._may_attach and self._attempts == 1 and (event := await self.poll()) is not None:
                return event
            if self.rejected is not None:
                return None
        return None

    async def poll(self) -> Event | None:
        """Return the last event of the run, created from its record; None while the run is in progress."""
        if not self.has_record:
            return None
        try:
            options: AppCallOptions = {**self.options, "retry": _ONCE}
            record = await self.api.call(GET_WORKFLOW_RUN, options, ids={"workflow_run_id": self.run_id})
        except ApiError as error:
            self.rejected = None if self._is_transient(error) else error
            return None
        except (TransportError, DecodeError, TooLarge):
            return None
        if record.id != self.run_id:
            self.rejected = _wrong_record(self.api, record)
            return None
        if record.status == RunStatus.PAUSED:
            if self.continue_on_pause:
                self.note_progress()  # Waiting for a person may take long.
            # The record does not contain the form of the pause, which may just have been submitted; only a
            # snapshot does.
            if self.continue_on_pause or self._may_attach:
                return None
        elif record.status in _IN_PROGRESS:
            if record.raw != self._record:
                self._record = record.raw
                self.note_progress()
            return None
        return _last_event(record)

    def should_check_record(self, pings: int) -> bool:
        """Return True if the record should be read: a stream with only pings may miss the end of its run.

        A server may subscribe to the events of a run just after the run has ended, and then sends only pings
        for 300 seconds (Dify 1.16.1: one of 350 streams that were opened near the end of a run).
        """
        now = asyncio.get_running_loop().time()
        if not self.has_record or pings < self._pings_to_check:
            return False
        if (
            self._checked_at is not None
            and self._pings_to_check > 8
            and now - self._checked_at < _CHECK_EVERY
        ):
            return False
        self._pings_to_check *= 2
        self._checked_at = now
        return True

    def _delay(self) -> float:
        spread = (1 + random.random()) / 2  # noqa: S311 - only spreads callers out
        return min(_MAX_DELAY, 0.25 * 2.0 ** min(self._attempts, 16)) * spread

    async def _attach(self) -> IncomingResponse | None:
        request = follow_request(
            self.api, self.run_id, self.options, snapshot=True, continue_on_pause=self.continue_on_pause
        )
        request.retry = _ONCE

        async def attach(headers: AuthHeaders) -> IncomingResponse:
            # A server that restarts may hold a connection for minutes before it responds.
            return await self.api.open(request, headers, read_timeout=self.read_timeout)

        try:
            with self.api.watched(request):
                return await self.api.with_retries(request, attach)
        except ApiError as error:
            self._may_attach = self._is_transient(error)
            if not self._may_attach and not self.has_record:
                self.rejected = error
        except (TransportError, DecodeError, TooLarge):
            pass
        return None

    def _is_transient(self, error: ApiError) -> bool:
        # Servers always respond with 500 to an id that is not a UUID.
        if error.status == 500 and not _is_uuid(self.run_id):
            return False
        return error.status >= 500 or error.status == 429


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _last_event(record: WorkflowRun) -> Event:
    """Return the last event of a run, created from its record."""
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
    return cast(Event, with_raw_of(record, event))


def recovery_of(api: Api, spec: RunSpec, run_id: str) -> Recovery:
    """Return the recovery of a stream's run, with the options of the call that opened the stream."""
    request = spec.request
    options: AppCallOptions = {"timeout": request.timeouts, "extra_headers": request.extra_headers}
    if api.auth.sends_user:
        options["user"] = request.user
    return Recovery(
        api=api,
        run_id=run_id,
        options=options,
        read_timeout=request.timeouts.read,
        continue_on_pause=spec.continue_on_pause,
        progress_at=asyncio.get_running_loop().time(),
    )
