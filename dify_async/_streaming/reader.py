"""Read the events of one response: bytes to event data, with one timer for all timeouts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import attrs

from dify_async._http.response import IncomingResponse, Interrupted
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.sse import EventParser
from dify_async.errors import DifyError, TooLarge
from dify_async.events import UnknownEvent

_START: Final = 4096
"""Number of bytes that are kept of a body without events."""


# By default attrs calls a function on each assignment, because of the converter; each read makes several.
@attrs.define(eq=False, on_setattr=attrs.setters.NO_OP)
class EventReader:
    """Converts the chunks of one response to the data of its events.

    Data that has arrived takes precedence: data that is buffered when the connection breaks or a timeout
    expires is returned before the error.
    """

    _response: IncomingResponse
    _parser: EventParser = attrs.field(converter=EventParser, alias="max_event_bytes")
    _deadline: float | None = attrs.field(default=None, init=False)
    """When to stop waiting, by the event loop's clock. None while no task waits."""
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    ended: bool = attrs.field(default=False, init=False)
    """True if the body has ended, with or without an error."""
    error: DifyError | None = attrs.field(default=None, init=False)
    """The error that ended the body. None if it ended normally."""
    expired: bool = attrs.field(default=False, init=False)
    """True if nothing arrived before the deadline."""
    start: bytes | None = attrs.field(default=b"", init=False)
    """The first bytes of a body without events, which may be the error of a gateway. None after the first
    event."""

    async def read(self, deadline: float) -> list[bytes]:
        """Wait for data, and return its events; [] for a part of an event, and at the end.

        Args:
            deadline: When to stop waiting, by the event loop's clock; `expired` is True then.

        Raises:
            TooLarge: an event is larger than allowed.
        """
        if self._parser.too_large is not None:
            raise self._parser.too_large
        self._deadline = deadline
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(deadline, self._expire)
        try:
            data = await self._response.read_chunk()
        except Interrupted:
            if self.ended:
                return []
            data = self._response.take_buffered()
            self.expired = not data and asyncio.get_running_loop().time() >= deadline
        except DifyError as error:
            self.error = error
            return self._end(self._response.take_buffered())
        else:
            if not data:
                return self._end(b"")
        finally:
            self._deadline = None
        payloads = self._parser.feed(data)
        if self.start is not None:
            self.start = None if payloads else (self.start + data)[:_START]
        return payloads

    def take_buffered(self) -> list[bytes]:
        """Return events that have arrived but were not read; [] after an event that is too large."""
        if self.ended or self._deadline is not None:  # While a task waits, no data is buffered.
            return []
        with suppress(TooLarge):
            return self._parser.feed(self._response.take_buffered())
        return []

    def interrupt(self) -> None:
        """Make a task that waits in `read` return at once."""
        self._response.interrupt()

    def close(self) -> None:
        """Close the connection; a task that waits in `read` returns at once."""
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deadline is not None:
            self._response.interrupt()
        self._response.close()

    def _expire(self) -> None:
        """Interrupt the wait if its deadline has passed, otherwise start the timer again.

        The timer is not moved for each chunk, which would take longer than reading it, so it may fire early.
        """
        self._timer = None
        deadline = self._deadline
        if deadline is None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < deadline:
            self._timer = loop.call_at(deadline, self._expire)
        else:
            self._response.interrupt()

    def _end(self, rest: bytes) -> list[bytes]:
        """Return the events in the rest of the body, including a last one without its empty line."""
        payloads = self._parser.feed(rest)
        for payload in self._parser.close():
            event = decode_event(payload)
            # An incomplete event has no readable name, and is not delivered.
            if not (isinstance(event, UnknownEvent) and not event.event):
                payloads.append(payload)
        self.close()
        return payloads
