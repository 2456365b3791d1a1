"""Events to a result: what a stream amounts to, and when it is over. Pure.

A fold takes the events of one stream in the order in which they came. It says when the stream is over for
its reader, which is long before the server closes: workflow streams stay open for a second after their last
event, and for 300 seconds after an error (recordings: `wf_basic_streaming`,
`err_wf_missing_required_input_hang`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final, Protocol, TypeVar

import attrs

from dify_async.events import (
    AgentMessage,
    AgentThought,
    ErrorEvent,
    Event,
    HumanInputRequired,
    Message,
    MessageEnd,
    MessageFile,
    MessageReplace,
    NodeFinished,
    NodeStarted,
    TextChunk,
    TtsMessage,
    TtsMessageEnd,
    UnknownEvent,
    WorkflowFinished,
    WorkflowFinishedData,
    WorkflowPaused,
    WorkflowStarted,
)
from dify_async.models import (
    AgentThought as AgentStep,
)
from dify_async.models import (
    ChatResult,
    CompletionResult,
    MessageMetadata,
    NodeStatus,
    Pause,
    RunHandle,
    RunStatus,
    WorkflowResult,
)

ResultT_co = TypeVar("ResultT_co", covariant=True)

LINGER: Final = 1.0
"""Seconds that a stream is still listened to once it has all but what may or may not follow."""


def text_of(event: Event) -> str:
    """Give the piece of text that an event brings, as it was sent; for most events the empty text."""
    # A text, even if the server wrote a number: the decoder lets those through as they are.
    match event:
        case TextChunk():
            return str(event.data.text)
        case Message() | AgentMessage() | MessageFile() if event.answer is not None:
            return str(event.answer)
        case _:
            return ""


@attrs.define
class Progress:
    """How far a stream has come."""

    task_id: str | None = None
    """What the run is stopped with, from a live event."""
    run_id: str | None = None
    """What a workflow's or chatflow's run is found again with: it has begun."""
    over: bool = False
    """The last event has come: nothing is read after it."""
    complete: bool = False
    """All that is needed has come: if the body ends here, it ends regularly."""
    linger: float | None = None
    """Seconds of silence that end the stream regularly. None: silence is for the idle clock."""
    error: ErrorEvent | None = None
    """The `error` event that ended the stream."""
    misfit: UnknownEvent | None = None
    """A last event that is not what it should be, so that the result cannot be told."""
    failed_node: str | None = None
    gap: bool = False
    """The stream broke off, and was taken up again."""
    seen: set[tuple[str, str]] = attrs.Factory(set[tuple[str, str]])
    """What of the run has come of all that a snapshot repeats: kind of event, and its id."""

    def note_task(self, event: Event) -> None:
        """Take the task id of a live event. What a snapshot repeats has the run's id in its place."""
        if event.task_id not in (getattr(event, "workflow_run_id", None), self.run_id):
            self.task_id = event.task_id

    def note_form(self, key: str | None) -> None:
        """Note a form that the run waits for, or waited, by its id or token."""
        if key is not None:
            self.seen |= {(HumanInputRequired.event, key), (WorkflowPaused.event, key)}


def is_repeated(event: Event, progress: Progress) -> bool:
    """Say whether a snapshot repeats with an event what has come before its stream broke off."""
    match event:
        case NodeFinished() if event.data.status == NodeStatus.PAUSED:
            return True  # Only snapshots tell of it so. It goes on, and ends under the same id.
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
            return True  # The answer so far. What counts comes with the end.
        case _:
            return False


class Fold(Protocol[ResultT_co]):
    """What takes the events of one stream and makes their result."""

    progress: Progress

    def add(self, event: Event) -> None:
        """Take the next event."""

    def result(self, handle: RunHandle | None = None) -> ResultT_co:
        """Give the result, or what there is of it; `handle` is for those that have a run."""
        ...


