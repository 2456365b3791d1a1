"""Speech to text."""

from __future__ import annotations

import attrs

from dify_async.models._base import Received

__all__ = ["Transcript"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Transcript(Received):
    """The text of a recording."""

    text: str = ""
    """The recognized text."""
