"""Iterate over the text of a stream, or over its parts: text and reasoning."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

import attrs

from dify_async._wire.parts import PartSplitter
from dify_async._wire.results import text_of
from dify_async.errors import DifyError
from dify_async.models.parts import ReasoningPart, TextPart

__all__ = ["PartSplitter", "Parts", "Texts", "text_of"]


@attrs.frozen
class Texts:
    """The pieces of text in the events.

    Not a generator, so that nothing must be closed when its loop is left.
    """

    _events: AsyncIterator[Any]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            text = text_of(await anext(self._events))
            if text:
                return text


@attrs.define
class Parts:
    """The parts of text and reasoning in the events."""

    _events: AsyncIterator[Any]
    _splitter: PartSplitter = attrs.Factory(PartSplitter)
    _ready: deque[TextPart | ReasoningPart] = attrs.Factory(deque[TextPart | ReasoningPart])
    _end: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TextPart | ReasoningPart:
        while not self._ready:
            if self._end is not None:
                raise self._end
            try:
                self._ready.extend(self._splitter.feed(await anext(self._events)))
            except (StopAsyncIteration, DifyError) as exc:
                self._end = exc
                self._ready.extend(self._splitter.close())
        return self._ready.popleft()