class WorkflowFold:
    """The events of a workflow's run, or those of a chatflow that tell of its run."""

    def __init__(self, progress: Progress | None = None, *, continue_on_pause: bool = False) -> None:
        self.progress = progress or Progress()
        self._continue_on_pause = continue_on_pause
        self._workflow_id: str | None = None
        self._price: Decimal | None = None
        self._last: WorkflowFinished | WorkflowPaused | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if self.progress.task_id is None:
            self.progress.note_task(event)
        take = self._takes.get(event.__class__)
        if take is not None:
            take(self, event)

    def result(self, handle: RunHandle | None = None) -> WorkflowResult:
        """Give the result, or what there is of it."""
        last, progress = self._last, self.progress
        if isinstance(last, WorkflowFinished):
            result = result_of_run(last.data, progress.task_id, progress.run_id, handle)
        elif isinstance(last, WorkflowPaused):
            data = last.data
            result = WorkflowResult(
                task_id=progress.task_id,
                workflow_run_id=progress.run_id,
                workflow_id=self._workflow_id,
                status=data.status,
                outputs=data.outputs,
                elapsed_time=data.elapsed_time,
                total_tokens=data.total_tokens,
                total_steps=data.total_steps,
                created_at=data.created_at,
                paused=Pause(nodes=data.paused_nodes, reasons=data.reasons),
                handle=handle,
            )
        else:
            error = progress.error
            result = WorkflowResult(
                task_id=progress.task_id,
                workflow_run_id=progress.run_id,
                workflow_id=self._workflow_id,
                status=RunStatus.RUNNING if error is None else RunStatus.FAILED,
                error=error.message if error is not None else None,
                handle=handle,
            )
        if progress.gap or self._price is not None:
            result = attrs.evolve(result, gap=progress.gap, total_price=self._price)
        return result.received_as(last or progress.error)

    @property
    def succeeded(self) -> bool:
        """Whether the run has come to a good end."""
        return isinstance(self._last, WorkflowFinished) and self._last.data.status in _GOOD_ENDS

    @property
    def answer(self) -> str | None:
        """The answer that a chatflow has put out; None before its good end."""
        if not isinstance(self._last, WorkflowFinished) or not self.succeeded:
            return None
        answer = self._last.data.outputs.get("answer")
        return answer if isinstance(answer, str) else None

    def _node_started(self, event: NodeStarted) -> None:
        self.progress.seen.add((event.event, event.data.id))

    def _asked(self, event: HumanInputRequired) -> None:
        self.progress.seen.add((event.event, event.data.form_id))

    def _started(self, event: WorkflowStarted) -> None:
        self.progress.seen.add((event.event, event.data.id))
        self.progress.run_id = event.workflow_run_id or event.data.id
        self._workflow_id = event.data.workflow_id

    def _node_finished(self, event: NodeFinished) -> None:
        told = event.data.execution_metadata
        # What goes round tells the sum of its nodes, which tell their own.
        if told is not None and event.data.node_type not in {"iteration", "loop"}:
            is_new = (event.event, event.data.id) not in self.progress.seen
            if is_new and isinstance(told.total_price, Decimal):
                self._price = (self._price or 0) + told.total_price
        self.progress.seen.add((event.event, event.data.id))
        if event.data.status == NodeStatus.FAILED:
            self.progress.failed_node = event.data.node_id

    def _paused(self, event: WorkflowPaused) -> None:
        self.progress.seen |= {(event.event, str(reason.form_id)) for reason in event.data.reasons}
        self.progress.run_id = event.workflow_run_id or event.data.workflow_run_id
        if not self._continue_on_pause:
            self._end(event)

    def _finished(self, event: WorkflowFinished) -> None:
        self.progress.run_id = event.workflow_run_id or event.data.id
        self._end(event)

    def _end(self, event: WorkflowFinished | WorkflowPaused | None) -> None:
        self._last = event
        self.progress.over = self.progress.complete = True

    def _error(self, event: ErrorEvent) -> None:
        self.progress.error = event
        self._end(None)

    def _unknown(self, event: UnknownEvent) -> None:
        if event.event in {WorkflowFinished.event, WorkflowPaused.event, ErrorEvent.event}:
            self.progress.misfit = event
            self._end(None)

    _takes: ClassVar[dict[type[Event], Any]] = {
        WorkflowStarted: _started,
        NodeStarted: _node_started,
        NodeFinished: _node_finished,
        HumanInputRequired: _asked,
        WorkflowPaused: _paused,
        WorkflowFinished: _finished,
        ErrorEvent: _error,
        UnknownEvent: _unknown,
    }


_GOOD_ENDS: Final = {RunStatus.SUCCEEDED, RunStatus.PARTIAL_SUCCEEDED}


def result_of_run(
    data: WorkflowFinishedData,
    task_id: str | None,
    run_id: str | None,
    handle: RunHandle | None,
    paused: Pause | None = None,
) -> WorkflowResult:
    """Make the result of a run that has ended, or that was answered in one piece."""
    return WorkflowResult(
        task_id=task_id,
        workflow_run_id=run_id or data.id,
        workflow_id=data.workflow_id,
        status=data.status,
        outputs=data.outputs,
        error=data.error,
        elapsed_time=data.elapsed_time,
        total_tokens=data.total_tokens,
        total_steps=data.total_steps,
        created_at=data.created_at,
        finished_at=data.finished_at,
        exceptions_count=data.exceptions_count,
        files=data.files,
        paused=paused,
        handle=handle,
    )


