"""Every event of a stream, one class per name.

    match event:
        case events.TextChunk(data=chunk):
            print(chunk.text, end="")
        case events.NodeStarted(data=node):
            print(node.title)

`event.event` is the name on the wire, `event.raw` the JSON as it came. A name that this version does not
know, or a known one whose fields do not fit, arrives as an `UnknownEvent`: nothing is dropped. Pings are
not events; they only keep the stream alive.

Which app sends what:

- workflow: `WorkflowEvent`; its text comes as `TextChunk`.
- chatflow: `ChatEvent`, with the workflow's events among them; its text comes as `Message`.
- chat, agent, completion: `ChatEvent`, without the workflow's.
"""

from __future__ import annotations

import base64
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

import attrs

from dify_async._types import Json
from dify_async.models import (
    FormAction,
    FormInput,
    MessageMetadata,
    NodeStatus,
    PauseReason,
    RunFile,
    RunStatus,
)
from dify_async.models._base import OpenEnum, Received

__all__ = [
    "AgentLog",
    "AgentLogData",
    "AgentLogStatus",
    "AgentMessage",
    "AgentThought",
    "ChatEvent",
    "CompletionEvent",
    "CreatedBy",
    "DatasourceCompleted",
    "DatasourceError",
    "DatasourceProcessing",
    "ErrorEvent",
    "Event",
    "ExecutionMetadata",
    "FormFilledData",
    "FormTimeoutData",
    "HumanInputFormFilled",
    "HumanInputFormTimeout",
    "HumanInputRequired",
    "HumanInputRequiredData",
    "IterationCompleted",
    "IterationNext",
    "IterationStarted",
    "LoopCompleted",
    "LoopNext",
    "LoopNextData",
    "LoopStarted",
    "Message",
    "MessageEnd",
    "MessageFile",
    "MessageReplace",
    "NodeFinished",
    "NodeFinishedData",
    "NodeRetry",
    "NodeRetryData",
    "NodeStarted",
    "NodeStartedData",
    "ReasoningChunk",
    "ReasoningChunkData",
    "RoundCompletedData",
    "RoundNextData",
    "RoundStartedData",
    "StartReason",
    "TextChunk",
    "TextChunkData",
    "TextReplace",
    "TextReplaceData",
    "TtsMessage",
    "TtsMessageEnd",
    "UnknownEvent",
    "WorkflowEvent",
    "WorkflowFinished",
    "WorkflowFinishedData",
    "WorkflowPaused",
    "WorkflowPausedData",
    "WorkflowStarted",
    "WorkflowStartedData",
]


# What all events of a kind have around their data


@attrs.define(kw_only=True)
class Event(Received):
    """What every event has."""

    task_id: str | None = None
    """What the run is stopped with. A replayed event (`attach` with a snapshot) has the run id here."""


@attrs.define(kw_only=True)
class _RunEvent(Event):
    """An event of a workflow run. The last three are set in chatflows only."""

    workflow_run_id: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    created_at: datetime | None = None
    """When the message was created, not the event."""


@attrs.define(kw_only=True)
class _MessageEvent(Event):
    """An event of a message. Completion apps have no conversation."""

    conversation_id: str | None = None
    message_id: str | None = None
    created_at: datetime | None = None
    """When the message was created, not the event."""


# The run as a whole


class StartReason(OpenEnum):
    """Why `WorkflowStarted` was sent: a resumed run sends it a second time."""

    INITIAL = "initial"
    RESUMPTION = "resumption"


@attrs.define(kw_only=True)
class CreatedBy:
    """Who started a run: an end user (`id`, `user`) or a member (`id`, `name`, `email`)."""

    id: str | None = None
    user: str | None = None
    name: str | None = None
    email: str | None = None


@attrs.define(kw_only=True)
class WorkflowStartedData:
    """The run that has begun."""

    id: str = ""
    workflow_id: str = ""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """What the run was given, with `sys.*` keys; empty on servers of 2024."""
    created_at: datetime | None = None
    reason: StartReason = StartReason.INITIAL
    sequence_number: int | None = None
    """Servers of 2024 only."""


@attrs.define(kw_only=True)
class WorkflowStarted(_RunEvent):
    """The run has begun, or goes on after a pause."""

    event: ClassVar[str] = "workflow_started"
    data: WorkflowStartedData


