"""Separate the reasoning of a model from its text, which has it in `<think>` tags. Pure and incremental."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from dify_async._types import Json

THINK: Final = "<think"
"""Text without it has no reasoning."""

_TAG: Final = re.compile(r"<think(?:\s[^<>]{0,100})?>|</think\s{0,8}>")

_START_OF_TAG: Final = re.compile(r"</?(?:t(?:h(?:i(?:nk?)?)?)?)?|<think\s[^<>]{0,100}|</think\s{1,8}")
"""The end of a piece that the next piece may complete to a tag."""


class ThinkSplitter:
    """Splits a text at its `<think>` tags. It may arrive in pieces that are cut anywhere.

    Tags inside of reasoning are part of it. A section that is never closed lasts to the end of the text. A
    closing tag without an opening one is text. Whitespace around reasoning is dropped before the text begins.
    """

    def __init__(self) -> None:
        self._held = ""  # May be the start of a tag.
        self._blank: str | None = ""  # Whitespace at the start of the text; None once the text has begun.
        self._depth = 0
        self._sections = 0

    def feed(self, piece: str) -> list[tuple[int, str]]:
        """Return what is known after the next piece: numbers of sections, 0 for text, and their text."""
        text = self._held + piece
        found: list[tuple[int, str]] = []
        start = 0
        for tag in _TAG.finditer(text):
            self._add(found, text[start : tag.start()])
            self._take_tag(found, tag[0])
            start = tag.end()
        end = text.rfind("<", start)
        if end < 0 or _START_OF_TAG.fullmatch(text, end) is None:
            end = len(text)
        self._add(found, text[start:end])
        self._held = text[end:]
        return found

    def close(self) -> list[tuple[int, str]]:
        """Return what was held back; the text is complete."""
        found: list[tuple[int, str]] = []
        self._add(found, self._held)
        if self._blank and not self._sections:
            found.append((0, self._blank))
        self._held, self._blank = "", None
        return found

    def _take_tag(self, found: list[tuple[int, str]], tag: str) -> None:
        if not tag.startswith("</"):
            self._depth += 1
            if self._depth == 1:
                self._sections += 1
                return
        elif self._depth == 1:
            self._depth = 0
            return
        self._add(found, tag)
        if tag.startswith("</") and self._depth:
            self._depth -= 1

    def _add(self, found: list[tuple[int, str]], text: str) -> None:
        if not self._depth and self._blank is not None:
            begins = text.lstrip()
            if not begins:
                self._blank += text
                return
            text = begins if self._sections else self._blank + text
            self._blank = None
        if text:
            found.append((self._sections if self._depth else 0, text))


def split_answer(answer: str, reasoning: Iterable[Json] = ()) -> tuple[str, str]:
    """Return the reasoning of an answer, including what was sent separately, and the answer without it."""
    sections, clean = _split(answer)
    return _joined([*reasoning, *sections]), clean


def reasoning_of_run(outputs: Mapping[str, Json], reasoning: Iterable[str] = ()) -> str:
    """Return the reasoning in the outputs of a run, including what was sent separately."""
    sections = [*reasoning]
    for value in outputs.values():
        if isinstance(value, str):
            sections += _split(value)[0]
    return _joined(sections)


def _split(text: str) -> tuple[list[str], str]:
    """Return the sections of reasoning in a text, and the text without them."""
    if THINK not in text:
        return [], text
    splitter = ThinkSplitter()
    sections: dict[int, str] = {}
    for section, part in [*splitter.feed(text), *splitter.close()]:
        sections[section] = sections.get(section, "") + part
    clean = sections.pop(0, "")
    return list(sections.values()), clean


def _joined(sections: Iterable[Json]) -> str:
    """Return all sections as one text, without repetitions: several outputs may have the same text."""
    texts = (section.strip() for section in sections if isinstance(section, str))
    return "\n\n".join(dict.fromkeys(filter(None, texts)))
