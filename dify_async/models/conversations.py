"""Conversations and their variables."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Received

__all__ = ["Conversation", "ConversationVariable"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Conversation(Received):
    """A conversation of an end user."""

    id: str = ""
    """The conversation's id."""
    name: str = ""
    """Its name."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The app's inputs."""
    status: str = ""
    """`normal`."""
    introduction: str | None = None
    """The app's first message."""
    created_at: datetime | None = None
    """When it was started."""
    updated_at: datetime | None = None
    """When it was changed last."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ConversationVariable(Received):
    """A variable that a chatflow keeps between messages."""

    id: str = ""
    """The variable's id."""
    name: str = ""
    """Its name."""
    value_type: str = ""
    """`string`, `number`, `object`, `array[string]`, ..."""
    value: Json = None
    """A string; for objects and arrays in Python's notation (server 1.14)."""
    description: str | None = None
    """Its description."""
    created_at: datetime | None = None
    """When it was created."""
    updated_at: datetime | None = None
    """When it was changed last."""