@attrs.define(kw_only=True)
class WorkflowPausedData:
    """Where the run stands, and what it waits for."""

    workflow_run_id: str = ""
    paused_nodes: list[str] = attrs.Factory(list[str])
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    reasons: list[PauseReason] = attrs.Factory(list[PauseReason])
    status: RunStatus = RunStatus.PAUSED
    created_at: datetime | None = None
    elapsed_time: float = 0.0
    """Seconds."""
    total_tokens: int = 0
    total_steps: int = 0


@attrs.define(kw_only=True)
class WorkflowPaused(_RunEvent):
    """The run waits for a person or a time. The stream ends here unless it was asked to go on."""

    event: ClassVar[str] = "workflow_paused"
    data: WorkflowPausedData


@attrs.define(kw_only=True)
class WorkflowFinishedData:
    """How the run ended."""

    id: str = ""
    workflow_id: str = ""
    status: RunStatus = RunStatus.RUNNING
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    error: str | None = None
    elapsed_time: float = 0.0
    """Seconds."""
    total_tokens: int = 0
    total_steps: int = 0
    created_by: CreatedBy = attrs.Factory(CreatedBy)
    created_at: datetime | None = None
    finished_at: datetime | None = None
    exceptions_count: int = 0
    files: list[RunFile] = attrs.Factory(list[RunFile])


@attrs.define(kw_only=True)
class WorkflowFinished(_RunEvent):
    """The run has ended, well or badly: `data.status` tells."""

    event: ClassVar[str] = "workflow_finished"
    data: WorkflowFinishedData


# Nodes


@attrs.define(kw_only=True)
class ExecutionMetadata:
    """What a node's execution cost and where it belongs. What the server does not tell is None."""

    total_tokens: int | None = None
    total_price: Decimal | None = None
    currency: str | None = None
    error_strategy: str | None = None
    completed_reason: str | None = None
    iteration_id: str | None = None
    iteration_index: int | None = None
    iteration_duration_map: dict[str, Json] | None = None
    loop_id: str | None = None
    loop_index: int | None = None
    loop_duration_map: dict[str, Json] | None = None
    loop_variable_map: dict[str, Json] | None = None
    parallel_id: str | None = None
    parallel_start_node_id: str | None = None
    parent_parallel_id: str | None = None
    parent_parallel_start_node_id: str | None = None
    parallel_mode_run_id: str | None = None
    tool_info: dict[str, Json] | None = None
    agent_log: Json = None
    datasource_info: Json = None
    trigger_info: Json = None


@attrs.define(kw_only=True)
class NodeStartedData:
    """The execution of a node that has begun."""

    id: str = ""
    """The execution: the same in its started, retry and finished events."""
    node_id: str = ""
    """The node in the workflow: the same each time it runs, so it repeats in iterations and loops."""
    node_type: str = ""
    title: str = ""
    index: int = 0
    """1 for every node on servers of 2026; do not sort by it."""
    predecessor_node_id: str | None = None
    inputs: Json = None
    """An object, a list on servers of 2024, or None; always None on the Web API."""
    inputs_truncated: bool = False
    created_at: datetime | None = None
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    iteration_id: str | None = None
    loop_id: str | None = None
    agent_strategy: dict[str, Json] | None = None


@attrs.define(kw_only=True)
class NodeStarted(_RunEvent):
    """A node has begun to run. Iterations and loops send their own events instead."""

    event: ClassVar[str] = "node_started"
    data: NodeStartedData


@attrs.define(kw_only=True)
class NodeFinishedData:
    """The execution of a node that has ended."""

    id: str = ""
    """The execution: the same in its started, retry and finished events."""
    node_id: str = ""
    node_type: str = ""
    title: str = ""
    index: int = 0
    predecessor_node_id: str | None = None
    inputs: Json = None
    """An object, a list on servers of 2024, or None; always None on the Web API."""
    inputs_truncated: bool = False
    process_data: dict[str, Json] | None = None
    process_data_truncated: bool = False
    outputs: dict[str, Json] | None = None
    """May be megabytes: the Service API truncates nothing."""
    outputs_truncated: bool = False
    status: NodeStatus = NodeStatus.RUNNING
    error: str | None = None
    elapsed_time: float = 0.0
    """Seconds."""
    execution_metadata: ExecutionMetadata | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    files: list[RunFile] = attrs.Factory(list[RunFile])
    iteration_id: str | None = None
    loop_id: str | None = None


@attrs.define(kw_only=True)
class NodeFinished(_RunEvent):
    """A node has ended, well or badly: `data.status` tells."""

    event: ClassVar[str] = "node_finished"
    data: NodeFinishedData


