"""Events of the nodes of a run; iterations and loops."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

import attrs

from dify_async._types import Json
from dify_async.events._base import RunEvent
from dify_async.models._base import Model
from dify_async.models.files import RunFile
from dify_async.models.runs import NodeStatus

__all__ = [
    "ExecutionMetadata",
    "IterationCompleted",
    "IterationCompletedData",
    "IterationNext",
    "IterationNextData",
    "IterationStarted",
    "IterationStartedData",
    "LoopCompleted",
    "LoopCompletedData",
    "LoopNext",
    "LoopNextData",
    "LoopStarted",
    "LoopStartedData",
    "NodeFinished",
    "NodeFinishedData",
    "NodeRetry",
    "NodeRetryData",
    "NodeStarted",
    "NodeStartedData",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class ExecutionMetadata(Model):
    """Price of a node's execution, and its position in iterations, loops and parallel branches.

    Values that the server does not send are None.
    """

    total_tokens: int | None = None
    """Tokens of the node's model."""
    total_price: Decimal | None = None
    """Price of the node's model."""
    currency: str | None = None
    """Currency of the price, such as `USD`."""
    error_strategy: str | None = None
    """The error strategy that handled a failure: `fail-branch`, `default-value`."""
    completed_reason: str | None = None
    """Why a loop ended."""
    iteration_id: str | None = None
    """Id of the iteration that contains the node."""
    iteration_index: int | None = None
    """Round of that iteration, starting at 0."""
    iteration_duration_map: dict[str, Json] | None = None
    """Duration of each round of an iteration, in seconds."""
    loop_id: str | None = None
    """Id of the loop that contains the node."""
    loop_index: int | None = None
    """Round of that loop."""
    loop_duration_map: dict[str, Json] | None = None
    """Duration of each round of a loop, in seconds."""
    loop_variable_map: dict[str, Json] | None = None
    """Variables of each round of a loop."""
    parallel_id: str | None = None
    """Id of the parallel branches that contain the node."""
    parallel_start_node_id: str | None = None
    """Id of the first node of the branch."""
    parent_parallel_id: str | None = None
    """Id of the outer parallel branches."""
    parent_parallel_start_node_id: str | None = None
    """Id of the first node of the outer branch."""
    parallel_mode_run_id: str | None = None
    """Id of the round of a parallel iteration."""
    tool_info: dict[str, Json] | None = None
    """The tool of a tool node."""
    agent_log: Json = None
    """The steps of an agent node."""
    datasource_info: Json = None
    """The data source of a data source node."""
    trigger_info: Json = None
    """The trigger of a trigger node."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeStartedData(Model):
    """The started execution of a node."""

    _shown_first = ("title", "node_type")

    id: str = ""
    """The execution's id: the same in its started, retry and finished events."""
    node_id: str = ""
    """The node's id in the workflow: the same each time it runs, so it repeats in iterations and loops."""
    node_type: str = ""
    """`start`, `llm`, `code`, `tool`, ..."""
    title: str = ""
    """The node's title."""
    index: int = 0
    """1 for all nodes on servers of 2026; do not sort by it."""
    predecessor_node_id: str | None = None
    """The node before it."""
    inputs: Json = None
    """An object, a list on servers of 2024, or None; always None on the Web API."""
    inputs_truncated: bool = False
    """True if the server shortened the inputs."""
    created_at: datetime | None = None
    """When the execution started."""
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Further data, such as a tool's icon."""
    iteration_id: str | None = None
    """The iteration that contains the node."""
    loop_id: str | None = None
    """The loop that contains the node."""
    agent_strategy: dict[str, Json] | None = None
    """The strategy of an agent node."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeStarted(RunEvent):
    """A node started. Iterations and loops send their own events instead."""

    event: ClassVar[str] = "node_started"
    data: NodeStartedData
    """The execution."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeFinishedData(Model):
    """The finished execution of a node."""

    _shown_first = ("title", "node_type", "status")

    id: str = ""
    """The execution's id: the same in its started, retry and finished events."""
    node_id: str = ""
    """The node's id in the workflow."""
    node_type: str = ""
    """`start`, `llm`, `code`, `tool`, ..."""
    title: str = ""
    """The node's title."""
    index: int = 0
    """1 for all nodes on servers of 2026; do not sort by it."""
    predecessor_node_id: str | None = None
    """The node before it."""
    inputs: Json = None
    """An object, a list on servers of 2024, or None; always None on the Web API."""
    inputs_truncated: bool = False
    """True if the server shortened the inputs."""
    process_data: dict[str, Json] | None = None
    """Intermediate data, such as the prompt of an LLM node."""
    process_data_truncated: bool = False
    """True if the server shortened the intermediate data."""
    outputs: dict[str, Json] | None = None
    """The node's outputs. May be megabytes: the Service API shortens nothing."""
    outputs_truncated: bool = False
    """True if the server shortened the outputs."""
    status: NodeStatus = NodeStatus.RUNNING
    """The execution's status."""
    error: str | None = None
    """Why the node failed."""
    elapsed_time: float = 0.0
    """Duration in seconds."""
    execution_metadata: ExecutionMetadata | None = None
    """Price and place of the execution."""
    created_at: datetime | None = None
    """When the execution started."""
    finished_at: datetime | None = None
    """When the execution ended."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """Files among the outputs."""
    iteration_id: str | None = None
    """The iteration that contains the node."""
    loop_id: str | None = None
    """The loop that contains the node."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeFinished(RunEvent):
    """A node ended, successfully or not: see `data.status`."""

    event: ClassVar[str] = "node_finished"
    data: NodeFinishedData
    """The execution."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeRetryData(NodeFinishedData):
    """A failed attempt of a node that is retried."""

    retry_index: int = 0
    """Number of the attempt, starting at 1."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NodeRetry(RunEvent):
    """A node failed and is retried, as configured in the workflow."""

    event: ClassVar[str] = "node_retry"
    data: NodeRetryData
    """The attempt."""


