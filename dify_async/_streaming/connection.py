"""The connection to a run: opened, read, found again after an interruption, and closed."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final

import attrs

from dify_async._http.api import Api
from dify_async._http.auth import AuthHeaders
from dify_async._http.loop_state import LoopState
from dify_async._http.response import IncomingResponse
from dify_async._http.transport_errors import idle_timeout
from dify_async._streaming.buffering import SHORTEST_RUN, warn_if_buffered
from dify_async._streaming.leaving import abandon, stop_run
from dify_async._streaming.reader import EventReader
from dify_async._streaming.recovery import recovery_of
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.search import Search
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._text import printable
from dify_async._wire.decoding.hooks import decode_event
from dify_async._wire.results import Accumulator, Progress
from dify_async.errors import ConfigurationError, DifyError, TooLarge
from dify_async.events import Event

_log: Final = logging.getLogger("dify_async")

_LATE_READS: Final = 1000
"""Reads after `Timeouts.total` has passed. A slow caller gets what has arrived by then, also if it is much
more than one read brings; a server that sends without end does not go on for ever."""


class State(enum.Enum):
    NEW = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    RECOVERING = enum.auto()
    """There is no stream of the run at the moment, and one is looked for."""
    OVER = enum.auto()
    CLOSED = enum.auto()


NOT_OPEN: Final = frozenset({State.NEW, State.CLOSED})
"""States in which there is nothing to read or to close."""


def not_entered() -> TypeError:
    """Return the error of a stream that is used outside its `async with` block."""
    return TypeError("a stream must be entered first: async with client.workflows.stream(...) as run: ...")


@attrs.define(eq=False)
class RunConnection:
    """The connection to a run, in one of the states of `State`."""

    api: Api
    spec: RunSpec
    accumulator: Accumulator[Any]
    progress: Progress
    """What is known of the run; updated by `accumulator`."""
    errors: StreamErrors[Any]
    stops_run: bool
    """Whether closing the connection before the run's end stops the run."""
    state: State = State.NEW
    pending: deque[bytes | Event] = attrs.Factory(deque[bytes | Event])
    """Events that have arrived and were not taken yet."""
    pings: int = 0
    """Pings that were taken since the last event."""
    has_progressed: bool = False
    """Whether what was taken shows that the run goes on. Reset when recovery has noted it."""
    is_resumed: bool = False
    """Whether the stream is one that follows an interrupted one, and may repeat events."""
    failure: DifyError | None = None
    """Raised when everything that arrived was taken."""
    _is_reading: bool = False
    _has_ended: bool = False  # Whether nothing more is awaited, though the server has not closed the stream.
    _has_opened: bool = False  # Whether the server has answered the request.
    _loop: asyncio.AbstractEventLoop | None = None
    _loop_state: LoopState | None = None
    _entering: asyncio.Timeout | None = None
    _slot: AsyncExitStack = attrs.Factory(AsyncExitStack)
    _opening: asyncio.Task[IncomingResponse] | None = None
    _reader: EventReader | None = None
    _search: Search | None = None
    _total_deadline: float | None = None
    _linger_deadline: float | None = None
    _late_reads: int = 0  # After `total` had passed: what has arrived by then is still delivered.
    _silence: float = 0.0  # Seconds that somebody waited for the response and its first event.
    _first_at: float | None = None

    async def fill(self) -> bool:
        """Wait until events are pending. Return False at the end of the stream.

        Raises:
            DifyError: the stream ended with an error; everything that arrived before it has been taken.
            TypeError: another task reads the stream, or it was opened in another event loop.
        """
        if self.state is State.NEW:
            raise not_entered()
        if asyncio.get_running_loop() is not self._loop:
            raise TypeError("a stream can be read only in the event loop that it was opened in")
        if self._is_reading:
            raise TypeError("another task is reading this stream: a stream has one reader at a time")
        self._is_reading = True
        try:
            while not self.pending:
                if self.failure is not None:
                    raise self.errors.with_partial(self.failure)
                if self.state is State.CLOSED:
                    return False
                if self.state is State.OVER:
                    # Others may run, however long the caller keeps the stream open.
                    await self._slot.aclose()
                    return False
                if self.has_progressed and self._search is not None:
                    self._search.recovery.note_progress()
                self.has_progressed = False
                if self.progress.over or self._has_ended:
                    seconds = self.progress.seconds or 0.0
                    is_whole = self.spec.is_ours and not self.is_resumed
                    if is_whole and seconds >= SHORTEST_RUN:
                        warn_if_buffered(
                            self.api.transport, self._name, seconds, self._silence, self._first_at
                        )
                    if self._reader is not None:
                        self._reader.close()
                        self._reader = None
                    self.state = State.OVER
                    if self.progress.error is not None:
                        self.failure = self.errors.of_event(self.progress.error)
                elif self.state is State.RECOVERING:
                    await self._recover()
                elif self._reader is None or self._reader.ended:
                    self._handle_end()
                else:
                    await self._read(self._reader)
            return True
        finally:
            self._is_reading = False

    # Waiting for events

    async def _read(self, reader: EventReader) -> None:
        """Wait for data: until the idle timeout, or less."""
        assert self._loop is not None
        now = self._loop.time()
        timeouts = self.spec.request.timeouts
        deadline = now + timeouts.idle
        if self._search is not None and self.is_resumed:
            deadline = min(now + timeouts.read, self._search.recovery.until)
        if self.progress.linger is None:
            self._linger_deadline = None
        else:
            self._linger_deadline = self._linger_deadline or now + self.progress.linger
            deadline = min(deadline, self._linger_deadline)
        if self._total_deadline is not None:
            deadline = min(deadline, self._total_deadline)
        try:
            payloads = await reader.read(deadline)
        except TooLarge as error:
            self._fail(self.errors.too_large(error.limit))
            return
        if self.state is State.CLOSED:
            self._accumulate(payloads)  # Not delivered: they may tell the end of a run that was stopped.
        else:
            self.pending.extend(payloads)
        if self._first_at is None and payloads:
            self._first_at = self._loop.time()
            self._silence += self._first_at - now
        if self._total_deadline is not None and now >= self._total_deadline:
            self._late_reads += 1
        if reader.expired or self._late_reads > _LATE_READS:
            reader.expired = False
            self._handle_timeout()
        elif self._search is not None and payloads and not any(payloads):
            await self._doubt(self._search, len(payloads))

    async def _doubt(self, search: Search, pings: int) -> None:
        """Look at the run's record if its stream brings nothing but pings."""
        if search.recovery.is_doubtful(self.pings + pings):
            if self.api.transport.has_one_connection:
                self._search_for(
                    search.recovery.run_id
                )  # The record can be read only while there is no stream.
            event = await search.ask_for_record(self._total_deadline)
            if event is not None and self.state is not State.CLOSED:
                self.pending.append(event)

    def _handle_timeout(self) -> None:
        """Handle a wait that ended at its deadline, before any data arrived."""
        now = asyncio.get_running_loop().time()
        if self._linger_deadline is not None:
            self._has_ended = True  # The end has arrived, and nothing more must follow.
        elif self._total_deadline is not None and now >= self._total_deadline:
            self._fail(self.api.total_timeout(self.spec.request))
        elif self._search is None or not self.is_resumed:
            self._fail(idle_timeout(self.spec.request, server_version=self.api.transport.server_version))
        elif now >= self._search.recovery.until:
            self._give_up(None)
        else:
            self._search_for(self._search.recovery.run_id)

    def _handle_end(self) -> None:
        """Handle the end of the response body: finished, interrupted, or incomplete."""
        error = self._reader.error if self._reader is not None else None
        assert self._loop_state is not None
        if self.progress.complete:
            self._has_ended = True
        elif self._loop_state.session.closed:
            self._handle_closed_session(error)
        elif self.spec.recovers and self.progress.run_id is not None:
            run_id = printable(self.progress.run_id)
            _log.info(
                "%s: the stream of run %s was interrupted; reconnecting",
                self._name,
                run_id,
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
        self._drop_reader()
        self._fail(self.errors.interrupted("the session was closed while the stream was open", error))

    # Recovery

    def _search_for(self, run_id: str) -> None:
        """Start to look for the run, or go on with it."""
        self._drop_reader()
        self.state = State.RECOVERING
        self.is_resumed = True
        if self._search is None:
            self._search = self._search_of(run_id)

    def _search_of(self, run_id: str) -> Search:
        assert self._loop_state is not None
        return Search(recovery_of(self.api, self.spec, run_id), self._loop_state)

    async def _recover(self) -> None:
        assert self._search is not None
        assert self._loop_state is not None
        try:
            found = await self._search.next(self._total_deadline)
        except TimeoutError:
            self._fail(self.api.total_timeout(self.spec.request))
            return
        except ConfigurationError as error:
            if not self._loop_state.session.closed:
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
            if isinstance(found, IncomingResponse):
                self._reader = EventReader(found, self.api.transport.settings.max_event_bytes)
            else:
                self.pending.append(found)

    # Errors: raised when the next event is asked for, after everything that arrived was taken

    @property
    def _name(self) -> str:
        return self.spec.request.operation.name

    def _closed_early(self) -> DifyError:
        return self.failure or self.errors.closed("the stream was closed while it was being opened")

    def _fail(self, error: DifyError) -> None:
        self.failure = error
        if self.state is not State.CLOSED:
            self.state = State.OVER

    def _give_up(self, cause: DifyError | None) -> None:
        """End with an error: the run is not looked for, or not any more."""
        self.stops_run = False
        rejected = self._search.recovery.rejected if self._search is not None else None
        if rejected is not None and not self.spec.is_ours:
            self._fail(rejected)  # The caller asked for this run by its id.
            return
        start = (self._reader.start if self._reader is not None else None) or b""
        searched = self._search is not None
        self._fail(self.errors.given_up(cause, start=start, searched=searched, rejected=rejected))

    # Opening and closing

    async def open(self) -> None:
        """Wait for a slot, and open the stream; find the run instead if its stream is stored.

        Raises:
            DifyError: the stream cannot be opened; it is closed.
            TypeError: it was opened before.
        """
        if self.state is not State.NEW:
            raise TypeError("a stream can be entered once: call the method again for another")
        self.state = State.OPENING
        self._loop = asyncio.get_running_loop()
        spec, request, transport = self.spec, self.spec.request, self.api.transport
        submit = spec.submit
        try:
            # `close` in another task ends these waits.
            async with asyncio.timeout(None) as entering:
                self._entering = entering
                self._loop_state = await self._slot.enter_async_context(transport.slot(self.api.auth.key))
                # `close` may have closed the stream, meanwhile.
                if self.state in NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - leaves what is open
                self._loop_state.streams.add(self)
                if request.timeouts.total is not None:
                    self._total_deadline = self._loop.time() + request.timeouts.total
                    entering.reschedule(self._total_deadline)
                if self.progress.run_id is not None:
                    self._search = self._search_of(self.progress.run_id)
                if spec.is_stored:
                    self.is_resumed = True
                    self.state = State.RECOVERING
                    return
                if submit is not None and transport.has_one_connection:
                    await submit()
                    submit = None
                if request.files:
                    await self.api.upload_files(request)
                response = await self.api.with_retries(request, self._open_once)
                self._has_opened = True
                if self.state in NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - leaves what is open
                self._reader = EventReader(response, transport.settings.max_event_bytes)
                if submit is not None:
                    await submit()
                self.state = State.OPEN
        except BaseException as exc:
            was_closed = self.state in NOT_OPEN
            if not was_closed:
                self.state = State.OPEN  # Nothing waits any more that `close` would have to end.
            await self.close()
            await self._slot.aclose()
            if not isinstance(exc, TimeoutError):
                raise
            raise self._closed_early() if was_closed else self.api.total_timeout(request) from None

    async def _open_once(self, headers: AuthHeaders) -> IncomingResponse:
        # In a task of its own, because the headers of a chat arrive only with its first event: if the caller
        # is cancelled by then, the run has started and must still be stopped.
        if self.state is State.CLOSED:
            raise self._closed_early()
        assert self._loop_state is not None
        self._opening = self._loop_state.spawn(self.api.open(self.spec.request, headers))
        assert self._loop is not None
        sent_at = self._loop.time()
        try:
            response = await asyncio.shield(self._opening)
        except DifyError:
            self._opening = None
            raise
        self._opening = None
        self._silence += self._loop.time() - sent_at
        return response

    async def close(self) -> None:
        """Leave the stream: what leaving the `async with` block does. Idempotent.

        May be called by another task: a reader that waits ends at once.
        """
        if self.state in NOT_OPEN:
            return
        assert self._loop is not None
        if asyncio.get_running_loop() is not self._loop:
            if self._loop.is_closed():
                self.state = State.CLOSED  # Its connection was closed with its event loop.
                return
            closing = asyncio.run_coroutine_threadsafe(self.close(), self._loop)
            await asyncio.wrap_future(closing)
            return
        if self.state is State.OPENING and self._entering is not None and not self._entering.expired():
            self._entering.reschedule(self._loop.time())
        if self._loop_state is None:  # It waited for a slot.
            self.state = State.CLOSED
            return
        if self.state is State.OVER and self.failure is None:
            self.state = State.CLOSED
            self._loop_state.streams.discard(self)
            await self._slot.aclose()
            return
        is_started = self._has_opened or self._opening is not None
        self.state = State.CLOSED
        try:
            self._accumulate_rest()
        finally:
            try:
                self._wake_reader()
                if is_started and self.stops_run and not self.progress.complete:
                    # In a task of its own: a second cancellation ends the wait for it, but not the stopping.
                    stopping = self._loop_state.spawn(self._stop())
                    # The end of the event loop may cancel it before it begins.
                    stopping.add_done_callback(lambda _: self._release())
                    await asyncio.shield(stopping)
                else:
                    self._release()
            finally:
                self._loop_state.streams.discard(self)
                await self._slot.aclose()

    async def close_with_client(self) -> None:
        """Leave the stream because its client is being closed: its reader gets an error."""
        if self.state not in NOT_OPEN and not self.progress.complete:
            self.failure = self.errors.interrupted("the client was closed while the stream was open", None)
        await self.close()

    def _accumulate_rest(self) -> None:
        """Accumulate what has arrived and was not read: it may contain the end of the run."""
        if self._reader is not None:
            self.pending.extend(self._reader.take_buffered())
        self._accumulate([item for item in self.pending if isinstance(item, bytes)])
        self.pending.clear()

    def _accumulate(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            event = decode_event(payload)
            if event is not None and not self.progress.over:
                self.accumulator.add(event)

    def _wake_reader(self) -> None:
        """Let a task that waits for this stream end."""
        if self._search is not None:
            self._search.cancel()
        if self._is_reading and self._reader is not None:
            self._reader.interrupt()

    def _stop(self) -> Coroutine[Any, Any, None]:
        # Not a coroutine function: it takes what is open now, not when its task starts.
        assert self.spec.stop is not None
        return stop_run(
            self.api,
            self.spec.request,
            self.spec.stop,
            self.progress,
            opening=self._opening,
            reader=self._reader,
            accumulate=self._accumulate,
        )

    def _release(self) -> None:
        """Close the connection, in whatever state it is."""
        if self._opening is not None:
            abandon(self._opening)
            self._opening = None
        self._drop_reader()

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