@attrs.define(kw_only=True)
class NodeRetryData(NodeFinishedData):
    """A failed try of a node that is tried again."""

    retry_index: int = 0


@attrs.define(kw_only=True)
class NodeRetry(_RunEvent):
    """A node has failed and is tried again by the workflow's own rule."""

    event: ClassVar[str] = "node_retry"
    data: NodeRetryData


# Iterations and loops


@attrs.define(kw_only=True)
class RoundStartedData:
    """The iteration or loop that has begun."""

    id: str = ""
    """The container's node id, not an execution id."""
    node_id: str = ""
    node_type: str = ""
    title: str = ""
    created_at: datetime | None = None
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])
    metadata: dict[str, Json] = attrs.Factory(dict[str, Json])
    """For example `iteration_length` or `loop_length`."""
    inputs: Json = None
    inputs_truncated: bool = False


@attrs.define(kw_only=True)
class RoundNextData:
    """The round that begins."""

    id: str = ""
    node_id: str = ""
    node_type: str = ""
    title: str = ""
    index: int = 0
    """Iterations count from 0, loops from 1; parallel iterations send them out of order."""
    created_at: datetime | None = None
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])


@attrs.define(kw_only=True)
class LoopNextData(RoundNextData):
    """The round of a loop that begins."""

    pre_loop_output: Json = None


@attrs.define(kw_only=True)
class RoundCompletedData:
    """The iteration or loop that has ended."""

    id: str = ""
    """The container's node id, not an execution id."""
    node_id: str = ""
    node_type: str = ""
    title: str = ""
    inputs: Json = None
    inputs_truncated: bool = False
    outputs: dict[str, Json] | None = None
    outputs_truncated: bool = False
    status: NodeStatus = NodeStatus.RUNNING
    error: str | None = None
    elapsed_time: float = 0.0
    """Seconds."""
    total_tokens: int = 0
    execution_metadata: ExecutionMetadata | None = None
    steps: int = 0
    """Rounds that were planned, for loops; rounds run, for iterations."""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    extras: dict[str, Json] = attrs.Factory(dict[str, Json])


@attrs.define(kw_only=True)
class IterationStarted(_RunEvent):
    """An iteration over a list has begun."""

    event: ClassVar[str] = "iteration_started"
    data: RoundStartedData


@attrs.define(kw_only=True)
class IterationNext(_RunEvent):
    """An iteration takes its next item."""

    event: ClassVar[str] = "iteration_next"
    data: RoundNextData


@attrs.define(kw_only=True)
class IterationCompleted(_RunEvent):
    """An iteration has ended."""

    event: ClassVar[str] = "iteration_completed"
    data: RoundCompletedData


@attrs.define(kw_only=True)
class LoopStarted(_RunEvent):
    """A loop has begun."""

    event: ClassVar[str] = "loop_started"
    data: RoundStartedData


@attrs.define(kw_only=True)
class LoopNext(_RunEvent):
    """A loop goes into its next round."""

    event: ClassVar[str] = "loop_next"
    data: LoopNextData


@attrs.define(kw_only=True)
class LoopCompleted(_RunEvent):
    """A loop has ended."""

    event: ClassVar[str] = "loop_completed"
    data: RoundCompletedData


# Text of a workflow


@attrs.define(kw_only=True)
class TextChunkData:
    """A piece of text, and the variable it comes from."""

    text: str = ""
    from_variable_selector: list[str] = attrs.Factory(list[str])
    """`[node id, variable]`. Every output of an End node is written out as text, one after another."""


@attrs.define(kw_only=True)
class TextChunk(Event):
    """A piece of a workflow's text. All pieces together need not be the value of any one output."""

    event: ClassVar[str] = "text_chunk"
    workflow_run_id: str | None = None
    data: TextChunkData


@attrs.define(kw_only=True)
class TextReplaceData:
    """The text that counts instead."""

    text: str = ""


@attrs.define(kw_only=True)
class TextReplace(_RunEvent):
    """The text so far is to be replaced. Declared by Dify, and not sent by its recent servers."""

    event: ClassVar[str] = "text_replace"
    data: TextReplaceData


@attrs.define(kw_only=True)
class ReasoningChunkData:
    """A piece of a model's reasoning."""

    reasoning: str = ""
    node_id: str | None = None
    """Several nodes can take turns: gather by this."""
    message_id: str | None = None
    is_final: bool = False


@attrs.define(kw_only=True)
class ReasoningChunk(_RunEvent):
    """A piece of a model's reasoning, kept apart from the answer (Dify 1.17)."""

    event: ClassVar[str] = "reasoning_chunk"
    data: ReasoningChunkData


