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
    """The conversation's name."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The app's inputs."""
    status: str = ""
    """The conversation's status: `normal`."""
    introduction: str | None = None
    """The app's first message."""
    created_at: datetime | None = None
    """When the conversation was started."""
    updated_at: datetime | None = None
    """When the conversation was last changed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ConversationVariable(Received):
    """A variable that a chatflow keeps between messages."""

    id: str = ""
    """The variable's id."""
    name: str = ""
    """The variable's name."""
    value_type: str = ""
    """The variable's type: `string`, `number`, `object`, `array[string]`, ..."""
    value: Json = None
    """The variable's value, as a string. Server 1.14 sends objects and arrays in Python's notation."""
    description: str | None = None
    """The variable's description."""
    created_at: datetime | None = None
    """When the variable was created."""
    updated_at: datetime | None = None
    """When the variable was last changed."""
