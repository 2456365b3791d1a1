"""Answers of chat, chatflow, agent and completion apps."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from dify_async._types import Json
from dify_async.models._base import Received, wire
from dify_async.models.files import RunFile
from dify_async.models.forms import Pause
from dify_async.models.runs import RunHandle, WorkflowResult


@attrs.define(kw_only=True)
class Usage:
    """What an answer cost. Prices are exact decimals; what the server does not tell is None."""

    prompt_tokens: int = 0
    prompt_unit_price: Decimal | None = None
    prompt_price_unit: Decimal | None = None
    prompt_price: Decimal | None = None
    completion_tokens: int = 0
    completion_unit_price: Decimal | None = None
    completion_price_unit: Decimal | None = None
    completion_price: Decimal | None = None
    total_tokens: int = 0
    total_price: Decimal | None = None
    currency: str | None = None
    latency: float | None = None
    """Seconds."""
    time_to_first_token: float | None = None
    """Seconds."""
    time_to_generate: float | None = None
    """Seconds."""


@attrs.define(kw_only=True)
class RetrieverResource:
    """A piece of knowledge that an answer rests on."""

    position: int | None = None
    dataset_id: str | None = None
    dataset_name: str | None = None
    document_id: str | None = None
    document_name: str | None = None
    data_source_type: str | None = None
    segment_id: str | None = None
    retriever_from: str | None = None
    score: float | None = None
    hit_count: int | None = None
    word_count: int | None = None
    segment_position: int | None = None
    index_node_hash: str | None = None
    content: str | None = None
    page: int | None = None
    doc_metadata: dict[str, Json] | None = None
    title: str | None = None
    files: list[Json] = attrs.Factory(list[Json])
    summary: str | None = None
    id: str | None = None
    """In the history of a conversation only, with the two that follow."""
    message_id: str | None = None
    created_at: datetime | None = None


@attrs.define(kw_only=True)
class MessageMetadata:
    """What is known about an answer besides its text."""

    usage: Usage | None = None
    """None on the Web API and on paused runs."""
    retriever_resources: list[RetrieverResource] = attrs.Factory(list[RetrieverResource])
    annotation_reply: dict[str, Json] | None = None


@attrs.define(kw_only=True)
class AgentThought:
    """One step of an agent, in its last state."""

    id: str = ""
    position: int = 0
    thought: str = ""
    observation: str = ""
    tool: str = ""
    """The tool that was called; several are joined with `;`."""
    tool_labels: dict[str, Json] = attrs.Factory(dict[str, Json])
    tool_input: str = ""
    """JSON text."""
    message_files: list[str] = attrs.field(factory=list[str], metadata=wire("message_files", "files"))


@attrs.frozen(kw_only=True)  # pyright: ignore[reportGeneralTypeIssues] - only `raw` is set late
class CompletionResult(Received):
    """The answer of a completion app."""

    message_id: str = ""
    task_id: str | None = None
    answer: str = ""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    files: list[RunFile] = attrs.Factory(list[RunFile])
    created_at: datetime | None = None

    @property
    def usage(self) -> Usage | None:
        """Tokens and price of the answer, where the server tells them."""
        return self.metadata.usage


@attrs.frozen(kw_only=True)
class ChatResult(CompletionResult):
    """The answer of a chat, chatflow or agent app."""

    conversation_id: str = ""
    """Send it with the next question. A chatflow silently begins a new one where it does not know it."""
    agent_thoughts: list[AgentThought] = attrs.Factory(list[AgentThought])
    run: WorkflowResult | None = None
    """Chatflows only: the workflow run behind the answer."""

    @property
    def paused(self) -> Pause | None:
        """Chatflows only: what the run waits for, where it was paused."""
        return self.run.paused if self.run is not None else None

    @property
    def handle(self) -> RunHandle | None:
        """Chatflows only: what the run behind the answer is found again with."""
        return self.run.handle if self.run is not None else None
