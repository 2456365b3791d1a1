"""The parts of an answer while it is streamed: text, and the reasoning of models."""

from __future__ import annotations

import attrs

from dify_async.models._base import Model

__all__ = ["ReasoningPart", "TextPart"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TextPart(Model):
    """A piece of the answer, without reasoning: append it."""

    text: str
    """The text."""
    node_id: str | None = None
    """Id of the node that the text is from. None except in workflows and chatflows."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ReasoningPart(Model):
    """A piece of a model's reasoning: append it."""

    text: str
    """The text, as it was sent, without its `<think>` tags."""
    node_id: str | None = None
    """Id of the node; pieces of several nodes can alternate. None except in workflows and chatflows."""
