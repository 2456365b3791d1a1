"""A stream of events, from the request that opens it to its end, however that comes about."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Generic, NoReturn, Self, TypeVar

from dify_async._http.api import Api
from dify_async._http.auth import AuthHeaders
from dify_async._http.loop_state import LoopState
from dify_async._http.response import IncomingResponse
from dify_async._http.transport_errors import idle_timeout
from dify_async._streaming.buffering import SHORTEST_RUN, is_buffered, warn_of_buffering
from dify_async._streaming.leaving import abandon, stop_run
from dify_async._streaming.reader import EventReader
from dify_async._streaming.recovery import Recovery
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._streaming.texts import Texts
from dify_async._text import printable
from dify_async._wire.decoding.hooks import decode_event
from dify_async._wire.results import Accumulator, is_repeated
from dify_async._wire.run_errors import error_from_result
from dify_async._wire.sse import EventParser
from dify_async.errors import (
    ConfigurationError,
    DifyError,
    TooLarge,
)
from dify_async.events import Event, HumanInputRequired, WorkflowPaused
from dify_async.models import ChatResult, CompletionResult, RunHandle, WorkflowResult
from dify_async.options import AppCallOptions

EventT_co = TypeVar("EventT_co", covariant=True)
ResultT_co = TypeVar("ResultT_co", bound=WorkflowResult | ChatResult | CompletionResult, covariant=True)
T = TypeVar("T")

_log: Final = logging.getLogger("dify_async")

_LATE_READS: Final = 1000
"""Reads after `Timeouts.total` has passed. A slow caller gets what has arrived by then, also if it is much
more than one read brings; a server that sends without end does not go on for ever."""


class _State(enum.Enum):
    NEW = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    RECOVERING = enum.auto()
    """There is no stream of the run at the moment, and one is looked for."""
    OVER = enum.auto()
    CLOSED = enum.auto()


_NOT_OPEN: Final = frozenset({_State.NEW, _State.CLOSED})
"""States in which there is nothing to read or to close."""


class EventStream(Generic[EventT_co, ResultT_co]):
    """The events of a run as they arrive, and its result at the end.

    ```python
    async with client.workflows.stream({"city": "Lisbon"}) as run:
        async for event in run:
            ...
        result = await run.result()
    ```

    The stream ends at the run's terminal event, not when the server closes the connection. Leaving the block
    before that (`break`, an exception, a cancellation, a timeout) asks the server to stop the run, within two
    seconds, unless the client was created with `on_abandon="detach"` or `detach()` was called: closing a
    connection alone does not stop a run of Dify.

    When the stream of a workflow or chatflow is interrupted, it reconnects: no event is delivered twice, and
    `result.gap` tells that pieces of text may be missing.

    A stream has one reader at a time.
    """

    def __init__(
        self,
        api: Api,
        spec: RunSpec,
        accumulator: Accumulator[ResultT_co],
        *,
        on_ping: Callable[[], object] | None = None,
    ) -> None:
        self.on_ping = on_ping
        """Called at each ping, about every 10 seconds of silence."""
        self._api = api
        self._spec = spec
        self._accumulator = accumulator
        self._progress = accumulator.progress
        self._errors = StreamErrors(api, spec, accumulator)
        self._state = _State.NEW
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_state: LoopState | None = None
        self._entering: asyncio.Timeout | None = None
        self._slot = AsyncExitStack()
        self._opening: asyncio.Task[IncomingResponse] | None = None
        self._reader: EventReader | None = None
        self._silence = 0.0  # Seconds that somebody waited for the response and its first event.
        self._first_event_at: float | None = None
        self._recovery: Recovery | None = None
        self._searching: asyncio.Task[Any] | None = None
        self._pending: deque[bytes | Event] = deque()  # Events that have arrived and were not taken yet.
        self._failure: DifyError | None = None
        self._total_deadline: float | None = None
        self._linger_deadline: float | None = None
        self._late_reads = 0  # After `total` had passed: what has arrived by then is still delivered.
        self._stops_run = api.defaults.on_abandon == "stop" and spec.is_ours and spec.stop is not None
        self._is_reading = False
        self._is_resumed = False  # Whether the stream is one that follows an interrupted one.
        self._is_paused = False  # Whether the run waits for a person.
        self._has_opened = False  # Whether the server has answered the request.
        self._has_progressed = False
        self._pings = 0  # Since the last event.

    # What is known of the run

    @property
    def run_id(self) -> str | None:
        """The id for `wait`, `attach`, `get`. None before the run started, and for apps without runs."""
        return self._progress.run_id

    @property
    def task_id(self) -> str | None:
        """The id that stops the run. None before the first event that contains it."""
        return self._progress.task_id

    @property
    def attempts(self) -> int:
        """Number of times the request was sent, including attempts that were rejected."""
        return self._spec.request.attempts

    @property
    def handle(self) -> RunHandle | None:
        """Finds the run again, at another time or in another process. None while `run_id` is."""
        return self._errors.handle

    @property
    def partial_result(self) -> ResultT_co:
        """The result of what has been read so far. Available at any time, never raises."""
        return self._errors.partial_result

    def detach(self) -> None:
        """Keep the run going when the stream is left early."""
        self._stops_run = False

    # Reading

    def __aiter__(self) -> AsyncIterator[EventT_co]:
        if self._state is _State.NEW:
            raise _not_entered()
        return self

    async def __anext__(self) -> EventT_co:
        while (event := self.take()) is None:
            if not await self.fill():
                raise StopAsyncIteration
        return event

    @property
    def text(self) -> AsyncIterator[str]:
        """Iterate over the text only, piece by piece, as it was sent. `result()` has the final text."""
        if self._state is _State.NEW:
            raise _not_entered()
        return Texts(self)

    async def result(self) -> ResultT_co:
        """Read the rest of the stream, and return the result.

        Raises:
            RunFailed: the run failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            ApiError: the stream ended with an error that has a code.
            StreamInterrupted: the stream ended before the run did.
            TransportError: a timeout expired, or the connection broke before anything arrived.
        """
        while self.take() is not None or await self.fill():
            pass
        return self.final_result()

    def take(self) -> EventT_co | None:
        """Return the next event that has arrived already; None if there is none. Never waits.

        Together with `fill` this is the stream for those who read it in their own way. Events are decoded
        here and not when they arrive: events that pile up cost more than their bytes do.
        """
        pending = self._pending
        while pending:
            item = pending.popleft()
            event: Any = decode_event(item) if isinstance(item, bytes) else item
            if event is None:
                self._pings += 1
                self._has_progressed = self._has_progressed or self._is_paused
                if self.on_ping is not None:
                    self.on_ping()
                continue
            if self._is_resumed and is_repeated(event, self._progress):
                continue
            self._pings = 0
            self._has_progressed = True
            self._is_paused = isinstance(event, (WorkflowPaused, HumanInputRequired))
            self._accumulator.add(event)
            if self._progress.over:
                pending.clear()
            if self._api.observer is not None:
                self._api.observer.run_event(self._spec.request.operation, event)
            return event  # type: ignore[no-any-return]
        return None

    async def fill(self) -> bool:
        """Wait until events have arrived for `take`. Return False at the end of the stream.

        Raises:
            DifyError: the stream ended with an error; everything that arrived before it has been taken.
            TypeError: another task reads the stream, or it was opened in another event loop.
        """
        if self._state is _State.NEW:
            raise _not_entered()
        if asyncio.get_running_loop() is not self._loop:
            raise TypeError("a stream can be read only in the event loop that it was opened in")
        if self._is_reading:
            raise TypeError("another task is reading this stream: a stream has one reader at a time")
        self._is_reading = True
        try:
            while not self._pending:
                if self._failure is not None:
                    raise self._errors.with_partial(self._failure)
                if self._state is _State.CLOSED:
                    return False
                if self._state is _State.OVER:
                    await (
                        self._slot.aclose()
                    )  # Others may run, however long the caller keeps the stream open.
                    return False
                if self._has_progressed and self._recovery is not None:
                    self._recovery.note_progress()
                self._has_progressed = False
                if self._progress.over:
                    self._finish()
                elif self._state is _State.RECOVERING:
                    await self._recover()
                elif self._reader is None or self._reader.ended:
                    self._handle_end()
                else:
                    await self._read(self._reader)
            return True
        finally:
            self._is_reading = False

    def final_result(self) -> ResultT_co:
        """Return the result of a stream that was read to its end. Raises as `result` does."""
        progress = self._progress
        if progress.misfit is not None:
            raise self._errors.misfit(progress.misfit.problem)
        if not progress.complete:
            raise self._errors.closed("the stream was closed before its end, so there is no result")
        handle = self._errors.handle
        result = self._accumulator.result(handle)
        error = error_from_result(
            result,
            redact=self._errors.redacted,
            handle=handle,
            node_id=progress.failed_node,
            operation=self._spec.request.operation.name,
            server_version=self._api.transport.server_version,
        )
        if error is not None:
            raise error
        return result

    # Waiting for events

    async def _read(self, reader: EventReader) -> None:
        """Wait for data: until the idle timeout, or less."""
        assert self._loop is not None
        now = self._loop.time()
        timeouts = self._spec.request.timeouts
        deadline = now + timeouts.idle
        if self._recovery is not None and self._is_resumed:
            deadline = min(now + timeouts.read, self._recovery.until)
        if self._progress.linger is None:
            self._linger_deadline = None
        else:
            self._linger_deadline = self._linger_deadline or now + self._progress.linger
            deadline = min(deadline, self._linger_deadline)
        if self._total_deadline is not None:
            deadline = min(deadline, self._total_deadline)
        try:
            payloads = await reader.read(deadline)
        except TooLarge as error:
            self._fail(self._errors.too_large(error.limit))
            return
        if self._state is _State.CLOSED:
            self._accumulate(payloads)  # Not delivered: they may tell the end of a run that was stopped.
        else:
            self._pending.extend(payloads)
        if self._first_event_at is None and payloads:
            self._first_event_at = self._loop.time()
            self._silence += self._first_event_at - now
        if self._total_deadline is not None and now >= self._total_deadline:
            self._late_reads += 1
        if reader.expired or self._late_reads > _LATE_READS:
            reader.expired = False
            self._handle_timeout()
        elif self._recovery is not None and payloads and not any(payloads):
            await self._doubt(self._recovery, len(payloads))

    async def _doubt(self, recovery: Recovery, pings: int) -> None:
        """Look at the run's record if its stream brings nothing but pings."""
        if recovery.is_doubtful(self._pings + pings):
            if self._api.transport.has_one_connection:
                self._search_for(recovery.run_id)  # The record can be read only while there is no stream.
            event = await self._ask_for_record(recovery)
            if event is not None and self._state is not _State.CLOSED:
                self._pending.append(event)

    async def _ask_for_record(self, recovery: Recovery) -> Event | None:
        """Return the run's last event if its record tells one; None if no connection is to be had."""
        assert self._loop is not None
        latest = self._loop.time() + recovery.read_timeout
        if self._total_deadline is not None:
            latest = min(latest, self._total_deadline)
        try:
            async with asyncio.timeout_at(latest):
                return await self._cancellable(recovery.poll())
        except TimeoutError:
            return None

    def _handle_timeout(self) -> None:
        """Handle a wait that ended at its deadline, before any data arrived."""
        now = asyncio.get_running_loop().time()
        if self._linger_deadline is not None:
            self._finish()  # The end has arrived, and nothing more must follow.
        elif self._total_deadline is not None and now >= self._total_deadline:
            self._fail(self._api.total_timeout(self._spec.request))
        elif self._recovery is None or not self._is_resumed:
            self._fail(idle_timeout(self._spec.request, server_version=self._api.transport.server_version))
        elif now >= self._recovery.until:
            self._give_up(None)
        else:
            self._drop_reader()
            self._state = _State.RECOVERING

    def _handle_end(self) -> None:
        """Handle the end of the response body: finished, interrupted, or incomplete."""
        error = self._reader.error if self._reader is not None else None
        assert self._loop_state is not None
        if self._progress.complete:
            self._finish()
        elif self._loop_state.session.closed:
            self._handle_closed_session(error)
        elif self._spec.recovers and self.run_id is not None:
            run_id = printable(self.run_id)
            _log.info("%s: the stream of run %s was interrupted; reconnecting", self._operation, run_id)
            self._search_for(self.run_id)
            self._progress.gap = self._spec.is_ours
        else:
            self._give_up(error)

    def _handle_closed_session(self, error: DifyError | None) -> None:
        """Handle a session whose owner closed it: there is no way left to recover or stop the run."""
        if self._stops_run:
            _log.warning("%s: its session was closed, so the run was not stopped", self._operation)
        self._stops_run = False
        self._drop_reader()
        self._fail(self._errors.interrupted("the session was closed while the stream was open", error))

    def _finish(self) -> None:
        """Stop reading: the run has ended."""
        seconds, first_at = self._progress.seconds or 0.0, self._first_event_at
        is_whole = self._spec.is_ours and not self._is_resumed
        if is_whole and first_at is not None and seconds >= SHORTEST_RUN:
            self._check_buffering(seconds, asyncio.get_running_loop().time() - first_at)
        self._pending.clear()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._state = _State.OVER
        if self._failure is None and self._progress.error is not None:
            self._fail(self._errors.of_event(self._progress.error))

    def _check_buffering(self, seconds: float, spread: float) -> None:
        transport = self._api.transport
        if is_buffered(seconds, self._silence, spread) and not transport.has_warned_of_buffering:
            transport.has_warned_of_buffering = True
            warn_of_buffering(self._operation, seconds)

    # Recovery

    def _search_for(self, run_id: str) -> None:
        """Start to look for the run, or go on with it."""
        self._drop_reader()
        self._state = _State.RECOVERING
        self._is_resumed = True
        if self._recovery is None:
            self._recovery = self._new_recovery(run_id)

    def _new_recovery(self, run_id: str) -> Recovery:
        request = self._spec.request
        options: AppCallOptions = {"timeout": request.timeouts, "extra_headers": request.extra_headers}
        if self._api.auth.sends_user:
            options["user"] = request.user
        return Recovery(
            api=self._api,
            run_id=run_id,
            options=options,
            read_timeout=request.timeouts.read,
            continue_on_pause=self._spec.continue_on_pause,
            progress_at=asyncio.get_running_loop().time(),
        )

    async def _recover(self) -> None:
        recovery = self._recovery
        assert recovery is not None
        assert self._loop_state is not None
        try:
            async with asyncio.timeout_at(self._total_deadline):
                found = await self._cancellable(recovery.next())
        except TimeoutError:
            self._fail(self._api.total_timeout(self._spec.request))
            return
        except ConfigurationError as error:
            if not self._loop_state.session.closed:
                raise
            self._handle_closed_session(error)
            return
        if self._state is _State.CLOSED:
            if isinstance(found, IncomingResponse):
                found.close()
        elif found is None:
            self._give_up(None)
        else:
            self._state = _State.OPEN
            if isinstance(found, IncomingResponse):
                self._reader = EventReader(found, EventParser(self._api.transport.settings.max_event_bytes))
            else:
                self._pending.append(found)

    async def _cancellable(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await something that `aclose` can cancel from another task; None if it did."""
        assert self._loop_state is not None
        task = self._searching = self._loop_state.spawn(work)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            abandon(task)
            raise
        finally:
            self._searching = None
        return None if task.cancelled() else task.result()

    # Errors: raised when the next event is asked for, after everything that arrived was taken

    @property
    def _operation(self) -> str:
        return self._spec.request.operation.name

    def _closed_early(self) -> DifyError:
        return self._failure or self._errors.closed("the stream was closed while it was being opened")

    def _fail(self, error: DifyError) -> None:
        self._failure = error
        if self._state is not _State.CLOSED:
            self._state = _State.OVER

    def _give_up(self, cause: DifyError | None) -> None:
        """End with an error: the run is not looked for, or not any more."""
        self._stops_run = False
        rejected = self._recovery.rejected if self._recovery is not None else None
        if rejected is not None and not self._spec.is_ours:
            self._fail(rejected)  # The caller asked for this run by its id.
            return
        start = (self._reader.start if self._reader is not None else None) or b""
        searched = self._recovery is not None
        self._fail(self._errors.given_up(cause, start=start, searched=searched, rejected=rejected))

    # Entering and leaving

    async def __aenter__(self) -> Self:
        if self._state is not _State.NEW:
            raise TypeError("a stream can be entered once: call the method again for another")
        self._state = _State.OPENING
        self._loop = asyncio.get_running_loop()
        spec, request, transport = self._spec, self._spec.request, self._api.transport
        submit = spec.submit
        try:
            # `aclose` in another task ends these waits.
            async with asyncio.timeout(None) as entering:
                self._entering = entering
                self._loop_state = await self._slot.enter_async_context(transport.slot(self._api.auth.key))
                # `aclose` may have closed the stream, meanwhile.
                if self._state in _NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - leaves what is open
                self._loop_state.streams.add(self)
                if request.timeouts.total is not None:
                    self._total_deadline = self._loop.time() + request.timeouts.total
                    entering.reschedule(self._total_deadline)
                if self._progress.run_id is not None:
                    self._recovery = self._new_recovery(self._progress.run_id)
                if spec.is_stored:
                    self._is_resumed = True
                    self._state = _State.RECOVERING
                    return self
                if submit is not None and transport.has_one_connection:
                    await submit()
                    submit = None
                if request.files:
                    await self._api.upload_files(request)
                response = await self._api.with_retries(request, self._open_once)
                self._has_opened = True
                if self._state in _NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - leaves what is open
                limit = transport.settings.max_event_bytes
                self._reader = EventReader(response, EventParser(limit))
                if submit is not None:
                    await submit()
                self._state = _State.OPEN
        except BaseException as exc:
            was_closed = self._state in _NOT_OPEN
            if not was_closed:
                self._state = _State.OPEN  # Nothing waits any more that `aclose` would have to end.
            await self.aclose()
            await self._slot.aclose()
            if not isinstance(exc, TimeoutError):
                raise
            raise self._closed_early() if was_closed else self._api.total_timeout(request) from None
        return self

    async def _open_once(self, headers: AuthHeaders) -> IncomingResponse:
        # In a task of its own, because the headers of a chat arrive only with its first event: if the caller
        # is cancelled by then, the run has started and must still be stopped.
        if self._state is _State.CLOSED:
            raise self._closed_early()
        assert self._loop_state is not None
        self._opening = self._loop_state.spawn(self._api.open(self._spec.request, headers))
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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the stream: what leaving the `async with` block does. Idempotent.

        May be called by another task: a reader that waits ends at once.
        """
        if self._state in _NOT_OPEN:
            return
        assert self._loop is not None
        if asyncio.get_running_loop() is not self._loop:
            if self._loop.is_closed():
                self._state = _State.CLOSED  # Its connection was closed with its event loop.
                return
            closing = asyncio.run_coroutine_threadsafe(self.aclose(), self._loop)
            await asyncio.wrap_future(closing)
            return
        if self._state is _State.OPENING and self._entering is not None and not self._entering.expired():
            self._entering.reschedule(self._loop.time())
        if self._loop_state is None:  # It waited for a slot.
            self._state = _State.CLOSED
            return
        if self._state is _State.OVER and self._failure is None:
            self._state = _State.CLOSED
            self._loop_state.streams.discard(self)
            await self._slot.aclose()
            return
        is_started = self._has_opened or self._opening is not None
        self._state = _State.CLOSED
        try:
            self._accumulate_rest()
        finally:
            try:
                self._wake_reader()
                if is_started and self._stops_run and not self._progress.complete:
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
        if self._state not in _NOT_OPEN and not self._progress.complete:
            self._failure = self._errors.interrupted("the client was closed while the stream was open", None)
        await self.aclose()

    def _accumulate_rest(self) -> None:
        """Accumulate what has arrived and was not read: it may contain the end of the run."""
        if self._reader is not None:
            self._pending.extend(self._reader.take_buffered())
        self._accumulate([item for item in self._pending if isinstance(item, bytes)])
        self._pending.clear()

    def _accumulate(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            event = decode_event(payload)
            if event is not None and not self._progress.over:
                self._accumulator.add(event)

    def _wake_reader(self) -> None:
        """Let a task that waits for this stream end."""
        if self._searching is not None:
            self._searching.cancel()
        if self._is_reading and self._reader is not None:
            self._reader.interrupt()

    def _stop(self) -> Coroutine[Any, Any, None]:
        # Not a coroutine function: it takes what is open now, not when its task starts.
        assert self._spec.stop is not None
        return stop_run(
            self._api,
            self._spec.request,
            self._spec.stop,
            self._progress,
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

    def __await__(self) -> Generator[None, None, NoReturn]:
        raise TypeError(
            "a stream is entered, not awaited: async with client.workflows.stream(...) as run: ..."
        )

    def __enter__(self) -> None:
        raise TypeError("this stream is asynchronous: use `async with`, or a client of dify_async.sync")

    def __exit__(self, *_: object) -> None: ...


def _not_entered() -> TypeError:
    return TypeError("a stream must be entered first: async with client.workflows.stream(...) as run: ...")
