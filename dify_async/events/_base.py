"""Base classes of events; error events, and events that this version does not know."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from dify_async.models._base import Received

__all__ = ["ErrorEvent", "Event", "UnknownEvent"]


@attrs.define(kw_only=True, eq=False, repr=False)
class Event(Received):
    """Base of all events."""

    _tags: ClassVar[tuple[str, ...]] = ("event",)

    task_id: str | None = None
    """The task id, to stop the run. A replayed event (`attach` with a snapshot) has the run's id here. None
    if not sent."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RunEvent(Event):
    """An event of a workflow run."""

    workflow_run_id: str | None = None
    """The run's id."""
    conversation_id: str | None = None
    """The conversation's id. None except in chatflows."""
    message_id: str | None = None
    """The message's id. None except in chatflows."""
    created_at: datetime | None = None
    """When the message was created, not the event. None except in chatflows."""


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
    """The stream failed. The event is delivered; requesting the next event raises the error.

    With a `code`, the event corresponds to an HTTP error. Without a `code`, the server rejected the run
    before it started, usually because an input is missing or invalid; the status is 500 nevertheless.
    """

    event: ClassVar[str] = "error"
    status: int | None = None
    """The HTTP status that the error corresponds to. None if not sent."""
    code: str | None = None
    """Dify's error code. None if the run was rejected."""
    message: str = ""
    """The server's message."""


@attrs.define(kw_only=True, eq=False, repr=False)
class UnknownEvent(RunEvent):
    """An event that this version does not know, or whose fields do not have the expected structure."""

    _shown_first = ("event",)
    _tags = ()

    event: str = ""
    """The event's name."""
    problem: str | None = None
    """Why an event with a known name could not be decoded. None if the name is unknown."""
