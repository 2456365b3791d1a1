"""The results of chats and completions, from their events."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import attrs

from dify_async._wire.reasoning import split_answer
from dify_async._wire.results.progress import LINGER, Progress, text_of
from dify_async._wire.results.workflow import WorkflowAccumulator
from dify_async.events import (
    AgentMessage,
    AgentThought,
    ErrorEvent,
    Event,
    Message,
    MessageEnd,
    MessageFile,
    MessageReplace,
    TtsMessage,
    TtsMessageEnd,
    UnknownEvent,
    WorkflowFinished,
)
from dify_async.models._base import with_raw_of
from dify_async.models.messages import AgentThought as AgentStep
from dify_async.models.messages import MessageMetadata
from dify_async.models.results import ChatResult, CompletionResult
from dify_async.models.runs import RunHandle

_STEP_FIELDS: Final = [field.name for field in attrs.fields(AgentStep)]


class CompletionAccumulator:
    """Accumulates the events of a completion, or the message events of a chat."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._texts: list[str] = []
        self._has_agent_pieces = False
        self._was_replaced = False
        self._end: MessageEnd | None = None
        self._ended = False
        self._speech_began = False
        self._speech_ended = False
        self._message: Event | None = None

    def add(self, event: Event) -> None:
        """Add the next event."""
        if self.progress.task_id is None:
            self.progress.note_task(event)
        if self._message is None and getattr(event, "message_id", None) is not None:
            self._message = event
        handle = self._handlers.get(event.__class__)
        if handle is not None:
            handle(self, event)

    def result(self, handle: RunHandle | None = None) -> CompletionResult:  # noqa: ARG002 - a completion has no run
        """Return the result, or the partial result."""
        parts = self._parts()
        reasoning, clean = split_answer(parts["answer"], parts["metadata"].reasoning.values())
        result = CompletionResult(**parts, reasoning=reasoning, clean_answer=clean)
        return with_raw_of(self._end or self.progress.error, result)

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
        if self._has_agent_pieces:
            # Agents of Dify 1.17 end with one message that repeats the whole answer.
            self._texts.clear()
        self._texts.append(text_of(event))

    def _agent_piece(self, event: AgentMessage) -> None:
        self._has_agent_pieces = True
        self._texts.append(text_of(event))

    def _file(self, event: MessageFile) -> None:
        # With text, it is an ordinary piece of the answer: Dify 1.14 sends pieces under this name once the
        # message has a file.
        self._texts.append(text_of(event))

    def _replaced(self, event: MessageReplace) -> None:
        self._texts = [event.answer]
        self._was_replaced = True

    def _spoken(self, event: TtsMessage | TtsMessageEnd) -> None:
        self._speech_began = True
        self._speech_ended = isinstance(event, TtsMessageEnd)
        self._update_progress()

    def _message_ended(self, event: MessageEnd) -> None:
        self._end = event
        self._ended = True
        self._update_progress()

    def _failed(self, event: ErrorEvent) -> None:
        self.progress.error = event
        self.progress.over = self.progress.complete = True

    def _unknown(self, event: UnknownEvent) -> None:
        if event.event == MessageEnd.event:
            self._ended = True
            self._update_progress()
        elif event.event == ErrorEvent.event:
            self.progress.unusable_end = event
            self.progress.over = self.progress.complete = True

    def _update_progress(self) -> None:
        """Decide whether the stream is over: without a run, speech may follow the end of the message."""
        progress = self.progress
        if not self._ended or progress.run_id is not None:
            return
        progress.complete = True
        progress.over = self._speech_ended
        progress.linger = None if self._speech_began else LINGER

    _handlers: ClassVar[dict[type[Event], Any]] = {
        Message: _piece,
        AgentMessage: _agent_piece,
        MessageFile: _file,
        MessageReplace: _replaced,
        MessageEnd: _message_ended,
        TtsMessage: _spoken,
        TtsMessageEnd: _spoken,
        ErrorEvent: _failed,
        UnknownEvent: _unknown,
    }


class ChatAccumulator(CompletionAccumulator):
    """Accumulates the events of a chat, agent or chatflow app."""

    def __init__(self) -> None:
        super().__init__()
        self._run = WorkflowAccumulator(self.progress)
        self._steps: dict[str, AgentStep] = {}

    def add(self, event: Event) -> None:
        """Add the next event."""
        super().add(event)
        self._run.add(event)
        kind = event.__class__
        if kind is AgentThought:
            step: Any = event
            self._steps[step.id] = AgentStep(**{name: getattr(step, name) for name in _STEP_FIELDS})
        elif kind is WorkflowFinished and self._run.succeeded and not self._ended:
            # Servers of 2024 end the message after the run.
            self.progress.over = False
            self.progress.linger = LINGER
        elif kind is MessageEnd and self._run.succeeded:
            self.progress.over = True

    def result(self, handle: RunHandle | None = None) -> ChatResult:
        """Return the result, or the partial result."""
        message: Any = self._message
        parts = self._parts()
        run = self._run.result(handle) if self.progress.run_id is not None else None
        if run is not None and self._is_incomplete(parts["answer"]):
            run = with_raw_of(run, attrs.evolve(run, gap=True))
            parts["answer"] = parts["answer"] if self._was_replaced else self._run.answer or ""
        separate = parts["metadata"].reasoning.values() or self._run.reasoning
        reasoning, clean = split_answer(parts["answer"], separate)
        result = ChatResult(
            **parts,
            reasoning=reasoning,
            clean_answer=clean,
            conversation_id=(message.conversation_id or "") if message is not None else "",
            agent_thoughts=list(self._steps.values()),
            run=run,
        )
        return with_raw_of(self._end or run or self.progress.error, result)

    def _is_incomplete(self, text: str) -> bool:
        """Return True if the text differs from the run's outputs, which are always complete.

        An answer that moderation has replaced is not compared: the outputs have the original text.
        """
        answer = self._run.answer
        if answer is None:
            return False
        return not self._ended or (answer != text and not self._was_replaced)
