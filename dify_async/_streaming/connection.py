"""Open and close the connection to a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import nullcontext
from typing import Any

import attrs

from dify_async._http.auth import AuthHeaders
from dify_async._http.logs import STREAM
from dify_async._http.response import IncomingResponse
from dify_async._streaming.leaving import abandon, stop_run
from dify_async._streaming.reader import EventReader
from dify_async._streaming.run_events import RunEvents
from dify_async._streaming.state import NOT_OPEN, State
from dify_async._streaming.watch import RunWatch, watch_run
from dify_async.errors import DifyError


@attrs.define(eq=False)
class RunConnection:
    """Opens and closes the connection for the events of a run."""

    _events: RunEvents
    _entering: asyncio.Timeout | None = None
    _opening: asyncio.Task[IncomingResponse] | None = None
    _has_opened: bool = False  # True if the server has responded.

    async def open(self) -> None:
        """Wait for a slot, and open the stream; for a stored run, start its recovery instead.

        Raises:
            DifyError: the stream cannot be opened; it is closed.
            TypeError: the stream was opened before.
        """
        events = self._events
        if events.state is not State.NEW:
            raise TypeError("a stream can be entered only once: call the method again to open another one")
        events.state = State.OPENING
        events.loop = asyncio.get_running_loop()
        api, spec, request = events.api, events.spec, events.spec.request
        submit = spec.submit
        watch: RunWatch | None = None
        if api.observers.given or STREAM.isEnabledFor(logging.DEBUG):
            events.watch = watch = watch_run(api, spec, events.progress, events.errors)
            events.api = api = watch.api
        try:
            # `close` in another task ends these waits.
            async with asyncio.timeout(None) as entering:
                self._entering = entering
                events.loop_state = await events.slot.enter_async_context(api.transport.slot(api.auth.key))
                # `close` may have been called meanwhile.
                if events.state in NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - closed below
                events.loop_state.streams.add(self)
                if watch is not None:
                    watch.has_slot()
                if request.timeouts.total is not None:
                    events.total_deadline = events.loop.time() + request.timeouts.total
                    entering.reschedule(events.total_deadline)
                if events.progress.run_id is not None:
                    events.recovery_task = events.new_recovery_task(events.progress.run_id)
                if spec.is_stored:
                    events.is_resumed = True
                    events.state = State.RECOVERING
                    return
                if submit is not None and api.transport.has_one_connection:
                    await submit()
                    submit = None
                if request.files:
                    await api.upload_files(request)
                with api.watched(request) if watch is not None else nullcontext():
                    response = await api.with_retries(request, self._open_once)
                self._has_opened = True
                if events.state in NOT_OPEN:
                    raise self._closed_early()  # noqa: TRY301 - closed below
                if watch is not None:
                    watch.opened()
                events.reader = EventReader(response, api.transport.settings.max_event_bytes)
                if submit is not None:
                    await submit()
                events.state = State.OPEN
        except BaseException as exc:
            was_closed = events.state in NOT_OPEN
            if not was_closed:
                events.state = State.OPEN  # `close` need not end the waits above.
            if watch is not None:
                watch.left(exc)
            await self.close()
            await events.slot.aclose()
            if not isinstance(exc, TimeoutError):
                raise
            raise self._closed_early() if was_closed else api.errors.of_total(request) from None

    async def _open_once(self, headers: AuthHeaders) -> IncomingResponse:
        events = self._events
        # In a separate task, because the headers of a chat arrive only with its first event: if the caller is
        # cancelled before, the run has started and must still be stopped.
        if events.state is State.CLOSED:
            raise self._closed_early()
        assert events.loop_state is not None
        self._opening = events.loop_state.spawn(events.api.open(events.spec.request, headers))
        assert events.loop is not None
        sent_at = events.loop.time()
        try:
            response = await asyncio.shield(self._opening)
        except DifyError:
            self._opening = None
            raise
        self._opening = None
        events.silence += events.loop.time() - sent_at
        return response

    async def close(self) -> None:
        """Close the stream, like leaving the `async with` block. Idempotent.

        Another task may call it: a waiting reader ends at once.
        """
        events = self._events
        if events.state in NOT_OPEN:
            return
        assert events.loop is not None
        if asyncio.get_running_loop() is not events.loop:
            if events.loop.is_closed():
                events.state = State.CLOSED  # Its connection was closed with its event loop.
                if events.watch is not None:
                    events.watch.ended()
                return
            closing = asyncio.run_coroutine_threadsafe(self.close(), events.loop)
            await asyncio.wrap_future(closing)
            return
        if events.state is State.OPENING and self._entering is not None and not self._entering.expired():
            self._entering.reschedule(events.loop.time())
        if events.loop_state is None:  # The stream was waiting for a slot.
            events.state = State.CLOSED
            if events.watch is not None:
                events.watch.ended()
            return
        if events.state is State.OVER and events.failure is None:
            events.state = State.CLOSED
            if events.watch is not None:
                events.watch.ended()
            events.loop_state.streams.discard(self)
            await events.slot.aclose()
            return
        is_started = self._has_opened or self._opening is not None
        events.state = State.CLOSED
        try:
            events.accumulate_rest()
        finally:
            try:
                events.interrupt()
                if is_started and events.stops_run and not events.progress.complete:
                    # In a separate task: a second cancellation ends only the wait, not the stop request.
                    stopping = events.loop_state.spawn(self._stop())
                    # The end of the event loop may cancel the task before it starts.
                    stopping.add_done_callback(lambda _: self._release())
                    await asyncio.shield(stopping)
                else:
                    self._release()
            finally:
                events.loop_state.streams.discard(self)
                await events.slot.aclose()

    async def close_with_client(self) -> None:
        """Close the stream because its client is being closed; its reader gets an error."""
        events = self._events
        if events.state not in NOT_OPEN and not events.progress.complete:
            events.failure = events.errors.interrupted(
                "the client was closed while the stream was open", None
            )
        await self.close()

    def _stop(self) -> Coroutine[Any, Any, None]:
        events = self._events
        # Not a coroutine function: the arguments are evaluated now, not when the task starts.
        assert events.spec.stop is not None
        return stop_run(
            events.api,
            events.spec.request,
            events.spec.stop,
            events.progress,
            opening=self._opening,
            reader=events.reader,
            accumulate=events.accumulate,
            watch=events.watch,
        )

    def _release(self) -> None:
        """Close the connection, whether it is open or still being opened."""
        if self._opening is not None:
            abandon(self._opening)
            self._opening = None
        self._events.drop_reader()
        if self._events.watch is not None:
            self._events.watch.ended(self._events.failure)

    def _closed_early(self) -> DifyError:
        problem = "the stream was closed while it was being opened"
        return self._events.failure or self._events.errors.closed(problem)