# Iterations and loops send the same data, except for the fields of the classes named after them.


@attrs.define(kw_only=True, eq=False, repr=False)
class _ContainerStartedData(Model):
    _shown_first = ("title",)

    id: str = ""
    """The node's id, not that of an execution."""
    node_id: str = ""
    """The node's id."""
    node_type: str = ""
    """`iteration` or `loop`."""
    title: str = ""
    """The node's title."""
    created_at: datetime | None = None
    """When it started."""
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Further data."""
    metadata: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Metadata such as `iteration_length` or `loop_length`."""
    inputs: Json = None
    """The node's inputs."""
    inputs_truncated: bool = False
    """True if the server shortened the inputs."""


@attrs.define(kw_only=True, eq=False, repr=False)
class _ContainerNextData(Model):
    _shown_first = ("title", "index")

    id: str = ""
    """The node's id, not that of an execution."""
    node_id: str = ""
    """The node's id."""
    node_type: str = ""
    """`iteration` or `loop`."""
    title: str = ""
    """The node's title."""
    index: int = 0
    """Number of the round, starting at 0 for iterations and 1 for loops. Out of order in parallel
    iterations."""
    created_at: datetime | None = None
    """When the round started."""
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Further data."""


@attrs.define(kw_only=True, eq=False, repr=False)
class _ContainerCompletedData(Model):
    _shown_first = ("title", "status")

    id: str = ""
    """The node's id, not that of an execution."""
    node_id: str = ""
    """The node's id."""
    node_type: str = ""
    """`iteration` or `loop`."""
    title: str = ""
    """The node's title."""
    inputs: Json = None
    """The node's inputs."""
    inputs_truncated: bool = False
    """True if the server shortened the inputs."""
    outputs: dict[str, Json] | None = None
    """The node's outputs."""
    outputs_truncated: bool = False
    """True if the server shortened the outputs."""
    status: NodeStatus = NodeStatus.RUNNING
    """The node's status."""
    error: str | None = None
    """Why the node failed."""
    elapsed_time: float = 0.0
    """Duration in seconds."""
    total_tokens: int = 0
    """Tokens of all models in the iteration or loop."""
    execution_metadata: ExecutionMetadata | None = None
    """Price and position of the execution; the price is the sum of the nodes inside."""
    steps: int = 0
    """Number of rounds: the planned ones for loops, the completed ones for iterations."""
    created_at: datetime | None = None
    """When it started."""
    finished_at: datetime | None = None
    """When it ended."""
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Further data."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationStartedData(_ContainerStartedData):
    """The started iteration."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationNextData(_ContainerNextData):
    """The next round of an iteration."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationCompletedData(_ContainerCompletedData):
    """The completed iteration."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopStartedData(_ContainerStartedData):
    """The started loop."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopNextData(_ContainerNextData):
    """The next round of a loop."""

    pre_loop_output: Json = None
    """Outputs of the previous round."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopCompletedData(_ContainerCompletedData):
    """The completed loop."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationStarted(RunEvent):
    """An iteration over a list started."""

    event: ClassVar[str] = "iteration_started"
    data: IterationStartedData
    """The iteration."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationNext(RunEvent):
    """An iteration starts its next round."""

    event: ClassVar[str] = "iteration_next"
    data: IterationNextData
    """The round."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IterationCompleted(RunEvent):
    """An iteration ended."""

    event: ClassVar[str] = "iteration_completed"
    data: IterationCompletedData
    """The iteration."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopStarted(RunEvent):
    """A loop started."""

    event: ClassVar[str] = "loop_started"
    data: LoopStartedData
    """The loop."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopNext(RunEvent):
    """A loop starts its next round."""

    event: ClassVar[str] = "loop_next"
    data: LoopNextData
    """The round."""


@attrs.define(kw_only=True, eq=False, repr=False)
class LoopCompleted(RunEvent):
    """A loop ended."""

    event: ClassVar[str] = "loop_completed"
    data: LoopCompletedData
    """The loop."""
