"""Parse an event stream: bytes to the data of events, wherever the chunks are split.

Dify writes `data: {json}` and an empty line per event, and `event: ping` alone every ten seconds. Proxies
split the stream differently and sometimes rewrite it, so the parser accepts the complete grammar of event
streams: LF, CRLF and CR, a byte order mark, comments, data on several lines. No other characters end a line:
U+2028 and U+0085 are part of Dify's JSON (recording: `wf_llm_streaming`), so `splitlines` must not be used.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Final

import attrs

from dify_async.errors import TooLarge

PING: Final = b""
"""What `feed` returns for a ping: an event without data."""

_PING_LINES: Final = b"event: ping\n\n"
_USUAL_STARTS: Final = (b"data:", b"event:")

_PIECE: Final = 16_384
"""Number of bytes that are split at once. `bytes.split` searches longer data by a slower algorithm, and
smaller pieces stay in the processor's cache."""

_MAX_LINES: Final = 65_536
"""Maximum number of lines of one event. Dify writes one; more would only cost time."""


@attrs.define(eq=False)
class EventParser:
    """Splits the bytes of one stream into the data of its events.

    Time is linear in the number of bytes, even for one huge event in small chunks. Memory is limited by the
    size of one event: only the data and the last line of an incomplete event are kept; comments are dropped
    at once.
    """

    _limit: int
    """Maximum size of an event, in bytes."""
    too_large: TooLarge | None = attrs.field(default=None, init=False)
    """Set if an event is larger than the limit, but events before it had to be returned first."""
    _event: _Event | None = attrs.field(default=None, init=False)
    """The complete lines of the current, incomplete event."""
    _tail: bytearray = attrs.field(factory=bytearray, init=False)
    """The incomplete last line."""
    _fresh: bool = attrs.field(default=True, init=False)
    """True until more than a part of a byte order mark was received."""
    _after_cr: bool = attrs.field(default=False, init=False)
    """True if the last byte was a CR, so that an LF right after it belongs to the same line end."""

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes; return the data of each event that they complete, `PING` for a ping.

        Raises:
            TooLarge: An event is larger than the limit, complete or not. If there are complete events before
                it, they are returned first, and the next call raises.
        """
        if self.too_large is not None:
            raise self.too_large
        if self._fresh:
            if data.startswith(_USUAL_STARTS) and not self._tail:
                self._fresh = False
            else:
                data = self._without_bom(data)
        if b"\r" in data or self._after_cr:
            data = self._with_lf(data)
        tail = self._tail
        if tail:
            tail += data
            if b"\n" not in data:
                self._check_tail()
                return []
            data = bytes(tail)
            tail.clear()
        events: list[bytes] = []
        start = 0
        try:
            while start < len(data):
                # All pieces but the last one end with an event.
                end = data.find(b"\n\n", start + _PIECE) + 2 if len(data) - start > _PIECE else 0
                piece = data[start:end] if end > 1 else data[start:]
                self._split(piece, events)
                start += len(piece)
        except TooLarge as error:
            if not events:
                raise
            self.too_large = error
            self._tail.clear()
        return events

    def _split(self, data: bytes, events: list[bytes]) -> None:
        """Append the data of each event that is complete, and keep the rest."""
        if self._event is not None and self._event.lines:
            end = 0 if data.startswith(b"\n") else data.find(b"\n\n") + 1
            if end == 0 and not data.startswith(b"\n"):
                self._begin(data)
                return
            self._event.add_all(data[:end])
            events += self._event.finished()
            data = data[end + 1 :]
        while data.startswith(_PING_LINES) and len(_PING_LINES) <= self._limit:
            events.append(PING)
            data = data[len(_PING_LINES) :]
        end = data.rfind(b"\n\n")
        if end > 0 and data.startswith(b"data: ") and len(data) <= self._limit:
            # Dify writes each event as one line. One check for all of these events is enough.
            found = data[6:end].split(b"\n\ndata: ")
            if b"\n" not in b"".join(found) and b"" not in found:
                events += found
                if end + 2 < len(data):
                    self._begin(data[end + 2 :])
                return
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        for block in filter(None, blocks):
            events += self._read(block)
        self._begin(rest)

    def _begun(self) -> _Event:
        """Return the current event; created when it is first needed."""
        if self._event is None:
            self._event = _Event(self._limit)
        return self._event

    def close(self) -> list[bytes]:
        """Return the last event, if only its empty line is missing.

        It may also be half an event: the caller drops data that is not valid JSON.

        Raises:
            TooLarge: It is larger than the limit, or the previous call found an event that is.
        """
        if self.too_large is not None:
            raise self.too_large
        if self._tail:
            self._begun().add(bytes(self._tail))
            self._tail.clear()
        return self._begun().finished()

    def _begin(self, rest: bytes) -> None:
        """Keep the start of an event, which contains no empty line."""
        if b"\n" in rest:
            end = rest.rfind(b"\n") + 1
            self._begun().add_all(rest[:end])
            rest = rest[end:]
        self._tail += rest
        self._check_tail()

    def _read(self, block: bytes) -> list[bytes]:
        """Return the data of a complete event, if it has any."""
        if block.startswith(b"data: ") and 6 < len(block) <= self._limit and b"\n" not in block:
            return [block[6:]]
        event = self._begun()
        if b"\n" in block:
            event.add_all(block)
        else:
            event.add(block)
        return event.finished()

    def _check_tail(self) -> None:
        if self._tail.startswith(b":"):
            del self._tail[1:]
        elif self._tail and self._begun().size + len(self._tail) > self._limit:
            raise TooLarge(self._limit)

    def _without_bom(self, data: bytes) -> bytes:
        data = bytes(self._tail) + data
        self._tail.clear()
        if codecs.BOM_UTF8.startswith(data[:3]) and len(data) < 3:
            self._tail += data
            return b""
        self._fresh = False
        return data.removeprefix(codecs.BOM_UTF8)

    def _with_lf(self, data: bytes) -> bytes:
        split_pair = self._after_cr and data.startswith(b"\n")
        if data:
            self._after_cr = data.endswith(b"\r")
        if split_pair:
            data = data[1:]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class _Event:
    """Joins the lines of an event; reused for the next event."""

    __slots__ = ("_data", "_is_ping", "_limit", "lines", "size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data: bytearray | None = None
        self._is_ping = False
        self.lines = 0
        """Number of lines, without comments."""
        self.size = 0
        """Size of these lines and their line ends, in bytes."""

    def add_all(self, block: bytes) -> None:
        """Add the lines of a block."""
        for line in _lines(block):
            self.add(line)

    def add(self, line: bytes) -> None:
        """Add a line without its line end."""
        if not line or line.startswith(b":"):
            return
        self.lines += 1
        self.size += len(line) + 1
        if self.size - 1 > self._limit:
            raise TooLarge(self._limit)
        if self.lines > _MAX_LINES:
            raise TooLarge(self._limit, f"an event has more than {_MAX_LINES} lines")
        field, _, value = line.partition(b":")
        if field == b"data":
            value = value.removeprefix(b" ")
            if self._data is None:
                self._data = bytearray(value)
            else:
                self._data += b"\n"
                self._data += value
        elif field == b"event":
            self._is_ping = value.removeprefix(b" ") == b"ping"

    def finished(self) -> list[bytes]:
        """Return the event's data as a list of one, [] if it has none, and start the next event."""
        events = [PING] if self._is_ping else [bytes(self._data)] if self._data else []
        self._data, self._is_ping, self.lines, self.size = None, False, 0, 0
        return events


def _lines(block: bytes) -> Iterator[bytes]:
    # A generator, because a list of many short lines takes a multiple of their memory.
    start = 0
    while (end := block.find(b"\n", start)) >= 0:
        yield block[start:end]
        start = end + 1
    yield block[start:]
