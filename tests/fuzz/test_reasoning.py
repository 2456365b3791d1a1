"""Reasoning in text: chunk boundaries do not change the parts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dify_async._wire.reasoning import ThinkSplitter, split_answer

TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    "<think>",
                    "</think>",
                    "<think a='b'>",
                    "</think >",
                    "<thinking>",
                    "<think",
                    "</thi",
                    "<",
                    ">",
                ),
                *("a", " ", "\n\n", "<b>", "思考", "think>", "</", "<think " + "x" * 101),
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)


def sections_of(pieces: list[str]) -> list[tuple[int, str]]:
    """Return the parts, with neighbors of the same section joined."""
    splitter = ThinkSplitter()
    found = [part for piece in pieces for part in splitter.feed(piece)] + splitter.close()
    joined: list[tuple[int, str]] = []
    for section, text in found:
        assert text
        if joined and joined[-1][0] == section:
            joined[-1] = (section, joined[-1][1] + text)
        else:
            joined.append((section, text))
    return joined


@given(TEXTS, st.data())
def test_chunk_boundaries_do_not_change_the_parts(text: str, data: st.DataObject) -> None:
    whole = sections_of([text])
    for cut in range(len(text) + 1):
        assert sections_of([text[:cut], text[cut:]]) == whole
    assert sections_of(list(text)) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    assert sections_of([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]) == whole


@given(TEXTS)
def test_an_answer_is_split_like_its_stream(text: str) -> None:
    parts = sections_of([text])
    reasoning, clean = split_answer(text)
    assert clean == "".join(part for section, part in parts if section == 0)
    for section, part in parts:
        assert section == 0 or part.strip() in reasoning


@given(st.text())
def test_text_without_reasoning_is_unchanged(text: str) -> None:
    text = text.replace("<think", "").replace("</think", "")
    assert "".join(part for _, part in sections_of(list(text))) == text
    assert split_answer(text) == ("", text)


@given(TEXTS)
def test_only_tags_and_blanks_are_removed(text: str) -> None:
    kept = "".join(part for _, part in sections_of([text]))
    letters = iter("".join(text.split()))
    # `in` consumes the iterator, so this also checks the order.
    assert all(letter in letters for letter in "".join(kept.split()))


@given(TEXTS)
def test_little_text_is_held_back(text: str) -> None:
    splitter = ThinkSplitter()
    for letter in "x" + text:
        splitter.feed(letter)
    assert sum(len(part) for _, part in splitter.close()) <= 110
