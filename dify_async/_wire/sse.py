"""Bytes to the data of events, however the bytes are cut.

Dify writes `data: {json}` and an empty line per event, and `event: ping` alone every ten seconds. Proxies
re-cut and sometimes rewrite that, so all of the event-stream grammar is read: LF, CRLF and CR, a byte order
mark, comments, data over several lines. Lines end at those three only: U+2028 and U+0085 stand raw inside
Dify's JSON (recording: `wf_llm_streaming`), which is why nothing here uses `splitlines`.
"""

from __future__ import annotations

import codecs
from typing import Final

from dify_async.errors import TooLarge

PING: Final = b""
"""What `feed` gives for a ping: an event without data."""


class EventParser:
    """Cuts the bytes of one stream into the data of its events.

    The time taken is linear in the bytes, also for one huge event that comes in small reads.
    """

    __slots__ = ("_after_cr", "_fresh", "_limit", "_tail")

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._tail = bytearray()  # The block that has begun and not ended, with LF line ends.
        self._fresh = True  # Nothing but a part of a byte order mark has come yet.
        self._after_cr = False  # The last byte was a CR, so that a LF right after it belongs to it.

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received; give the data of each event that it completes, `PING` for a ping.

        Raises:
            TooLarge: an event is larger than the limit, whether or not it is complete.
        """
        if self._fresh:
            data = self._without_bom(data)
        if b"\r" in data or self._after_cr:
            data = self._with_lf(data)
        tail = self._tail
        if tail:
            # The empty line may lie on the seam, so the search begins one byte before it.
            seam = len(tail) - 1
            tail += data
            if tail.find(b"\n\n", seam) < 0:
                self._check(len(tail) - tail.endswith(b"\n"))
                return []
            data = bytes(tail)
            tail.clear()
        end = data.rfind(b"\n\n")
        if end > 0 and data.startswith(b"data: ") and len(data) <= self._limit:
            # Dify writes an event as one line. Whether all of these are is asked once for all of them.
            events = data[6:end].split(b"\n\ndata: ")
            if b"\n" not in b"".join(events) and b"" not in events:
                tail += data[end + 2 :]
                return events
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            tail += rest
            self._check(len(rest) - rest.endswith(b"\n"))
        if len(data) > self._limit:
            for block in blocks:
                self._check(len(block))
        return _read_blocks(blocks)

    def close(self) -> list[bytes]:
        """Give what the stream broke off in: the last event, if it only lacks its empty line.

        It may also be half an event: what is no whole JSON is for the caller to leave out.
        """
        rest = bytes(self._tail)
        self._tail.clear()
        return _read_blocks([rest])

    def _check(self, size: int) -> None:
        if size > self._limit:
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


def _read_blocks(blocks: list[bytes]) -> list[bytes]:
    events: list[bytes] = []
    for block in blocks:
        if block.startswith(b"data: ") and len(block) > 6 and b"\n" not in block:
            events.append(block[6:])
        elif block and (event := _read_lines(block)) is not None:
            events.append(event)
    return events


def _read_lines(block: bytes) -> bytes | None:
    """Read the lines between two empty lines; None where they hold no event, only comments for example."""
    values: list[bytes] = []
    name = b""
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            values.append(value)
        elif field == b"event":
            name = value
    if name == b"ping":
        return PING
    return b"\n".join(values) or None
