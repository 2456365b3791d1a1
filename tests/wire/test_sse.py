from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest

from dify_async._wire.sse import PING, EventParser
from dify_async.errors import TooLarge
from tests.support.sse import BOM, LINE_ENDS, MIB, at_each_cut, parsed, singly
from tests.support.work import limited_work

# Line ends


@pytest.mark.parametrize("end", LINE_ENDS.values(), ids=LINE_ENDS.keys())
def test_each_line_end_separates_events(end: bytes) -> None:
    data = end.join([b'data: {"a":1}', b"", b"event: ping", b"", b'data: {"b":2}', b"", b""])
    assert parsed([data]) == [b'{"a":1}', PING, b'{"b":2}']
    assert parsed(singly(data)) == [b'{"a":1}', PING, b'{"b":2}']


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"data: a\n\r\ndata: b\n\r\n", id="LF then CRLF"),
        pytest.param(b"data: a\r\n\ndata: b\r\n\n", id="CRLF then LF"),
        pytest.param(b"data: a\n\rdata: b\n\r", id="LF then CR"),
        pytest.param(b"data: a\r\r\ndata: b\r\r\n", id="CR then CRLF"),
        pytest.param(b"data: a\r\n\rdata: b\r\n\r", id="CRLF then CR"),
        pytest.param(b"data: a\n\ndata: b\r\n\r\n", id="each event has its own"),
    ],
)
def test_line_ends_may_be_mixed(data: bytes) -> None:
    assert all(parsed(pieces) == [b"a", b"b"] for pieces in [[data], singly(data), *at_each_cut(data)])


def test_a_cut_between_cr_and_lf_makes_no_empty_line() -> None:
    assert parsed([b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]) == [b"a\nb"]


def test_a_cr_as_last_byte_ends_the_event_at_once() -> None:
    parser = EventParser(MIB)
    assert parser.feed(b"data: a\r\r") == [b"a"]
    assert parser.feed(b"\ndata: b\r\r") == [b"b"]
    assert parser.close() == []


def test_empty_reads_change_nothing() -> None:
    assert parsed([b"", b"data: a\r", b"", b"\n\r", b"", b"\n", b"", b"data: b\n", b"", b"\n", b""]) == [
        b"a",
        b"b",
    ]


@pytest.mark.parametrize("blank_lines", [1, 2, 3, 7])
@pytest.mark.parametrize("end", LINE_ENDS.values(), ids=LINE_ENDS.keys())
def test_several_blank_lines_separate_like_one(end: bytes, blank_lines: int) -> None:
    data = end * blank_lines + b"data: a" + end * (1 + blank_lines) + b"data: b" + end * (1 + blank_lines)
    assert all(parsed(pieces) == [b"a", b"b"] for pieces in [[data], singly(data), *at_each_cut(data)])


@pytest.mark.parametrize(
    "separator",
    ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"],
    ids=lambda text: f"U+{ord(text):04X}",
)
def test_characters_that_only_python_treats_as_line_ends_stay_in_the_data(separator: str) -> None:
    data = f"data: before{separator}after\n\n".encode()
    assert all(parsed(pieces) == [data[6:-2]] for pieces in [[data], singly(data), *at_each_cut(data)])


# Cuts


@pytest.mark.parametrize("text", ["é", "中文", "😀", "a\u0301\u2028😀中"])
def test_a_cut_inside_a_character_changes_nothing(text: str) -> None:
    data = f'data: {{"t":"{text}"}}\n\n'.encode()
    for pieces in [singly(data), *at_each_cut(data)]:
        assert parsed(pieces)[0].decode() == f'{{"t":"{text}"}}'


def test_an_event_is_returned_as_soon_as_it_is_complete() -> None:
    parser = EventParser(MIB)
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\n") == [b"a"]
    assert parser.feed(b"data: b\n\ndata: c\n\ndata: d") == [b"b", b"c"]
    assert parser.feed(b"d\n\n") == [b"dd"]


# Byte order marks


def test_a_byte_order_mark_is_skipped() -> None:
    data = BOM + b"data: a\n\ndata: b\n\n"
    assert all(parsed(pieces) == [b"a", b"b"] for pieces in [[data], singly(data), *at_each_cut(data)])


def test_a_byte_order_mark_later_on_is_data() -> None:
    data = b"data: a\n\ndata: " + BOM + b"b\n\n"
    assert all(parsed(pieces) == [b"a", BOM + b"b"] for pieces in [[data], singly(data), *at_each_cut(data)])


