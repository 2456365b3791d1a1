"""The events of a run: received, and looked for again when their stream is interrupted."""

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
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.search import Search
from dify_async._streaming.state import State, not_entered
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._streaming.watch import RunWatch
from dify_async._text import printable
from dify_async._wire.decoding.hooks import decode_event
from dify_async._wire.results import Accumulator, Progress
from dify_async.errors import ConfigurationError, DifyError, TooLarge
from dify_async.events import Event

_log: Final = logging.getLogger("dify_async.stream")

_LATE_READS: Final = 1000
"""Reads after `Timeouts.total` has passed. A slow caller gets what has arrived by then, also if it is much
more than one read brings; a server that sends without end does not go on for ever."""


@attrs.define(eq=False)
class RunEvents:
    """The events of a run, from the response that is open at the moment, or from a search for the run."""

    api: Api
    spec: RunSpec
    accumulator: Accumulator[Any]
    progress: Progress
    """What is known of the run; updated by `accumulator`."""
    errors: StreamErrors[Any]
    stops_run: bool
    """Whether closing the stream before the run's end stops the run."""
    state: State = State.NEW
    pending: deque[bytes | Event] = attrs.Factory(deque[bytes | Event])
    """Events that have arrived and were not taken yet."""
    pings: int = 0
    """Pings that were taken since the last event."""
    has_progressed: bool = False
    """Whether what was taken shows that the run goes on. Reset when recovery has noted it."""
    is_resumed: bool = False
    """Whether the stream is one that follows an interrupted one, and may repeat events."""
    watch: RunWatch | None = None
    """Tells observers of the run. None if there are none."""
    failure: DifyError | None = None
    """Raised when everything that arrived was taken."""
    loop: asyncio.AbstractEventLoop | None = None
    """The event loop that the stream was opened in."""
    loop_state: LoopState | None = None
    """None until the stream has a slot."""
    slot: AsyncExitStack = attrs.Factory(AsyncExitStack)
    """Holds the slot."""
    reader: EventReader | None = None
    search: Search | None = None
    """Looks for the run. None as long as that was not necessary."""
    total_deadline: float | None = None
    silence: float = 0.0
    """Seconds that somebody waited for the response and its first event."""
    _is_reading: bool = False
    _has_ended: bool = False  # Whether nothing more is awaited, though the server has not closed the stream.
    _linger_deadline: float | None = None
    _late_reads: int = 0  # After `total` had passed: what has arrived by then is still delivered.
    _first_at: float | None = None

    async def fill(self) -> bool:
        """Wait until events are pending. Return False at the end of the stream.

        Raises:
            DifyError: the stream ended with an error; everything that arrived before it has been taken.
            TypeError: another task reads the stream, or it was opened in another event loop.
        """
        if self.state is State.NEW:
            raise not_entered()
        if asyncio.get_running_loop() is not self.loop:
            raise TypeError("a stream can be read only in the event loop that it was opened in")
        if self._is_reading:
            raise TypeError("another task is reading this stream: a stream has one reader at a time")
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
                    # Others may run, however long the caller keeps the stream open.
                    await self.slot.aclose()
                    return False
                if self.has_progressed and self.search is not None:
                    self.search.recovery.note_progress()
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
        """Wait for data: until the idle timeout, or less."""
        assert self.loop is not None
        now = self.loop.time()
        timeouts = self.spec.request.timeouts
        deadline = now + timeouts.idle
        if self.search is not None and self.is_resumed:
            deadline = min(now + timeouts.read, self.search.recovery.until)
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
            self.accumulate(payloads)  # Not delivered: they may tell the end of a run that was stopped.
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
        elif self.search is not None and payloads and not any(payloads):
            await self._doubt(self.search, len(payloads))

    async def _doubt(self, search: Search, pings: int) -> None:
        """Look at the run's record if its stream brings nothing but pings."""
        if search.recovery.is_doubtful(self.pings + pings):
            if self.api.transport.has_one_connection:
                self._search_for(
                    search.recovery.run_id
                )  # The record can be read only while there is no stream.
            event = await search.ask_for_record(self.total_deadline)
            if event is not None and self.state is not State.CLOSED:
                self.pending.append(event)

    def _handle_timeout(self) -> None:
        """Handle a wait that ended at its deadline, before any data arrived."""
        now = asyncio.get_running_loop().time()
        if self._linger_deadline is not None:
            self._has_ended = True  # The end has arrived, and nothing more must follow.
        elif self.total_deadline is not None and now >= self.total_deadline:
            self._fail(self.api.errors.of_total(self.spec.request))
        elif self.search is None or not self.is_resumed:
            self._fail(idle_timeout(self.spec.request, server_version=self.api.transport.server_version))
        elif now >= self.search.recovery.until:
            self._give_up(None)
        else:
            self._search_for(self.search.recovery.run_id)

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
            self._search_for(self.progress.run_id)
            self.progress.gap = self.spec.is_ours
        else:
            self._give_up(error)

    def _handle_closed_session(self, error: DifyError | None) -> None:
        """Handle a session whose owner closed it: there is no way left to recover or stop the run."""
        if self.stops_run:
            _log.warning("%s: its session was closed, so the run was not stopped", self._name)
        self.stops_run = False
        self.drop_reader()
        self._fail(self.errors.interrupted("the session was closed while the stream was open", error))

    # Recovery

    def _search_for(self, run_id: str) -> None:
        """Start to look for the run, or go on with it."""
        self.drop_reader()
        self.state = State.RECOVERING
        self.is_resumed = True
        if self.watch is not None:
            self.watch.interrupted()
        if self.search is None:
            self.search = self.search_of(run_id)

    def search_of(self, run_id: str) -> Search:
        """Return a search for the run, which has not begun."""
        assert self.loop_state is not None
        return Search(recovery_of(self.api, self.spec, run_id), self.loop_state)

    async def _recover(self) -> None:
        assert self.search is not None
        assert self.loop_state is not None
        try:
            found = await self.search.next(self.total_deadline)
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
                self.watch.found()
            if isinstance(found, IncomingResponse):
                self.reader = EventReader(found, self.api.transport.settings.max_event_bytes)
            else:
                self.pending.append(found)

    # Errors: raised when the next event is asked for, after everything that arrived was taken

    @property
    def _name(self) -> str:
        return self.spec.request.operation.name

    def _fail(self, error: DifyError) -> None:
        self.failure = error
        if self.state is not State.CLOSED:
            self.state = State.OVER

    def _give_up(self, cause: DifyError | None) -> None:
        """End with an error: the run is not looked for, or not any more."""
        self.stops_run = False
        rejected = self.search.recovery.rejected if self.search is not None else None
        if rejected is not None and not self.spec.is_ours:
            self._fail(rejected)  # The caller asked for this run by its id.
            return
        start = (self.reader.start if self.reader is not None else None) or b""
        searched = self.search is not None
        self._fail(self.errors.given_up(cause, start=start, searched=searched, rejected=rejected))

    # The end of a stream

    def interrupt(self) -> None:
        """Let a task that waits in `fill` end."""
        if self.search is not None:
            self.search.cancel()
        if self._is_reading and self.reader is not None:
            self.reader.interrupt()

    def accumulate_rest(self) -> None:
        """Accumulate what has arrived and was not read: it may contain the end of the run."""
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
        """Close the response that is open at the moment."""
        if self.reader is not None:
            self.reader.close()
            self.reader = None