class AgentLogStatus(OpenEnum):
    """How a logged step of an agent node stands."""

    START = "start"
    SUCCESS = "success"
    ERROR = "error"


@attrs.define(kw_only=True)
class AgentLogData:
    """A step of an agent node. The same `id` comes again with a new status."""

    id: str = ""
    node_execution_id: str = ""
    node_id: str = ""
    label: str = ""
    parent_id: str | None = None
    error: str | None = None
    status: AgentLogStatus = AgentLogStatus.START
    data: dict[str, Json] = attrs.Factory(dict[str, Json])
    metadata: dict[str, Json] = attrs.Factory(dict[str, Json])


@attrs.define(kw_only=True)
class AgentLog(_RunEvent):
    """A step of an agent node inside a workflow."""

    event: ClassVar[str] = "agent_log"
    data: AgentLogData


# A person's part


@attrs.define(kw_only=True)
class HumanInputRequiredData:
    """The form that a person is to fill in."""

    form_id: str = ""
    form_token: str | None = attrs.field(default=None, repr=False)
    """What the form is fetched and submitted with; None where it is only delivered by e-mail."""
    node_id: str = ""
    node_title: str = ""
    form_content: str = ""
    """Markdown, with `{{#$output.NAME#}}` where the inputs belong."""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    actions: list[FormAction] = attrs.Factory(list[FormAction])
    display_in_ui: bool = False
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    expiration_time: datetime | None = None
    approval_channels: list[str] = attrs.Factory(list[str])


@attrs.define(kw_only=True)
class HumanInputRequired(_RunEvent):
    """A node waits for a person; `WorkflowPaused` follows."""

    event: ClassVar[str] = "human_input_required"
    data: HumanInputRequiredData


@attrs.define(kw_only=True)
class FormFilledData:
    """What the person chose."""

    node_id: str = ""
    node_title: str = ""
    rendered_content: str = ""
    action_id: str = ""
    action_text: str = ""
    submitted_data: dict[str, Json] | None = None


@attrs.define(kw_only=True)
class HumanInputFormFilled(_RunEvent):
    """A person has filled in the form. It has no form id: match it by node."""

    event: ClassVar[str] = "human_input_form_filled"
    data: FormFilledData


@attrs.define(kw_only=True)
class FormTimeoutData:
    """The form that nobody filled in."""

    node_id: str = ""
    node_title: str = ""
    expiration_time: datetime | None = None


@attrs.define(kw_only=True)
class HumanInputFormTimeout(_RunEvent):
    """Nobody filled in the form in time; the run goes on along its time-out branch."""

    event: ClassVar[str] = "human_input_form_timeout"
    data: FormTimeoutData


# Messages


@attrs.define(kw_only=True)
class Message(_MessageEvent):
    """A piece of an answer: append it. After `AgentMessage` pieces it is the whole answer once more."""

    event: ClassVar[str] = "message"
    id: str = ""
    answer: str = ""
    from_variable_selector: list[str] = attrs.Factory(list[str])
    """`[node id, variable]` in chatflows, empty elsewhere."""


@attrs.define(kw_only=True)
class AgentMessage(_MessageEvent):
    """A piece of an agent's answer: append it."""

    event: ClassVar[str] = "agent_message"
    id: str = ""
    answer: str = ""


@attrs.define(kw_only=True)
class AgentThought(_MessageEvent):
    """A step of an agent. The same `id` comes again with more fields filled: replace it."""

    event: ClassVar[str] = "agent_thought"
    id: str = ""
    position: int = 0
    thought: str = ""
    observation: str = ""
    tool: str = ""
    """The tool that is called; several are joined with `;`."""
    tool_labels: dict[str, Json] = attrs.Factory(dict[str, Json])
    tool_input: str = ""
    """JSON text."""
    message_files: list[str] = attrs.Factory(list[str])


@attrs.define(kw_only=True)
class MessageFile(_MessageEvent):
    """A file of the answer or, where `answer` is not None, a piece of its text under another name."""

    event: ClassVar[str] = "message_file"
    id: str = ""
    type: str | None = None
    belongs_to: str | None = None
    url: str | None = None
    answer: str | None = None
    from_variable_selector: list[str] = attrs.Factory(list[str])


@attrs.define(kw_only=True)
class MessageReplace(_MessageEvent):
    """The answer so far is to be replaced, for example by moderation."""

    event: ClassVar[str] = "message_replace"
    answer: str = ""
    reason: str = ""
    """Empty, `output_moderation`, ..."""


