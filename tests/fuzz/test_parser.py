"""Parsing of streams of the whole grammar, and of any bytes."""

from __future__ import annotations

import json

import httpx
import httpx_sse
from hypothesis import example, given
from hypothesis import strategies as st

from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.sse import _PIECE, PING, EventParser
from dify_async.errors import TooLarge
from tests.support.sse import BOM, LINE_ENDS, at_each_cut, by_the_book, cut, cuts, parsed, singly

ONLY_PYTHONS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
"""What `str.splitlines` takes for line ends, and an event stream does not."""

line_ends = st.sampled_from(list(LINE_ENDS.values()))


def streams(signs: str) -> st.SearchStrategy[bytes]:
    """Draw streams of lines of all kinds, with text of these characters and with one or several line ends."""
    texts = st.text(alphabet=signs, max_size=8)
    line = st.one_of(
        st.builds("data: {}".format, texts),
        st.builds("data: {}".format, texts),
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["data", "event", "id", "retry", "", "other", "Data", " data"]),
            st.sampled_from([":", ": ", ":  ", ""]),
            texts,
        ),
        st.sampled_from(["event: ping", "event:ping", "event: message", "data", "data:", "data: ", ":"]),
        st.sampled_from(["id: 7", "id", "retry: 10", "retry: soon", *[""] * 6]),
    ).map(str.encode)
    several = st.lists(st.tuples(line, line_ends), max_size=14)
    one = st.builds(
        lambda lines, end: [(line, end) for line in lines], st.lists(line, max_size=14), line_ends
    )
    return (several | one).map(lambda found: b"".join(line + end for line, end in found))


def complete_part(data: bytes) -> bytes:
    """Return the part of a stream up to its last empty line, that line included."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return lines[: lines.rfind(b"\n\n") + 2] if b"\n\n" in lines else b""


@given(
    start=st.sampled_from([b"", BOM, BOM[:2], BOM * 2]),
    body=streams("ab: {}é中😀\t\0" + ONLY_PYTHONS),
    rest=st.sampled_from([b"", b"data: last", b"event: ping", b"da", "data: é".encode()[:-1]]),
    places=cuts,
)
@example(start=BOM, body=b"data: a\r\n\r\n", rest=b"", places=[])
def test_chunk_boundaries_do_not_change_the_events(
    start: bytes, body: bytes, rest: bytes, places: list[float]
) -> None:
    data = start + body + rest
    expected = by_the_book(data)
    for pieces in [[data], singly(data), cut(data, places), *at_each_cut(data)]:
        assert parsed(pieces) == expected


@given(body=streams("ab: é"), before=st.integers(-40, 12), whole=st.booleans())
def test_large_reads_give_the_same_events(body: bytes, before: int, whole: bool) -> None:
    # The parser splits a large read into pieces: `body` is where the first one ends.
    first = b"data: " + b"x" * (_PIECE + before) + b"\n" * (2 if whole else 1)
    data = first + body * 3 + first + body
    assert parsed([data]) == by_the_book(data)


@given(body=streams("ab: \u2028"))
def test_an_event_is_returned_at_the_byte_that_completes_it(body: bytes) -> None:
    parser = EventParser(2**20)
    given_so_far: list[bytes] = []
    for end, byte in enumerate(singly(body), 1):
        given_so_far += parser.feed(byte)
        assert given_so_far == by_the_book(complete_part(body[:end]))


@given(texts=st.lists(st.text(alphabet=ONLY_PYTHONS + 'a "\\'), max_size=5), end=line_ends, places=cuts)
def test_characters_that_only_python_treats_as_line_ends_stay_in_the_text(
    texts: list[str], end: bytes, places: list[float]
) -> None:
    # Not escaped, like in Dify's JSON. Characters below U+0020 are escaped in any JSON.
    sent = [{"event": "text_chunk", "data": {"text": text}} for text in texts]
    body = b"".join(b"data: " + json.dumps(event, ensure_ascii=False).encode() + end * 2 for event in sent)
    events = [decode_event(data) for data in parsed(cut(body, places))]
    assert [event.raw for event in events if event is not None] == sent


@given(body=streams("ab: {}é中😀\t\0"), ours=cuts, theirs=cuts)
def test_another_parser_returns_the_same_events(body: bytes, ours: list[float], theirs: list[float]) -> None:
    headers = {"content-type": "text/event-stream"}
    answer = httpx.Response(200, headers=headers, content=iter(cut(body, theirs)))
    expected: list[bytes] = []
    for event in httpx_sse.EventSource(answer).iter_sse():
        if event.event == "ping":
            expected.append(PING)
        elif event.data:
            expected.append(event.data.encode())
    parser = EventParser(2**20)
    assert [event for piece in cut(body, ours) for event in parser.feed(piece)] == expected


# The size limit

rubbish = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"\r",
                b"\n",
                b"\r\n",
                b"\n\n",
                b"data: ",
                b"data:",
                b"event: ping",
                b":",
                b"x" * 9,
                BOM,
                BOM[:1],
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(data=rubbish, limit=st.integers(len(BOM), 60), places=cuts)
def test_nothing_beyond_the_limit_is_kept_or_returned(data: bytes, limit: int, places: list[float]) -> None:
    for pieces in [[data], singly(data), cut(data, places)]:
        parser = EventParser(limit)
        try:
            for piece in pieces:
                assert all(len(event) <= limit for event in parser.feed(piece))
                assert len(parser._tail) <= max(limit + 1, len(BOM)), "one line end may follow"
            parser.close()
        except TooLarge:
            pass
        assert len(parser._tail) <= limit + 1 + max(map(len, pieces), default=0)


def size_of(block: bytes) -> int:
    """Return the bytes of an event that count towards the limit: its lines and the line ends between them, no comments."""
    return len(b"\n".join(line for line in block.split(b"\n") if line and not line.startswith(b":")))


@given(data=rubbish, limit=st.integers(len(BOM), 60), places=cuts)
def test_chunk_boundaries_do_not_change_which_event_is_too_large(
    data: bytes, limit: int, places: list[float]
) -> None:
    lines = data.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    *blocks, rest = lines.split(b"\n\n")
    too_large = any(size_of(block) > limit for block in [*blocks, rest])
    for pieces in [[data], singly(data), cut(data, places)]:
        try:
            found = parsed(pieces, limit)
        except TooLarge:
            assert too_large
        else:
            assert not too_large
            assert found == by_the_book(data)
