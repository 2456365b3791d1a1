"""Split documents into chunks, and search chunks by words."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from dify_async._types import Json
from dify_async.models._base import as_object

_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
"""A word, or one character of a script without spaces between words."""
_AUTOMATIC_LENGTH: Final = 500
"""Maximum number of words of a chunk in automatic mode."""
_KEYWORDS: Final = 10


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [word.casefold() for word in _WORD.findall(text)]


def keywords_of(text: str) -> list[str]:
    """Return the most frequent words that are not very short."""
    return [word for word, _ in Counter(words_of(text)).most_common() if len(word) > 2][:_KEYWORDS]


def match(query: str, text: str) -> float:
    """Return the share of the words of a query that a text contains."""
    wanted = set(words_of(query))
    return len(wanted & set(words_of(text))) / len(wanted) if wanted else 0.0


def split(text: str, rule: dict[str, Json]) -> list[str]:
    """Return the chunks of a text: at the separator of a rule, or in automatic mode at blank lines."""
    if rule.get("mode") == "automatic":
        return _packed([part for part in text.split("\n\n") if part.strip()])
    return _parts(text, rule, "segmentation", "\n\n")


def split_children(text: str, rule: dict[str, Json]) -> list[str]:
    """Return the child chunks of a chunk, for hierarchical documents."""
    return _parts(text, rule, "subchunk_segmentation", "\n")


def _parts(text: str, rule: dict[str, Json], name: str, default: str) -> list[str]:
    rules = as_object(rule.get("rules")) or {}
    settings = as_object(rules.get(name)) or {}
    separator = settings.get("separator") or settings.get("delimiter") or default
    return [part.strip() for part in text.split(str(separator)) if part.strip()]


def _packed(paragraphs: list[str]) -> list[str]:
    chunks: list[str] = []
    for paragraph in paragraphs:
        joined = f"{chunks[-1]}\n\n{paragraph}" if chunks else paragraph
        if chunks and len(words_of(joined)) <= _AUTOMATIC_LENGTH:
            chunks[-1] = joined
        else:
            chunks.append(paragraph)
    return chunks
