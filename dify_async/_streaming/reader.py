"""Read the events of one response: bytes to event data, with one timer for all its timeouts."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from dify_async._http.transport import IncomingResponse, Interrupted
from dify_async._wire.decoding.hooks import decode_event
from dify_async._wire.sse import EventParser
from dify_async.errors import DifyError, TooLarge
from dify_async.events import UnknownEvent

_START: Final = 4096
"""Bytes of a body without events that are kept."""


class EventReader:
    """Turns the chunks of one response into the data of its events.

    What has arrived wins: data that is buffered behind a broken connection or an expired timeout is returned
    before that is reported.
    """

    def __init__(self, response: IncomingResponse, max_event_bytes: int) -> None:
        self._response = response
        self._parser = EventParser(max_event_bytes)
        self._deadline: float | None = None  # None while nobody waits.
        self._timer: asyncio.TimerHandle | None = None
        self.start: bytes | None = b""
        """The first bytes, as long as they contain no event: a gateway may have rejected the request."""
        self.ended = False
        """Whether the body is over, regularly or not."""
        self.error: DifyError | None = None
        """Why the body is over, if its connection broke."""
        self.expired = False
        """Whether nothing arrived before the deadline."""

    async def read(self, deadline: float) -> list[bytes]:
        """Wait for data, and return the events in it: none for a part of an event, or at the end.

        Args:
            deadline: When to stop waiting, in seconds of the event loop's clock; then `expired` is set.

        Raises:
            TooLarge: an event is larger than allowed.
        """
        if self._parser.too_large is not None:
            raise self._parser.too_large
        self._deadline = deadline
        if self._timer is None or deadline < self._timer.when():
            self._arm(deadline)
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
        """Return the events that have arrived and were not read; none behind one that is too large."""
        if self.ended or self._deadline is not None:  # While somebody waits, nothing is buffered.
            return []
        with suppress(TooLarge):
            return self._parser.feed(self._response.take_buffered())
        return []

    def interrupt(self) -> None:
        """Let a task that waits in `read` return at once."""
        self._response.interrupt()

    def close(self) -> None:
        """Close the connection; a task that waits in `read` returns at once."""
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._response.interrupt()
        self._response.close()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._expire)

    def _expire(self) -> None:
        """Interrupt the wait if its deadline has passed; otherwise look again when it will have.

        The timer is not moved with each chunk, which would cost more than reading it, so it fires too early.
        """
        self._timer = None
        deadline = self._deadline
        if deadline is None:
            return
        if asyncio.get_running_loop().time() < deadline:
            self._arm(deadline)
        else:
            self._response.interrupt()

    def _end(self, rest: bytes) -> list[bytes]:
        """Return the events in the rest of the body, including a last one that lacks only its empty line."""
        payloads = self._parser.feed(rest)
        for payload in self._parser.close():
            event = decode_event(payload)
            # Half an event has no name that could be read; it is not delivered.
            if not (isinstance(event, UnknownEvent) and not event.event):
                payloads.append(payload)
        self.close()
        return payloads
