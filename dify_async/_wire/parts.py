"""Make the parts of a stream, text and reasoning, from its events. Pure and incremental."""

from __future__ import annotations

from typing import Final

from dify_async._wire.reasoning import ThinkSplitter
from dify_async._wire.results import text_of
from dify_async.events import Event, Message, ReasoningChunk, TextChunk
from dify_async.models.parts import ReasoningPart, TextPart

_REASONING_CONTENT: Final = "reasoning_content"
"""The output of an LLM node that has its reasoning."""


class PartSplitter:
    """Makes the parts of a stream from its events.

    The texts of several nodes may alternate, so each has a splitter of its own.
    """

    def __init__(self) -> None:
        self._splitters: dict[tuple[str | None, str], ThinkSplitter] = {}
        self._reasoned: set[str | None] = set()

    def feed(self, event: Event) -> list[TextPart | ReasoningPart]:
        """Return the parts that are known after the next event."""
        if isinstance(event, ReasoningChunk):
            self._reasoned.add(event.data.node_id)
            return _reasoning(event.data.reasoning, event.data.node_id)
        text = text_of(event)
        if not text:
            return []
        selector: list[str] = []
        if isinstance(event, TextChunk):
            selector = event.data.from_variable_selector
        elif isinstance(event, Message):
            selector = event.from_variable_selector
        node_id = selector[0] if selector else None
        if selector[1:] == [_REASONING_CONTENT]:
            # As an output of an End node it is sent again, as text (recording: `116_wf_reasoning_streaming`).
            return [] if node_id in self._reasoned else _reasoning(text, node_id)
        splitter = self._splitters.setdefault((node_id, ".".join(selector[1:])), ThinkSplitter())
        return _parts(splitter.feed(text), node_id)

    def close(self) -> list[TextPart | ReasoningPart]:
        """Return the parts that were held back; the stream is over."""
        parts: list[TextPart | ReasoningPart] = []
        for (node_id, _), splitter in self._splitters.items():
            parts += _parts(splitter.close(), node_id)
        return parts


def _reasoning(text: str, node_id: str | None) -> list[TextPart | ReasoningPart]:
    return [ReasoningPart(text=text, node_id=node_id)] if text else []


def _parts(found: list[tuple[int, str]], node_id: str | None) -> list[TextPart | ReasoningPart]:
    return [
        ReasoningPart(text=text, node_id=node_id) if section else TextPart(text=text, node_id=node_id)
        for section, text in found
    ]
