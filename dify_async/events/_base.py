"""What events have in common; errors, and events that this version does not know."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from dify_async.models._base import Received

__all__ = ["ErrorEvent", "Event", "UnknownEvent"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Event(Received):
    """Base of all events."""

    task_id: str | None = None
    """Stops the run. A replayed event (`attach` with a snapshot) has the run's id here."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RunEvent(Event):
    """An event of a workflow run. The last three fields are None except in chatflows."""

    workflow_run_id: str | None = None
    """The run's id."""
    conversation_id: str | None = None
    """The conversation's id."""
    message_id: str | None = None
    """The message's id."""
    created_at: datetime | None = None
    """When the message was created, not the event."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageEvent(Event):
    """An event of a message."""

    conversation_id: str | None = None
    """The conversation's id. None in completion apps."""
    message_id: str | None = None
    """The message's id."""
    created_at: datetime | None = None
    """When the message was created, not the event."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ErrorEvent(RunEvent):
    """The stream failed. The event is delivered, and raised as an error when the next one is requested.

    With a `code` it corresponds to an HTTP error. Without one it was sent by the worker before the run
    started, mostly because of a missing or wrong input; its status is then 500 all the same.
    """

    event: ClassVar[str] = "error"
    status: int | None = None
    """The HTTP status that it corresponds to."""
    code: str | None = None
    """Dify's error code. None if the worker rejected the run."""
    message: str = ""
    """The server's text."""


@attrs.define(kw_only=True, eq=False, repr=False)
class UnknownEvent(RunEvent):
    """An event that this version does not know, or whose fields do not have the expected structure."""

    _shown_first = ("event",)

    event: str = ""
    """Its name."""
    problem: str | None = None
    """What is wrong with an event whose name is known. None if the name is unknown."""
