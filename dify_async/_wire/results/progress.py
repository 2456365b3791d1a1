"""The progress of a stream: its run, the delivered events, and whether it has ended."""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

import attrs

from dify_async.events import (
    AgentMessage,
    ErrorEvent,
    Event,
    HumanInputRequired,
    Message,
    MessageFile,
    MessageReplace,
    NodeFinished,
    NodeStarted,
    TextChunk,
    UnknownEvent,
    WorkflowPaused,
    WorkflowStarted,
)
from dify_async.models.runs import NodeStatus, RunHandle

ResultT_co = TypeVar("ResultT_co", covariant=True)

LINGER: Final = 1.0
"""Seconds for which a complete stream is still read, because further events may follow."""


def text_of(event: Event) -> str:
    """Return the piece of text in an event, as it was sent; "" for most events."""
    match event:
        case TextChunk():
            return event.data.text
        case Message() | AgentMessage() | MessageFile() if event.answer is not None:
            return event.answer
        case _:
            return ""


def is_run_id(value: str | None) -> bool:
    """Return True if the id can be used in a path: not empty, not "." or "..", and valid Unicode."""
    if value is None or not value.strip() or value in {".", ".."}:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@attrs.define
class Progress:
    """How far a stream has come."""

    task_id: str | None = None
    """The task id, from a live event."""
    run_id: str | None = None
    """The id of the run of a workflow or chatflow. None before it started."""
    foreign_run: str | None = None
    """Id of another run whose event was found in the stream. Its events are not used."""
    over: bool = False
    """True after the last event: the stream is not read any further."""
    complete: bool = False
    """True if the stream may end here: everything that the result needs was received."""
    ends_with_body: bool = False
    """True if the stream is complete once its body ends, unless the connection breaks."""
    seconds: float | None = None
    """Duration of the run, as reported by the server. None before its end."""
    linger: float | None = None
    """Seconds of silence that end the stream. None: the idle timeout applies."""
    error: ErrorEvent | None = None
    """The `error` event that ended the stream."""
    unusable_end: UnknownEvent | None = None
    """A terminal event that could not be decoded or belongs to another run, so that there is no result."""
    failed_node: str | None = None
    """Id of the node that failed last."""
    gap: bool = False
    """True if the stream was interrupted and recovered."""
    seen: set[tuple[str, str]] = attrs.Factory(set[tuple[str, str]])
    """Delivered events that a snapshot repeats, as pairs of event name and id."""

    def note_task(self, event: Event) -> None:
        """Store the task id of a live event. Events of a snapshot have the run's id in its place."""
        if event.task_id not in (getattr(event, "workflow_run_id", None), self.run_id):
            self.task_id = event.task_id

    def note_form(self, key: str | None) -> None:
        """Store the id or token of a form that the run waits or waited for."""
        if key is not None:
            self.seen |= {(HumanInputRequired.event, key), (WorkflowPaused.event, key)}


def is_repeated(event: Event, progress: Progress) -> bool:
    """Return True if an event of a snapshot was delivered before the stream was interrupted."""
    match event:
        case NodeFinished() if event.data.status == NodeStatus.PAUSED:
            return True  # Only in snapshots. The node continues, and finishes with the same id.
        case NodeStarted() | NodeFinished():
            return (event.event, event.data.id) in progress.seen
        case HumanInputRequired():
            keys = {event.data.form_id, event.data.form_token}
            return any((event.event, key) in progress.seen for key in keys if key)
        case WorkflowPaused():
            forms = [{reason.form_id, reason.form_token} for reason in event.data.reasons]
            return bool(forms) and all(
                any((event.event, key) in progress.seen for key in keys if key) for keys in forms
            )
        case WorkflowStarted():
            return event.data.reason != "resumption" and (event.event, event.data.id) in progress.seen
        case MessageReplace():
            return True  # The answer so far. The last event has the complete answer.
        case _:
            return False


class Accumulator(Protocol[ResultT_co]):
    """Accumulates the events of one stream to its result.

    Events are added in the order of their arrival. `progress.over` is True after the last event, long before
    the server closes the stream: workflow streams stay open for a second after their last event, and for 300
    seconds after an error (recordings: `wf_basic_streaming`, `err_wf_missing_required_input_hang`).
    """

    progress: Progress

    def add(self, event: Event) -> None:
        """Add the next event."""

    def result(self, handle: RunHandle | None = None) -> ResultT_co:
        """Return the result, or the partial result, with the handle of its run."""
        ...
