"""Convert the events of a run to the bytes of an event stream."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, Self, TypeAlias

from dify_async._data import as_json
from dify_async._streaming.stream import EventStream
from dify_async._text import printable
from dify_async._types import Json
from dify_async.asgi.http_errors import HttpError, http_error
from dify_async.asgi.rendering import AnyResult, Renderer
from dify_async.errors import DifyError, RunFailed, RunRejected
from dify_async.events import ErrorEvent, Event, WorkflowFinished, WorkflowPaused, WorkflowStarted

AnyStream: TypeAlias = EventStream[Event, AnyResult]
"""The stream of a run of any app."""

HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    # Proxies that cache, compress or buffer responses would delay events.
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}

START_WITHIN: Final = 5.0
"""Seconds in which an error becomes a response with its own status. Dify rejects a request, an input or a
wrong key at once. If a run waits in a queue for longer, the response starts, so that proxies keep the
connection."""

_END: Final = b"event: end\ndata: {}\n\n"
_HOLDING_BACK: Final = (WorkflowStarted, ErrorEvent, WorkflowFinished)
"""Events that do not start the response: a rejected run has them too (recording:
`116_wf_missing_required_streaming`)."""
_TELLING: Final = (WorkflowFinished, WorkflowPaused, ErrorEvent)
"""Events that contain the reason why a run has no result."""

_log: Final = logging.getLogger("dify_async.asgi")


def status_without_run(method: str, last_event_id: str | None, stream: AnyStream) -> int | None:
    """Return the status for a request that must not start a run; None for others.

    Frameworks also call the endpoint of GET for HEAD. An `EventSource` stops reconnecting after a 204.
    """
    if method == "HEAD":
        return 200
    return 204 if method == "GET" and last_event_id and stream.starts_run else None


class Forwarder:
    """Reads the stream of a run in its own task, and iterates over the bytes for the web client.

    Entering waits for the first event, or for an error, which is then in `rejection`. Leaving closes the
    stream, which stops a run that has not ended.
    """

    def __init__(
        self,
        stream: AnyStream,
        renderer: Renderer,
        *,
        start_within: float,
        for_event_source: bool,
    ) -> None:
        self._stream = stream
        self._renderer = renderer
        self._start_within = start_within
        self._for_event_source = for_event_source
        self._ready: list[bytes] = []
        self._has_started = asyncio.Event()  # Set by the first event, and when the wait for it has ended.
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_reported = False  # True if the end of the run was sent to the web client.
        self._failure: DifyError | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def rejection(self) -> HttpError | None:
        """The error that occurred before the first event."""
        return None if self._failure is None else http_error(self._failure)

    def body_of(self, rejection: HttpError) -> bytes:
        """Return the body of the response for an error."""
        return _json_text(self._renderer.error(rejection)).encode()

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(self._wake)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._start_within):
                    await self._has_started.wait()
        except BaseException:
            await self.aclose()
            raise
        if not self._has_started.is_set():
            self._has_started.set()
            self._ready.append(self._renderer.ping)
        if self._for_event_source:
            # Without an id, a reconnecting browser would look like a new one.
            self._ready.insert(0, b"id: started\n\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def cancel(self) -> None:
        """Stop reading, which closes the stream. Idempotent."""
        if self._reading is not None:
            self._reading.cancel()

    async def aclose(self) -> None:
        """Stop reading, and wait until the stream is closed. Idempotent."""
        self.cancel()
        if self._reading is not None:
            await asyncio.wait([self._reading])

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        assert self._reading is not None
        while not self._ready:
            if self._reading.done():
                self._reading.result()  # Raises unexpected exceptions.
                raise StopAsyncIteration
            self._has_news.clear()
            await self._has_news.wait()
        data = b"".join(self._ready)
        self._ready.clear()
        self._has_room.set()
        return data

    # Reading

    async def _read(self) -> None:
        try:
            await self._read_to_end()
        except DifyError as error:
            if not self._has_started.is_set() and not _has_run(error):
                self._failure = error
            elif self._is_reported:
                return
            else:
                self._add(self._renderer.error(http_error(error)))
            _log.warning("a stream to a web client ended early: %s", error)
        finally:
            if self._for_event_source:
                self._ready.append(_END)

    async def _read_to_end(self) -> None:
        stream, renderer = self._stream, self._renderer
        stream.on_ping = lambda: self._ready.append(renderer.ping)
        async with stream:
            goes_on = True
            while goes_on:
                while (event := stream.take()) is not None:
                    self._take(event)
                if self._ready and self._has_started.is_set():
                    self._has_news.set()
                    await self._room()
                goes_on = await stream.fill()
            result = stream.final_result()
        for message in renderer.result(result):
            self._add(message)
        if renderer.last is not None:
            self._ready.append(f"data: {renderer.last}\n\n".encode())

    def _take(self, event: Event) -> None:
        messages = list(self._renderer.event(event))
        for message in messages:
            self._add(message)
        self._is_reported = bool(messages) and isinstance(event, _TELLING)
        if not isinstance(event, _HOLDING_BACK):
            self._has_started.set()

    def _add(self, message: Json) -> None:
        run_id = self._stream.run_id if self._for_event_source else None
        event_id = f"id: {printable(run_id)}\n" if run_id else ""
        self._ready.append(f"{event_id}data: {_json_text(message)}\n\n".encode())

    async def _room(self) -> None:
        """Wait until the web client has received all messages: a slow client slows the run's stream down."""
        while self._ready:
            self._has_room.clear()
            await self._has_room.wait()

    def _wake(self, _: asyncio.Task[Any]) -> None:
        self._has_started.set()
        self._has_news.set()


def _json_text(message: Json) -> str:
    """Return ASCII JSON: some readers treat other characters, such as U+2028, as line ends.

    Values that JSON does not have, such as NaN, `Decimal` and times, are converted as in `to_dict`.
    """
    try:
        return json.dumps(message, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(as_json(message))


def _has_run(error: DifyError) -> bool:
    """Return True for the error of a run that has started, for example one that `attach` follows."""
    return isinstance(error, RunFailed) and not isinstance(error, RunRejected)
