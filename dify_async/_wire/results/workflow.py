"""The result of a workflow run, from its events."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from dify_async._text import printable, shortened
from dify_async._wire.reasoning import THINK, reasoning_of_run
from dify_async._wire.results.progress import Progress, is_run_id
from dify_async.events import (
    ErrorEvent,
    Event,
    HumanInputRequired,
    NodeFinished,
    NodeStarted,
    ReasoningChunk,
    UnknownEvent,
    WorkflowFinished,
    WorkflowFinishedData,
    WorkflowPaused,
    WorkflowStarted,
)
from dify_async.events.workflow import CreatedBy
from dify_async.models._base import with_raw_of
from dify_async.models.forms import Pause
from dify_async.models.messages import Usage
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import NodeStatus, RunHandle, RunStatus


@attrs.define(eq=False)
class WorkflowAccumulator:
    """Accumulates the events of a workflow run, or the run events of a chatflow."""

    progress: Progress = attrs.Factory(Progress)
    _continue_on_pause: bool = attrs.field(default=False, kw_only=True, alias="continue_on_pause")
    _workflow_id: str | None = attrs.field(default=None, init=False)
    _price: Decimal | None = attrs.field(default=None, init=False)
    _models: dict[str, Usage] = attrs.field(factory=dict[str, Usage], init=False)
    _has_task: bool = attrs.field(default=True, init=False)
    _has_nodes: bool = attrs.field(default=False, init=False)
    _reasoning: dict[str | None, list[str]] = attrs.field(factory=dict[str | None, list[str]], init=False)
    _last: WorkflowFinished | WorkflowPaused | None = attrs.field(default=None, init=False)

    def add(self, event: Event) -> None:
        """Add the next event."""
        if self.progress.task_id is None and event.__class__ is not WorkflowStarted:
            self.progress.note_task(event)
        handle = self._handlers.get(event.__class__)
        if handle is not None:
            handle(self, event)

    def result(self, handle: RunHandle | None = None) -> WorkflowResult:
        """Return the result, or the partial result."""
        last, progress = self._last, self.progress
        if isinstance(last, WorkflowFinished):
            result = result_of_run(last.data, progress.task_id, progress.run_id, handle)
            if last.data.status == RunStatus.FAILED and self._is_rejection(last.data):
                result = attrs.evolve(result, rejected=True)
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
                rejected=error is not None and not error.code and progress.run_id is None,
                handle=handle,
            )
        if progress.gap or self._price is not None:
            result = attrs.evolve(result, gap=progress.gap, total_price=self._price)
        if self._models:
            result = attrs.evolve(result, usage_by_model=deepcopy(self._models))
        if self._reasoning:
            result = attrs.evolve(result, reasoning=reasoning_of_run(result.outputs, self.reasoning))
        return with_raw_of(last or progress.error, result)

    @property
    def reasoning(self) -> list[str]:
        """The reasoning of each node that sent it separately."""
        return list(map("".join, self._reasoning.values()))

    @property
    def succeeded(self) -> bool:
        """True if the run succeeded, completely or in part."""
        return isinstance(self._last, WorkflowFinished) and self._last.data.status.is_success

    @property
    def answer(self) -> str | None:
        """The answer in the outputs of a chatflow. None before the run succeeded."""
        if not isinstance(self._last, WorkflowFinished) or not self.succeeded:
            return None
        answer = self._last.data.outputs.get("answer")
        return answer if isinstance(answer, str) else None

    def _is_rejection(self, data: WorkflowFinishedData) -> bool:
        """Return True if the failed run only reports that the server rejected the inputs (Dify 1.15+).

        Such a run has no task, no node and no creator (recording: `116_wf_missing_required_streaming`). A run
        that really failed has all of them.
        """
        return (
            not self._has_task
            and not self._has_nodes
            and data.total_steps == 0
            and data.elapsed_time == 0
            and not data.outputs
            and data.created_by == CreatedBy()
        )

    def _is_own(
        self, event: WorkflowStarted | WorkflowPaused | WorkflowFinished, *run_ids: str | None
    ) -> bool:
        """Return True unless the event belongs to another run; the first event defines the stream's run.

        The outputs of another run must never become the result of this one.
        """
        progress = self.progress
        for run_id in run_ids:
            if not is_run_id(run_id):
                continue
            if progress.run_id is None:
                progress.run_id = run_id
            elif run_id != progress.run_id:
                progress.foreign_run = run_id
                problem = f"it belongs to another run: {shortened(printable(str(run_id)), 80)}"
                progress.unusable_end = UnknownEvent(event=event.event, problem=problem)
                self._end(None)
                return False
        return True

    def _reasoned(self, event: ReasoningChunk) -> None:
        self._reasoning.setdefault(event.data.node_id, []).append(event.data.reasoning)

    def _node_started(self, event: NodeStarted) -> None:
        self._has_nodes = True
        self.progress.seen.add((event.event, event.data.id))

    def _form_sent(self, event: HumanInputRequired) -> None:
        self.progress.seen.add((event.event, event.data.form_id))

    def _started(self, event: WorkflowStarted) -> None:
        run_id = event.data.id
        if self.progress.run_id is None and run_id == event.workflow_run_id and is_run_id(run_id):
            self.progress.run_id = run_id
        elif not self._is_own(event, event.workflow_run_id, run_id):
            return
        self.progress.seen.add((event.event, run_id))
        self._workflow_id = event.data.workflow_id
        # In a snapshot, and in a rejected run, the task id is the run's id.
        self._has_task = event.task_id != self.progress.run_id
        if self._has_task and self.progress.task_id is None:
            self.progress.task_id = event.task_id

    def _node_finished(self, event: NodeFinished) -> None:
        self._has_nodes = True
        metadata = event.data.execution_metadata
        # Iterations and loops report the sum of their nodes, which also report their own prices.
        if metadata is not None and event.data.node_type not in {"iteration", "loop"}:
            is_new = (event.event, event.data.id) not in self.progress.seen
            if is_new and metadata.total_price is not None:
                self._price = (self._price or 0) + metadata.total_price
            model = (event.data.process_data or {}).get("model_name")
            if is_new and isinstance(model, str):
                usage = self._models.setdefault(model, Usage())
                usage.total_tokens += metadata.total_tokens or 0
                if metadata.total_price is not None:
                    usage.total_price = (usage.total_price or 0) + metadata.total_price
        self.progress.seen.add((event.event, event.data.id))
        if event.data.status == NodeStatus.FAILED:
            self.progress.failed_node = event.data.node_id

    def _paused(self, event: WorkflowPaused) -> None:
        if not self._is_own(event, event.workflow_run_id, event.data.workflow_run_id):
            return
        self.progress.seen |= {
            (event.event, reason.form_id) for reason in event.data.reasons if reason.form_id
        }
        if not self._continue_on_pause:
            self._end(event)

    def _finished(self, event: WorkflowFinished) -> None:
        progress = self.progress
        if progress.run_id == event.workflow_run_id == event.data.id or self._is_own(
            event, event.workflow_run_id, event.data.id
        ):
            self._last = event
            progress.seconds = event.data.elapsed_time
            progress.over = progress.complete = True

    def _end(self, event: WorkflowFinished | WorkflowPaused | None) -> None:
        self._last = event
        self.progress.seconds = event.data.elapsed_time if event is not None else None
        self.progress.over = self.progress.complete = True

    def _failed(self, event: ErrorEvent) -> None:
        self.progress.error = event
        self._end(None)

    def _unknown(self, event: UnknownEvent) -> None:
        if event.event in {WorkflowFinished.event, WorkflowPaused.event, ErrorEvent.event}:
            self.progress.unusable_end = event
            self._end(None)

    _handlers: ClassVar[dict[type[Event], Any]] = {
        WorkflowStarted: _started,
        NodeStarted: _node_started,
        NodeFinished: _node_finished,
        ReasoningChunk: _reasoned,
        HumanInputRequired: _form_sent,
        WorkflowPaused: _paused,
        WorkflowFinished: _finished,
        ErrorEvent: _failed,
        UnknownEvent: _unknown,
    }


def result_of_run(
    data: WorkflowFinishedData,
    task_id: str | None,
    run_id: str | None,
    handle: RunHandle | None,
    paused: Pause | None = None,
) -> WorkflowResult:
    """Return the result of a finished run, or of a blocking response."""
    reasoning = ""
    for value in data.outputs.values():
        if value.__class__ is str and THINK in value:
            reasoning = reasoning_of_run(data.outputs)
            break
    return WorkflowResult(
        task_id=task_id,
        workflow_run_id=run_id or data.id,
        workflow_id=data.workflow_id,
        status=data.status,
        outputs=data.outputs,
        reasoning=reasoning,
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
