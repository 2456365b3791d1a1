"""Render the events of a run as messages for a web client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

import attrs

from dify_async._types import Json
from dify_async.asgi.http_errors import HttpError
from dify_async.events import Event, WorkflowFinished, WorkflowPaused
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult

AnyResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult
"""The result of a run of any app."""


class Renderer(Protocol):
    """Converts one run to the messages of an event stream. Each response needs its own instance."""

    @property
    def ping(self) -> bytes:
        """A ping, which is sent while there are no messages."""
        ...

    @property
    def last(self) -> str | None:
        """Text of the last message after a run that succeeded. None to send no such message."""
        ...

    def event(self, event: Event) -> Iterable[Json]:
        """Return the messages for an event."""
        ...

    def result(self, result: AnyResult) -> Iterable[Json]:
        """Return the messages at the end of a run that succeeded."""
        ...

    def error(self, error: HttpError) -> Json:
        """Return the message for an error. It is also the body of an error response."""
        ...


def event_json(event: Event) -> Json:
    """Return an event as the server sent it: the default of `EventStreamResponse(render=...)`."""
    if isinstance(event, WorkflowFinished | WorkflowPaused) and "event" not in event.raw:
        # The run was recovered from its record, whose JSON equals the data of the event.
        return {
            "event": event.event,
            "task_id": event.task_id,
            "workflow_run_id": event.workflow_run_id,
            "data": event.raw,
        }
    return event.raw


@attrs.frozen
class Events:
    """The default renderer: sends the JSON of each event, or the JSON that a function returns for it."""

    _render: Callable[[Event], Json]
    ping: bytes = b"event: ping\n\n"
    last: str | None = None

    def event(self, event: Event) -> Iterable[Json]:
        """Return what the function returns, unless that is None."""
        shown = self._render(event)
        return [] if shown is None else [shown]

    def result(self, result: AnyResult) -> Iterable[Json]:  # noqa: ARG002 - the last event has it
        """Return nothing."""
        return []

    def error(self, error: HttpError) -> Json:
        """Return an `error` event, as Dify sends it."""
        return {"event": "error", **error.body}
