"""Event streams with any text, line ends and chunk boundaries are parsed as sent."""

from __future__ import annotations

import httpx
import httpx_sse
from hypothesis import example, given
from hypothesis import strategies as st

from dify_async._wire.sse import PING, EventParser
from tests.support.sse import BOM, LINE_ENDS, by_the_book, cut, cuts, parsed, singly

texts = st.text(
    alphabet=st.one_of(
        st.sampled_from("ab: \u2028\x85é中😀"), st.characters(exclude_characters="\r\n", codec="utf-8")
    ),
    min_size=1,
    max_size=12,
)


lines = st.one_of(
    st.builds("data: {}".format, texts),
    st.builds("data:{}".format, texts),
    st.builds(":{}".format, texts),
    st.sampled_from(["", "", "event: ping", "event: message", "id: 1", "data"]),
)


bodies = st.lists(
    st.tuples(lines, st.sampled_from(["\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\r\r"])), max_size=12
).map(lambda found: "".join(line + end for line, end in found).encode())


@given(body=bodies, begin=st.sampled_from([b"", BOM, BOM[:2]]), places=cuts)
@example(body=b"data: a\r\n\r\n", begin=BOM, places=[0.1, 0.8])
def test_chunk_boundaries_do_not_change_the_events(body: bytes, begin: bytes, places: list[float]) -> None:
    whole = parsed([begin + body])
    assert whole == by_the_book(begin + body)
    assert parsed(cut(begin + body, places)) == whole
    assert parsed(singly(begin + body)) == whole


@given(
    data=st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b":", b" ", b"data", b"event", b"ping", b"x", BOM, BOM[:1], b"\x00"]
        ),
        max_size=30,
    ).map(b"".join),
    places=cuts,
)
def test_chunk_boundaries_do_not_change_the_events_of_invalid_data(data: bytes, places: list[float]) -> None:
    assert parsed(cut(data, places)) == parsed(singly(data)) == parsed([data])


@given(payloads=st.lists(texts, max_size=6), end=st.sampled_from(list(LINE_ENDS.values())), places=cuts)
def test_sent_events_are_returned(payloads: list[str], end: bytes, places: list[float]) -> None:
    sent = [text.encode() for text in payloads]
    body = b"".join(b"data: " + payload + end * 2 for payload in sent)
    assert parsed(cut(body, places)) == sent


plain_texts = st.text(alphabet="ab: {}中😀\t", max_size=12)


plain_lines = st.one_of(
    st.builds("{}:{}{}".format, st.sampled_from(["data", "event", "id", "", "x"]), st.sampled_from(["", " "]), plain_texts),
    st.sampled_from(["", "event: ping", "data", "data:", "retry: 10"]),
)  # fmt: skip


@given(found=st.lists(plain_lines, max_size=12), end=st.sampled_from(["\n", "\r\n", "\r"]), places=cuts)
def test_another_parser_returns_the_same_events(found: list[str], end: str, places: list[float]) -> None:
    body = "".join(line + end for line in [*found, ""]).encode()
    headers = {"content-type": "text/event-stream"}
    theirs = httpx_sse.EventSource(httpx.Response(200, headers=headers, content=body)).iter_sse()
    expected = [PING if event.event == "ping" else event.data.encode() for event in theirs]
    ours = EventParser(2**20)
    given = [event for part in cut(body, places) for event in ours.feed(part)]
    assert [event for event in given if event != PING] == [event for event in expected if event]
    assert given.count(PING) <= expected.count(PING)
