"""Tags of knowledge bases."""

from __future__ import annotations

import attrs

from dify_async.models._base import Received

__all__ = ["KnowledgeTag"]


@attrs.define(kw_only=True, eq=False, repr=False)
class KnowledgeTag(Received):
    """A tag that knowledge bases can have."""

    id: str = ""
    """The tag's id."""
    name: str = ""
    """Its name."""
    type: str = ""
    """`knowledge`. Empty in the tags of one knowledge base."""
    binding_count: int | None = None
    """Number of knowledge bases that have it. By `tags.list` and the methods that change a tag only."""
