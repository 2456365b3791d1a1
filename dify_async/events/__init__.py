"""All events of a stream, one class per name.

    match event:
        case events.TextChunk(data=chunk):
            print(chunk.text, end="")
        case events.NodeStarted(data=node):
            print(node.title)

`event.event` is the event's name, `event.raw` its JSON. An event with an unknown name, or whose fields do not
have the expected structure, is delivered as an `UnknownEvent`: nothing is dropped. Pings are not events; they
only keep the stream alive.

Which app sends which events:

- workflow: `WorkflowEvent`; its text is sent as `TextChunk`.
- chatflow: `ChatEvent`, with the events of its workflow; its text is sent as `Message`.
- chat, agent: `ChatEvent`, without the events of a workflow.
- completion: `CompletionEvent`.
- a data source of a knowledge pipeline: `DatasourceEvent`.
"""

from __future__ import annotations

from typing import Final, TypeAlias, get_args

from dify_async.events._base import *
from dify_async.events.human_input import *
from dify_async.events.message import *
from dify_async.events.nodes import *
from dify_async.events.pipeline import *
from dify_async.events.workflow import *

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
"""Events of a workflow app."""

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
"""Events of a completion app."""

ChatEvent: TypeAlias = CompletionEvent | AgentMessage | AgentThought | WorkflowEvent
"""Events of a chat, agent or chatflow app."""

DatasourceEvent: TypeAlias = (
    DatasourceProcessing | DatasourceCompleted | DatasourceError | ErrorEvent | UnknownEvent
)
"""Events of a data source node of a knowledge pipeline."""

BY_NAME: Final[dict[str, type[Event]]] = {
    kind.event: kind for kind in get_args(ChatEvent | DatasourceEvent) if kind is not UnknownEvent
}
"""The class of each known event name."""
