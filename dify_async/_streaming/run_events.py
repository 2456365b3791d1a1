"""Receive the events of a run, and recover the run when its stream is interrupted."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import AsyncExitStack
from typing import Any, Final

import attrs

from dify_async._http.api import Api
from dify_async._http.logs import log_fields
from dify_async._http.loop_state import LoopState
from dify_async._http.response import IncomingResponse
from dify_async._http.transport_errors import idle_timeout
from dify_async._streaming.buffering import SHORTEST_RUN, warn_if_buffered
from dify_async._streaming.reader import EventReader
from dify_async._streaming.recovery import recovery_of
from dify_async._streaming.recovery_task import RecoveryTask
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.state import State, not_entered
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._streaming.watch import RunWatch
from dify_async._text import printable
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import Accumulator, Progress
from dify_async.errors import ConfigurationError, DifyError, TooLarge
from dify_async.events import Event

_log: Final = logging.getLogger("dify_async.stream")

_LATE_READS: Final = 1000
"""Maximum number of reads after `Timeouts.total` has passed. A slow caller gets all data that arrived before,
even if it takes many reads; a server that never stops sending is still stopped."""


@attrs.define(eq=False)
class RunEvents:
    """The events of a run, from the current response or from the recovery of the run."""

    api: Api
    spec: RunSpec
    accumulator: Accumulator[Any]
    progress: Progress
    """The progress of the run; updated by `accumulator`."""
    errors: StreamErrors[Any]
    stops_run: bool
    """True if closing the stream before the run's end stops the run."""
    state: State = State.NEW
    pending: deque[bytes | Event] = attrs.Factory(deque[bytes | Event])
    """Events that have arrived but were not taken yet."""
    pings: int = 0
    """Number of pings since the last event."""
    has_progressed: bool = False
    """True if the taken events show progress of the run. Reset when recovery has registered it."""
    is_resumed: bool = False
    """True if the stream follows a run that was interrupted, so that it may repeat events."""
    watch: RunWatch | None = None
    """Notifies observers. None if there are none."""
    failure: DifyError | None = None
    """Raised after all events that arrived were taken."""
    loop: asyncio.AbstractEventLoop | None = None
    """The event loop in which the stream was opened."""
    loop_state: LoopState | None = None
    """None until the stream has a slot."""
    slot: AsyncExitStack = attrs.Factory(AsyncExitStack)
    """Holds the slot."""
    reader: EventReader | None = None
    recovery_task: RecoveryTask | None = None
    """The recovery of the run. None unless it was necessary."""
    total_deadline: float | None = None
    silence: float = 0.0
    """Seconds of waiting for the response and the first event."""
    _is_reading: bool = False
    _has_ended: bool = False  # True if no further event is expected, although the stream is open.
    _linger_deadline: float | None = None
    _late_reads: int = 0  # Number of reads after `total` has passed.
    _first_at: float | None = None

    async def fill(self) -> bool:
        """Wait until events are pending. Return False at the end of the stream.

        Raises:
            DifyError: the stream ended with an error. All events that arrived before were taken.
            TypeError: another task reads the stream, or the stream was opened in another event loop.
        """
        if self.state is State.NEW:
            raise not_entered()
        if asyncio.get_running_loop() is not self.loop:
            raise TypeError("a stream must be read in the event loop in which it was opened")
        if self._is_reading:
            raise TypeError("a stream must have one reader at a time, and another task is already reading it")
        self._is_reading = True
        try:
            while not self.pending:
                if self.failure is not None:
                    if self.watch is not None:
                        self.watch.ended(self.failure)
                    raise self.errors.with_context(self.failure)
                if self.state is State.CLOSED:
                    return False
                if self.state is State.OVER:
                    if self.watch is not None:
                        self.watch.ended()
                    # Frees the slot for other runs, even if the caller keeps the stream open.
                    await self.slot.aclose()
                    return False
                if self.has_progressed and self.recovery_task is not None:
                    self.recovery_task.recovery.note_progress()
                self.has_progressed = False
                if self.progress.over or self._has_ended:
                    seconds = self.progress.seconds or 0.0
                    is_whole = self.spec.is_ours and not self.is_resumed
                    if is_whole and seconds >= SHORTEST_RUN:
                        warn_if_buffered(
                            self.api.transport, self._name, seconds, self.silence, self._first_at
                        )
                    if self.reader is not None:
                        self.reader.close()
                    self.state = State.OVER
                    if self.progress.error is not None:
                        self.failure = self.errors.of_event(self.progress.error)
                elif self.state is State.RECOVERING:
                    await self._recover()
                elif self.reader is None or self.reader.ended:
                    self._handle_end()
                else:
                    await self._read(self.reader)
            return True
        finally:
            self._is_reading = False

    # Waiting for events

    async def _read(self, reader: EventReader) -> None:
        """Wait for data, at most until the idle timeout."""
        assert self.loop is not None
        now = self.loop.time()
        timeouts = self.spec.request.timeouts
        deadline = now + timeouts.idle
        if self.recovery_task is not None and self.is_resumed:
            deadline = min(now + timeouts.read, self.recovery_task.recovery.until)
        if self.progress.linger is None:
            self._linger_deadline = None
        else:
            self._linger_deadline = self._linger_deadline or now + self.progress.linger
            deadline = min(deadline, self._linger_deadline)
        if self.total_deadline is not None:
            deadline = min(deadline, self.total_deadline)
        try:
            payloads = await reader.read(deadline)
        except TooLarge as error:
            self._fail(self.errors.too_large(error.limit))
            return
        if self.state is State.CLOSED:
            self.accumulate(payloads)  # Not delivered. They may contain the end of a stopped run.
        else:
            self.pending.extend(payloads)
        if self._first_at is None and payloads:
            self._first_at = self.loop.time()
            self.silence += self._first_at - now
        if self.total_deadline is not None and now >= self.total_deadline:
            self._late_reads += 1
        if reader.expired or self._late_reads > _LATE_READS:
            reader.expired = False
            self._handle_timeout()
        elif self.recovery_task is not None and payloads and not any(payloads):
            await self._check_record(self.recovery_task, len(payloads))

    async def _check_record(self, task: RecoveryTask, pings: int) -> None:
        """Read the run's record if its stream has only pings."""
        if task.recovery.should_check_record(self.pings + pings):
            if self.api.transport.has_one_connection:
                self._start_recovery(
                    task.recovery.run_id
                )  # The record can only be read while no stream is open.
            event = await task.poll_record(self.total_deadline)
            if event is not None and self.state is not State.CLOSED:
                self.pending.append(event)

    def _handle_timeout(self) -> None:
        """Handle a wait that reached its deadline before any data arrived."""
        now = asyncio.get_running_loop().time()
        if self._linger_deadline is not None:
            self._has_ended = True  # The last event has arrived; nothing else has to follow.
        elif self.total_deadline is not None and now >= self.total_deadline:
            self._fail(self.api.errors.of_total(self.spec.request))
        elif self.recovery_task is None or not self.is_resumed:
            self._fail(idle_timeout(self.spec.request, server_version=self.api.transport.server_version))
        elif now >= self.recovery_task.recovery.until:
            self._give_up(None)
        else:
            self._start_recovery(self.recovery_task.recovery.run_id)

    def _handle_end(self) -> None:
        """Handle the end of the response body: finished, interrupted, or incomplete."""
        error = self.reader.error if self.reader is not None else None
        assert self.loop_state is not None
        if self.progress.ends_with_body and self.reader is not None and error is None:
            self.progress.complete = True
        if self.progress.complete:
            self._has_ended = True
        elif self.loop_state.session.closed:
            self._handle_closed_session(error)
        elif self.spec.recovers and self.progress.run_id is not None:
            run_id = printable(self.progress.run_id)
            _log.info(
                "%s: the stream of run %s was interrupted; reconnecting",
                self._name,
                run_id,
                extra=log_fields(operation=self._name, run_id=run_id),
            )
            self._start_recovery(self.progress.run_id)
            self.progress.gap = self.spec.is_ours
        else:
            self._give_up(error)

    def _handle_closed_session(self, error: DifyError | None) -> None:
        """Handle a custom session that was closed: the run can be neither recovered nor stopped."""
        if self.stops_run:
            _log.warning("%s: its session was closed, so the run was not stopped", self._name)
        self.stops_run = False
        self.drop_reader()
        self._fail(self.errors.interrupted("the session was closed while the stream was open", error))

    # Recovery

    def _start_recovery(self, run_id: str) -> None:
        """Start or continue the recovery of the run."""
        self.drop_reader()
        self.state = State.RECOVERING
        self.is_resumed = True
        if self.watch is not None:
            self.watch.interrupted()
        if self.recovery_task is None:
            self.recovery_task = self.new_recovery_task(run_id)

    def new_recovery_task(self, run_id: str) -> RecoveryTask:
        """Return a task for the recovery of the run, not started yet."""
        assert self.loop_state is not None
        return RecoveryTask(recovery_of(self.api, self.spec, run_id), self.loop_state)

    async def _recover(self) -> None:
        assert self.recovery_task is not None
        assert self.loop_state is not None
        try:
            found = await self.recovery_task.next(self.total_deadline)
        except TimeoutError:
            self._fail(self.api.errors.of_total(self.spec.request))
            return
        except ConfigurationError as error:
            if not self.loop_state.session.closed:
                raise
            self._handle_closed_session(error)
            return
        if self.state is State.CLOSED:
            if isinstance(found, IncomingResponse):
                found.close()
        elif found is None:
            self._give_up(None)
        else:
            self.state = State.OPEN
            if self.watch is not None:
                self.watch.recovered()
            if isinstance(found, IncomingResponse):
                self.reader = EventReader(found, self.api.transport.settings.max_event_bytes)
            else:
                self.pending.append(found)

    # Errors: raised by `fill`, after all events that arrived were taken

    @property
    def _name(self) -> str:
        return self.spec.request.operation.name

    def _fail(self, error: DifyError) -> None:
        self.failure = error
        if self.state is not State.CLOSED:
            self.state = State.OVER

    def _give_up(self, cause: DifyError | None) -> None:
        """End with an error: the run cannot be recovered, or recovery has given up."""
        self.stops_run = False
        rejected = self.recovery_task.recovery.rejected if self.recovery_task is not None else None
        if rejected is not None and not self.spec.is_ours:
            self._fail(rejected)  # The caller requested this run by its id.
            return
        start = (self.reader.start if self.reader is not None else None) or b""
        tried_recovery = self.recovery_task is not None
        self._fail(
            self.errors.not_recovered(cause, start=start, tried_recovery=tried_recovery, rejected=rejected)
        )

    # The end of a stream

    def interrupt(self) -> None:
        """Make a task that waits in `fill` return."""
        if self.recovery_task is not None:
            self.recovery_task.cancel()
        if self._is_reading and self.reader is not None:
            self.reader.interrupt()

    def accumulate_rest(self) -> None:
        """Accumulate data that has arrived but was not read: it may contain the end of the run."""
        if self.reader is not None:
            self.pending.extend(self.reader.take_buffered())
        self.accumulate([item for item in self.pending if isinstance(item, bytes)])
        self.pending.clear()

    def accumulate(self, payloads: list[bytes]) -> None:
        """Accumulate events that are not delivered."""
        for payload in payloads:
            event = decode_event(payload)
            if event is not None and not self.progress.over:
                self.accumulator.add(event)

    def drop_reader(self) -> None:
        """Close the current response."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None
