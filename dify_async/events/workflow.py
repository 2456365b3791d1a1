"""Events of a workflow run as a whole, and of its text."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import attrs

from dify_async._types import Json
from dify_async.events._base import Event, RunEvent
from dify_async.models._base import Model, OpenEnum
from dify_async.models.files import RunFile
from dify_async.models.forms import PauseReason
from dify_async.models.runs import RunStatus

__all__ = [
    "AgentLog",
    "AgentLogData",
    "AgentLogStatus",
    "CreatedBy",
    "ReasoningChunk",
    "ReasoningChunkData",
    "StartReason",
    "TextChunk",
    "TextChunkData",
    "TextReplace",
    "TextReplaceData",
    "WorkflowFinished",
    "WorkflowFinishedData",
    "WorkflowPaused",
    "WorkflowPausedData",
    "WorkflowStarted",
    "WorkflowStartedData",
]


class StartReason(OpenEnum):
    """Why `WorkflowStarted` was sent: a resumed run sends it again."""

    INITIAL = "initial"
    """The run started."""
    RESUMPTION = "resumption"
    """The run was resumed after a pause."""


@attrs.define(kw_only=True, eq=False, repr=False)
class CreatedBy(Model):
    """Who started a run: an end user (`id`, `user`) or a member (`id`, `name`, `email`)."""

    id: str | None = None
    """The server's id of the end user or member."""
    user: str | None = None
    """The `user` of the request."""
    name: str | None = None
    """The member's name."""
    email: str | None = None
    """The member's e-mail address."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowStartedData(Model):
    """The started run."""

    id: str = ""
    """The run's id."""
    workflow_id: str = ""
    """The workflow's id."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The run's inputs, with `sys.*` keys; empty on servers of 2024."""
    created_at: datetime | None = None
    """When the run was created."""
    reason: StartReason = StartReason.INITIAL
    """Why the event was sent: the run started, or was resumed."""
    sequence_number: int | None = None
    """Number of the run. Servers of 2024 only."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowStarted(RunEvent):
    """The run started, or was resumed after a pause."""

    event: ClassVar[str] = "workflow_started"
    data: WorkflowStartedData
    """The run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowPausedData(Model):
    """The paused run, and the nodes that wait."""

    workflow_run_id: str = ""
    """The run's id."""
    paused_nodes: list[str] = attrs.Factory(list[str])
    """Ids of the nodes that wait."""
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The outputs so far."""
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])
    """Why the nodes wait."""
    status: RunStatus = RunStatus.PAUSED
    """The run's status."""
    created_at: datetime | None = None
    """When the run was created."""
    elapsed_time: float = 0.0
    """Duration so far, in seconds."""
    total_tokens: int = 0
    """Tokens of all models so far."""
    total_steps: int = 0
    """Number of nodes that ran."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowPaused(RunEvent):
    """The run waits for a person or a time. The stream ends here, unless `continue_on_pause` is True."""

    event: ClassVar[str] = "workflow_paused"
    data: WorkflowPausedData
    """The run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowFinishedData(Model):
    """The finished run."""

    _shown_first = ("status", "outputs")

    id: str = ""
    """The run's id."""
    workflow_id: str = ""
    """The workflow's id."""
    status: RunStatus = RunStatus.RUNNING
    """The run's status."""
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The run's outputs."""
    error: str | None = None
    """Why the run failed."""
    elapsed_time: float = 0.0
    """Duration in seconds."""
    total_tokens: int = 0
    """Tokens of all models in the run."""
    total_steps: int = 0
    """Number of nodes that ran."""
    created_by: CreatedBy = attrs.Factory(CreatedBy)
    """Who started the run."""
    created_at: datetime | None = None
    """When the run was created."""
    finished_at: datetime | None = None
    """When the run ended."""
    exceptions_count: int = 0
    """Number of failures that an error strategy handled; each retry counts."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """All files among the outputs."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WorkflowFinished(RunEvent):
    """The run ended, successfully or not: see `data.status`."""

    event: ClassVar[str] = "workflow_finished"
    data: WorkflowFinishedData
    """The run."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextChunkData(Model):
    """A piece of text, and its variable."""

    text: str = ""
    """The text."""
    from_variable_selector: list[str] = attrs.Factory(list[str])
    """The variable of the text, as `[node id, variable]`. All outputs of an End node are sent as text, one
    after another."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextChunk(Event):
    """A piece of a workflow's text. The joined pieces may contain the values of several outputs."""

    event: ClassVar[str] = "text_chunk"
    workflow_run_id: str | None = None
    """The run's id."""
    data: TextChunkData
    """The piece."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextReplaceData(Model):
    """The text that replaces the previous pieces."""

    text: str = ""
    """The text."""


@attrs.define(kw_only=True, eq=False, repr=False)
class TextReplace(RunEvent):
    """Replaces the text so far. Declared by Dify, but not sent by recent servers."""

    event: ClassVar[str] = "text_replace"
    data: TextReplaceData
    """The new text."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ReasoningChunkData(Model):
    """A piece of a model's reasoning."""

    reasoning: str = ""
    """The text."""
    node_id: str | None = None
    """Id of the node. Pieces of several nodes can alternate."""
    message_id: str | None = None
    """The message's id. None except in chatflows."""
    is_final: bool = False
    """True for the last piece of the node."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ReasoningChunk(RunEvent):
    """A piece of a model's reasoning, sent separately from the answer (Dify 1.16)."""

    event: ClassVar[str] = "reasoning_chunk"
    data: ReasoningChunkData
    """The piece."""


class AgentLogStatus(OpenEnum):
    """The status of a step of an agent node."""

    START = "start"
    """The step started."""
    SUCCESS = "success"
    """The step succeeded."""
    ERROR = "error"
    """The step failed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AgentLogData(Model):
    """A step of an agent node. It is sent again with the same `id` and a new status."""

    id: str = ""
    """The step's id."""
    node_execution_id: str = ""
    """Id of the node's execution."""
    node_id: str = ""
    """The node's id."""
    label: str = ""
    """The step's name."""
    parent_id: str | None = None
    """Id of the step that contains this step. None for the top level."""
    error: str | None = None
    """Why the step failed. None if it did not fail."""
    status: AgentLogStatus = AgentLogStatus.START
    """The step's status."""
    data: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The step's inputs and outputs."""
    metadata: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The step's duration, model, tokens and price."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AgentLog(RunEvent):
    """A step of an agent node inside a workflow."""

    event: ClassVar[str] = "agent_log"
    data: AgentLogData
    """The step."""