@attrs.define(kw_only=True)
class MessageEnd(_MessageEvent):
    """The answer is complete. In chatflows `WorkflowFinished` follows, on old servers it came before."""

    event: ClassVar[str] = "message_end"
    id: str = ""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    files: list[RunFile] = attrs.Factory(list[RunFile])


@attrs.define(kw_only=True)
class TtsMessage(_RunEvent):
    """A piece of spoken answer, where the app reads out by itself. Workflows send it too."""

    event: ClassVar[str] = "tts_message"
    audio: str = ""
    """As it came: base64 text."""

    @property
    def sound(self) -> bytes:
        """The piece itself; MP3 on servers up to 1.14. Write one after the other for the whole.

        Raises:
            ValueError: what came is no base64.
        """
        return base64.b64decode(str(self.audio), validate=True)


@attrs.define(kw_only=True)
class TtsMessageEnd(_RunEvent):
    """The spoken answer is complete."""

    event: ClassVar[str] = "tts_message_end"
    audio: str = ""


# Data sources of a knowledge pipeline


@attrs.define(kw_only=True)
class DatasourceProcessing(Event):
    """A data source node is at work."""

    event: ClassVar[str] = "datasource_processing"
    total: int | None = None
    completed: int | None = None


@attrs.define(kw_only=True)
class DatasourceCompleted(Event):
    """A data source node has brought something; it can come several times."""

    event: ClassVar[str] = "datasource_completed"
    data: Json = None
    total: int | None = None
    completed: int | None = None
    time_consuming: float | None = None
    """Seconds."""


@attrs.define(kw_only=True)
class DatasourceError(Event):
    """A data source node has failed; the stream ends."""

    event: ClassVar[str] = "datasource_error"
    error: str = ""


# Errors, and everything else


@attrs.define(kw_only=True)
class ErrorEvent(_RunEvent):
    """The stream ends badly. It is delivered, and raised as an error when the next event is asked for.

    With a `code` it is what would have been an HTTP error. Without one it was sent by the worker before
    the run began, mostly for a missing or unsuitable input; its status is then 500 all the same.
    """

    event: ClassVar[str] = "error"
    status: int | None = None
    code: str | None = None
    message: str = ""


@attrs.define(kw_only=True)
class UnknownEvent(_RunEvent):
    """An event that this version does not know, or whose fields are not what they should be."""

    event: str = ""
    problem: str | None = None
    """What did not fit, where the name is known; None where it is not."""


WorkflowEvent: TypeAlias = (
    WorkflowStarted
    | NodeStarted
    | TextChunk
    | NodeFinished
    | NodeRetry
    | WorkflowFinished
    | WorkflowPaused
    | IterationStarted
    | IterationNext
    | IterationCompleted
    | LoopStarted
    | LoopNext
    | LoopCompleted
    | TextReplace
    | ReasoningChunk
    | AgentLog
    | HumanInputRequired
    | HumanInputFormFilled
    | HumanInputFormTimeout
    | TtsMessage
    | TtsMessageEnd
    | ErrorEvent
    | UnknownEvent
)
"""What a workflow app sends."""

CompletionEvent: TypeAlias = (
    Message
    | MessageFile
    | MessageReplace
    | MessageEnd
    | TtsMessage
    | TtsMessageEnd
    | ErrorEvent
    | UnknownEvent
)
"""What a completion app sends."""

ChatEvent: TypeAlias = CompletionEvent | AgentMessage | AgentThought | WorkflowEvent
"""What a chat, agent or chatflow app sends."""

BY_NAME: Final[dict[str, type[Event]]] = {
    cls.event: cls
    for cls in (
        WorkflowStarted,
        WorkflowPaused,
        WorkflowFinished,
        NodeStarted,
        NodeFinished,
        NodeRetry,
        IterationStarted,
        IterationNext,
        IterationCompleted,
        LoopStarted,
        LoopNext,
        LoopCompleted,
        TextChunk,
        TextReplace,
        ReasoningChunk,
        AgentLog,
        HumanInputRequired,
        HumanInputFormFilled,
        HumanInputFormTimeout,
        Message,
        AgentMessage,
        AgentThought,
        MessageFile,
        MessageReplace,
        MessageEnd,
        TtsMessage,
        TtsMessageEnd,
        DatasourceProcessing,
        DatasourceCompleted,
        DatasourceError,
        ErrorEvent,
    )
}
"""The class of each known event name."""
