"""Parts of event streams, and a second parser for comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hypothesis import strategies as st

from dify_async._wire.sse import PING, EventParser

MIB = 2**20


BOM = b"\xef\xbb\xbf"


LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


def parsed(pieces: Iterable[bytes], limit: int = 64 * MIB) -> list[bytes]:
    """Return all events that a parser returns for the pieces, the end of the body included."""
    parser = EventParser(limit)
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found + parser.close()


def at_each_cut(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    return ((data[:cut], data[cut:]) for cut in range(len(data) + 1))


def singly(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


def by_the_book(data: bytes) -> list[bytes]:
    """A second implementation of the event-stream grammar, simple and slow.

    It differs from the standard where the parser means to: a ping is reported, and the last event needs no empty
    line.
    """
    lines = re.split(rb"\r\n|\r|\n", data.removeprefix(BOM))
    events: list[bytes] = []
    values: list[bytes] = []
    name = b""
    for line in [*lines, b""]:
        if line:
            field, _, value = line.partition(b":")
            value = value[1:] if value[:1] == b" " else value
            if field == b"data":
                values.append(value)
            elif field == b"event":
                name = value
            continue
        if name == b"ping":
            events.append(PING)
        elif any(values) or len(values) > 1:
            events.append(b"\n".join(values))
        values, name = [], b""
    return events


def cut(data: bytes, places: list[float]) -> list[bytes]:
    """Cut at the given fractions of the length, each between 0 and 1."""
    at = sorted(round(place * len(data)) for place in places)
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


cuts = st.lists(st.floats(0, 1, width=32), max_size=8)