@pytest.mark.parametrize("part", [BOM[:1], BOM[:2], BOM], ids=["one byte", "two bytes", "all of it"])
def test_a_body_of_a_byte_order_mark_alone_holds_no_event(part: bytes) -> None:
    assert parsed([part]) == []
    assert parsed(singly(part)) == []


@pytest.mark.parametrize("part", [BOM[:1], BOM[:2]], ids=["one byte", "two bytes"])
def test_half_a_byte_order_mark_is_not_a_mark(part: bytes) -> None:
    # The first line is then not a known field, and the rest is read as usual.
    data = part + b"data: a\n\ndata: b\n\n"
    assert all(parsed(pieces) == [b"b"] for pieces in [[data], singly(data), *at_each_cut(data)])


# Fields


@pytest.mark.parametrize(
    ("block", "data"),
    [
        pytest.param(b"data: x", b"x", id="with a space"),
        pytest.param(b"data:x", b"x", id="without a space"),
        pytest.param(b"data:  x ", b" x ", id="only one space belongs to the field"),
        pytest.param(b"data:\tx", b"\tx", id="a tab belongs to the data"),
        pytest.param(b"data: a: b", b"a: b", id="colons belong to the data"),
        pytest.param(b"data: a\ndata: b", b"a\nb", id="two lines"),
        pytest.param(b"data: a\ndata:\ndata:b", b"a\n\nb", id="an empty line among the data"),
        pytest.param(b"data: a\ndata", b"a\n", id="a field without a colon is empty"),
        pytest.param(b": note\ndata: a\n:", b"a", id="comments around"),
        pytest.param(b"id: 7\nretry: 10\nevent: message\ndata: a", b"a", id="other fields"),
        pytest.param(b"Data: no\ndata: a", b"a", id="names are lower case"),
        pytest.param(b" data: no\ndata: a", b"a", id="names begin the line"),
    ],
)
def test_the_data_of_an_event(block: bytes, data: bytes) -> None:
    assert parsed([block + b"\n\n"]) == [data]
    assert parsed(singly(block + b"\n\n")) == [data]


@pytest.mark.parametrize(
    "block",
    [
        b": comment",
        b":",
        b"id: 7",
        b"retry: 10",
        b"event: message",
        b"nonsense",
        b"data:",
        b"data: ",
        b"data",
    ],
)
def test_a_block_without_data_is_not_an_event(block: bytes) -> None:
    assert parsed([block + b"\n\ndata: a\n\n"]) == [b"a"]


@pytest.mark.parametrize(
    "block",
    [
        b"event: ping",
        b"event:ping",
        b": comment\nevent: ping",
        b'event: ping\ndata: {"event":"ping"}',
        b"event: ping\ndata:",
    ],
)
def test_a_ping_is_reported_and_has_no_data(block: bytes) -> None:
    assert parsed([block + b"\n\ndata: a\n\n"]) == [PING, b"a"]


# The end of the body


@pytest.mark.parametrize("rest", [b"data: b", b"data: b\n", b"data: b\r\n", b"data: b\r", b"data:b\n: bye"])
def test_the_last_event_needs_no_empty_line(rest: bytes) -> None:
    parser = EventParser(MIB)
    assert parser.feed(b"data: a\n\n" + rest) == [b"a"]
    assert parser.close() == [b"b"]


def test_closing_gives_the_last_event_once() -> None:
    parser = EventParser(MIB)
    parser.feed(b"data: a")
    assert parser.close() == [b"a"]
    assert parser.close() == []


def test_an_incomplete_event_is_returned_unchanged() -> None:
    assert parsed([b'data: {"event":"text_ch']) == [b'{"event":"text_ch']


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\r\n", b": bye", b"da"])
def test_a_body_without_events_returns_none(body: bytes) -> None:
    assert parsed([body]) == []


# The size limit

LIMIT = 100
FITS = b"data: " + b"x" * (LIMIT - 6)


