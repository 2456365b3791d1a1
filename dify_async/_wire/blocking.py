"""Answers in one piece, to the same results as the streams give."""

from __future__ import annotations

import attrs

from dify_async._wire.fold import result_of_run
from dify_async.events import WorkflowFinishedData
from dify_async.models import Pause, PauseReason, RunHandle, RunStatus, WorkflowResult
from dify_async.models._base import Received


@attrs.define(kw_only=True)
class BlockingRunData(WorkflowFinishedData):
    """What the last event of a stream would say: that the run ended, or that it waits."""

    paused_nodes: list[str] = attrs.Factory(list[str])
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])


@attrs.define(kw_only=True)
class BlockingRun(Received):
    """The answer of a workflow in blocking mode."""

    task_id: str | None = None
    workflow_run_id: str | None = None
    data: BlockingRunData

    def result(self, user: str | None = None) -> WorkflowResult:
        """Make it what the stream of the same run would have been folded to; `user` started it."""
        data = self.data
        run_id = self.workflow_run_id or data.id
        handle = RunHandle(run_id=run_id, task_id=self.task_id, user=user, kind="workflow")
        is_paused = data.status == RunStatus.PAUSED
        pause = Pause(nodes=data.paused_nodes, reasons=data.reasons) if is_paused else None
        return result_of_run(data, self.task_id, run_id, handle, pause).received_as(self)
