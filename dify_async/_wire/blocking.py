"""Responses in blocking mode, converted to the same results as streams."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._wire.reasoning import split_answer
from dify_async._wire.results import result_of_run
from dify_async.events import WorkflowFinishedData
from dify_async.models._base import Received, with_raw_of
from dify_async.models.forms import Pause, PauseReason
from dify_async.models.messages import MessageMetadata
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
from dify_async.models.runs import RunHandle, RunStatus


@attrs.define(kw_only=True, eq=False, repr=False)
class BlockingRunData(WorkflowFinishedData):
    """The data of a terminal event: the run finished or is paused."""

    paused_nodes: list[str] = attrs.Factory(list[str])
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])


@attrs.define(kw_only=True, eq=False, repr=False)
class BlockingRun(Received):
    """The response of a workflow in blocking mode."""

    task_id: str | None = None
    workflow_run_id: str | None = None
    data: BlockingRunData

    def result(self, user: str | None = None) -> WorkflowResult:
        """Return the same result as the stream of the run; `user` is the end user who started it."""
        data = self.data
        run_id = self.workflow_run_id or data.id
        handle = RunHandle(run_id=run_id, task_id=self.task_id, user=user, kind="workflow")
        is_paused = data.status == RunStatus.PAUSED
        pause = Pause(nodes=data.paused_nodes, reasons=data.reasons) if is_paused else None
        return with_raw_of(self, result_of_run(data, self.task_id, run_id, handle, pause))


@attrs.define(kw_only=True, eq=False, repr=False)
class BlockingMessage(Received):
    """The response of a chat or completion in blocking mode; for a chatflow also its paused run."""

    task_id: str | None = None
    message_id: str = ""
    conversation_id: str = ""
    answer: str = ""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    created_at: datetime | None = None
    workflow_run_id: str | None = None
    data: BlockingRunData | None = None

    def completion(self) -> CompletionResult:
        """Return the same result as the stream of the message."""
        reasoning, clean = split_answer(self.answer, self.metadata.reasoning.values())
        result = CompletionResult(
            task_id=self.task_id,
            message_id=self.message_id,
            answer=self.answer,
            reasoning=reasoning,
            clean_answer=clean,
            metadata=self.metadata,
            created_at=self.created_at,
        )
        return with_raw_of(self, result)

    def chat(self, user: str | None) -> ChatResult:
        """Return the result of a chat. The response contains the run behind it only if the run is paused."""
        reasoning, clean = split_answer(self.answer, self.metadata.reasoning.values())
        result = ChatResult(
            task_id=self.task_id,
            message_id=self.message_id,
            conversation_id=self.conversation_id,
            answer=self.answer,
            reasoning=reasoning,
            clean_answer=clean,
            metadata=self.metadata,
            created_at=self.created_at,
            run=self._run(user),
        )
        return with_raw_of(self, result)

    def _run(self, user: str | None) -> WorkflowResult | None:
        data = self.data
        if data is None:
            return None
        run_id = self.workflow_run_id or data.id
        handle = RunHandle(run_id=run_id, task_id=self.task_id, user=user, kind="chat")
        pause = Pause(nodes=data.paused_nodes, reasons=data.reasons)
        return with_raw_of(self, result_of_run(data, self.task_id, run_id, handle, pause))