class CompletionFold:
    """The events of a completion, or those of a chat that tell of its message."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._texts: list[str] = []
        self._agent_spoke = False
        self._was_replaced = False
        self._end: MessageEnd | None = None
        self._ended = False
        self._speech_began = False
        self._speech_ended = False
        self._message: Event | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        if self.progress.task_id is None:
            self.progress.note_task(event)
        if self._message is None and getattr(event, "message_id", None) is not None:
            self._message = event
        take = self._takes.get(event.__class__)
        if take is not None:
            take(self, event)

    def result(self, handle: RunHandle | None = None) -> CompletionResult:  # noqa: ARG002 - it has no run
        """Give the result, or what there is of it."""
        return CompletionResult(**self._parts()).received_as(self._end or self.progress.error)

    def _parts(self) -> dict[str, Any]:
        message: Any = self._message
        end = self._end
        return {
            "task_id": self.progress.task_id,
            "message_id": message.message_id if message is not None else "",
            "created_at": message.created_at if message is not None else None,
            "answer": "".join(self._texts),
            "metadata": end.metadata if end is not None else MessageMetadata(),
            "files": end.files if end is not None else [],
        }

    def _piece(self, event: Message) -> None:
        if self._agent_spoke:
            # A new Agent closes with one message that holds its whole answer once more (Dify 1.17).
            self._texts.clear()
        self._texts.append(text_of(event))

    def _agent_piece(self, event: AgentMessage) -> None:
        self._agent_spoke = True
        self._texts.append(text_of(event))

    def _file(self, event: MessageFile) -> None:
        # With a text it is an ordinary piece under another name: the server switches names when the
        # message already owns a file (contract of 1.14).
        self._texts.append(text_of(event))

    def _replaced(self, event: MessageReplace) -> None:
        self._texts = [str(event.answer)]
        self._was_replaced = True

    def _spoken(self, event: TtsMessage | TtsMessageEnd) -> None:
        self._speech_began = True
        self._speech_ended = isinstance(event, TtsMessageEnd)
        self._settle()

    def _message_ended(self, event: MessageEnd) -> None:
        self._end = event
        self._ended = True
        self._settle()

    def _error(self, event: ErrorEvent) -> None:
        self.progress.error = event
        self.progress.over = self.progress.complete = True

    def _unknown(self, event: UnknownEvent) -> None:
        if event.event == MessageEnd.event:
            self._ended = True
            self._settle()
        elif event.event == ErrorEvent.event:
            self.progress.misfit = event
            self.progress.over = self.progress.complete = True

    def _settle(self) -> None:
        """Apply the rule of apps without a run: the message, perhaps speech, the end of the body."""
        progress = self.progress
        if not self._ended or progress.run_id is not None:
            return
        progress.complete = True
        progress.over = self._speech_ended
        progress.linger = None if self._speech_began else LINGER

    _takes: ClassVar[dict[type[Event], Any]] = {
        Message: _piece,
        AgentMessage: _agent_piece,
        MessageFile: _file,
        MessageReplace: _replaced,
        MessageEnd: _message_ended,
        TtsMessage: _spoken,
        TtsMessageEnd: _spoken,
        ErrorEvent: _error,
        UnknownEvent: _unknown,
    }


class ChatFold(CompletionFold):
    """The events of a chat, agent or chatflow app."""

    def __init__(self) -> None:
        super().__init__()
        self._run = WorkflowFold(self.progress)
        self._steps: dict[str, AgentStep] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        super().add(event)
        self._run.add(event)
        kind = event.__class__
        if kind is AgentThought:
            step: Any = event
            self._steps[step.id] = AgentStep(
                **{field.name: getattr(step, field.name) for field in attrs.fields(AgentStep)}
            )
        elif kind is WorkflowFinished and self._run.succeeded and not self._ended:
            # Servers of 2024 send the end of the message after the end of the run.
            self.progress.over = False
            self.progress.linger = LINGER
        elif kind is MessageEnd and self._run.succeeded:
            self.progress.over = True

    def result(self, handle: RunHandle | None = None) -> ChatResult:
        """Give the result, or what there is of it."""
        message: Any = self._message
        parts = self._parts()
        run = self._run.result(handle) if self.progress.run_id is not None else None
        if run is not None and self._lost_something(parts["answer"]):
            run = attrs.evolve(run, gap=True).received_as(run)
            parts["answer"] = parts["answer"] if self._was_replaced else self._run.answer
        result = ChatResult(
            **parts,
            conversation_id=(message.conversation_id or "") if message is not None else "",
            agent_thoughts=list(self._steps.values()),
            run=run,
        )
        return result.received_as(self._end or run or self.progress.error)

    def _lost_something(self, text: str) -> bool:
        """Hold what came against the run's outputs, which are whole whatever was lost of the stream.

        But for an answer that moderation has replaced: the outputs have the text from before.
        """
        answer = self._run.answer
        if answer is None:
            return False
        return not self._ended or (answer != text and not self._was_replaced)