@pytest.mark.parametrize("pieces", [1, 2, 7], ids=lambda pieces: f"in {pieces}")
def test_an_event_over_the_limit_is_rejected(pieces: int) -> None:
    data = FITS + b"x\n\n"
    size = -(-len(data) // pieces)
    with pytest.raises(TooLarge) as caught:
        parsed([data[at : at + size] for at in range(0, len(data), size)], LIMIT)
    assert caught.value.limit == LIMIT
    assert "max_event_bytes=100" in str(caught.value)


def test_an_event_over_the_limit_is_rejected_before_its_end() -> None:
    parser = EventParser(LIMIT)
    with pytest.raises(TooLarge):
        parser.feed(FITS + b"x")


def test_an_event_over_the_limit_is_rejected_among_small_ones() -> None:
    with pytest.raises(TooLarge):
        parsed([b"data: a\n\n" + FITS + b"x\n\ndata: b\n\n"], LIMIT)


@pytest.mark.parametrize("tail", [FITS + b"x", FITS + b"x\n\ndata: b\n\n", b"id: 1\n" + FITS + b"\n\n"])
def test_events_before_one_that_is_too_large_are_returned_first(tail: bytes) -> None:
    parser = EventParser(LIMIT)
    assert parser.feed(b"data: a\n\ndata: b\n\n" + tail) == [b"a", b"b"]
    with pytest.raises(TooLarge):
        parser.feed(b"")


def test_an_event_at_the_limit_is_returned() -> None:
    assert parsed([FITS + b"\n\n"], LIMIT) == [FITS[6:]]
    assert parsed([FITS[:50], FITS[50:] + b"\n\n"], LIMIT) == [FITS[6:]]
    assert parsed([FITS], LIMIT) == [FITS[6:]]


def test_an_event_at_the_limit_is_returned_for_each_chunk_size() -> None:
    data = FITS + b"\n\n"
    assert all(parsed(pieces, LIMIT) == [FITS[6:]] for pieces in [singly(data), *at_each_cut(data)])


def test_the_limit_is_for_one_event_and_not_for_the_stream() -> None:
    assert parsed([(FITS[:-1] + b"\n\n") * 50], LIMIT) == [FITS[6:-1]] * 50
    assert parsed(singly((FITS[:-1] + b"\n\n") * 50), LIMIT) == [FITS[6:-1]] * 50


# Work


@pytest.mark.parametrize(
    ("reads", "size"), [(32 * 1024, 1024), (1_000_000, 1)], ids=["kilobytes", "single bytes"]
)
def test_the_work_is_linear_in_the_size_of_one_event(reads: int, size: int) -> None:
    # Searching all received bytes at every read would search half a tebibyte.
    parser = EventParser(64 * MIB)
    read = b"x" * size
    with limited_work(cpu_seconds=8):
        parser.feed(b"data: ")
        for _ in range(reads):
            parser.feed(read)
        (event,) = parser.feed(b"\n\n")
    assert event == read * reads


# Many lines, and comments


def peak_of(pieces: Iterable[bytes]) -> int:
    """Return the bytes that a parser allocates at most while it reads."""
    parser = EventParser(64 * MIB)
    tracemalloc.start()
    try:
        for piece in pieces:
            parser.feed(piece)
    except TooLarge:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("line", [b"ab\n", b"data:\n", b"data: a\n", b": c\n", b"\n"], ids=str)
def test_tiny_lines_take_memory_in_proportion(line: bytes) -> None:
    read = line * (MIB // 4 // len(line))
    assert peak_of([read] * 4) < 8 * MIB
    assert peak_of([read * 4 + b"\n\n"]) < 8 * MIB


def test_endless_comments_are_not_kept() -> None:
    assert peak_of([b": keep-alive\n" * 1000] * 200) < MIB
    assert peak_of([b":" + b"x" * MIB] + [b"x" * 1000] * 5000) < 3 * MIB


def test_comments_do_not_count_for_the_size_of_an_event() -> None:
    data = b"".join(b": comment of some length\n" for _ in range(50)) + FITS + b"\n: end\n\n"
    for pieces in ([data], singly(data), [data[:700], data[700:]]):
        assert parsed(pieces, LIMIT) == [FITS[6:]]


def test_the_lines_of_one_event_are_limited() -> None:
    assert len(parsed([b"data: a\n" * 65_536 + b"\n"])) == 1
    for pieces in ([b"data: a\n" * 65_537], [b"data: a\n" * 65_537 + b"\n"], [b"x\n" * 40_000] * 2):
        with pytest.raises(TooLarge):
            parsed(pieces)
    assert parsed([b"data: a\n\n" * 70_000 + b": c\n" * 70_000]) == [b"a"] * 70_000
