"""Answers in one piece, to the same results as the streams give."""

from __future__ import annotations

import attrs

from dify_async._wire.fold import result_of_run
from dify_async.events import WorkflowFinishedData
from dify_async.models import Pause, PauseReason, RunStatus, WorkflowResult
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

    def result(self) -> WorkflowResult:
        """Make it what the stream of the same run would have been folded to."""
        result = result_of_run(self.data, self.task_id, self.workflow_run_id)
        if result.status == RunStatus.PAUSED:
            result.paused = Pause(nodes=self.data.paused_nodes, reasons=self.data.reasons)
        return result.received_as(self)
