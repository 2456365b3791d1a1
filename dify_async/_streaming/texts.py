"""The text of a stream, without its other events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

import attrs

from dify_async._wire.results import text_of

__all__ = ["Texts", "text_of"]


@attrs.frozen
class Texts:
    """The pieces of text among events.

    Not a generator, so that leaving its loop leaves nothing to be closed.
    """

    _events: AsyncIterator[Any]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while True:
            text = text_of(await anext(self._events))
            if text:
                return text
