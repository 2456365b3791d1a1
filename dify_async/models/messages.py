"""Messages of chat and completion apps: usage, sources, files and steps of agents."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received, wire
from dify_async.models.feedback import Feedback
from dify_async.models.files import RunFile
from dify_async.models.forms import FormContent, FormSubmission

__all__ = [
    "AgentThought",
    "ExtraContent",
    "Message",
    "MessageFile",
    "MessageMetadata",
    "RetrieverResource",
    "SavedMessage",
    "StoredThought",
    "SuggestedQuestions",
    "Usage",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class Usage(Model):
    """Tokens, price and duration of an answer. Prices are exact decimals; None if not sent."""

    prompt_tokens: int = 0
    """Tokens of the prompt."""
    prompt_unit_price: Decimal | None = None
    """Price of one unit of prompt tokens."""
    prompt_price_unit: Decimal | None = None
    """The unit as a fraction: 0.001 stands for 1,000 tokens."""
    prompt_price: Decimal | None = None
    """Price of the prompt."""
    completion_tokens: int = 0
    """Tokens of the answer."""
    completion_unit_price: Decimal | None = None
    """Price of one unit of answer tokens."""
    completion_price_unit: Decimal | None = None
    """The unit as a fraction: 0.001 stands for 1,000 tokens."""
    completion_price: Decimal | None = None
    """Price of the answer."""
    total_tokens: int = 0
    """Tokens of the prompt and the answer."""
    total_price: Decimal | None = None
    """Price of the prompt and the answer."""
    currency: str | None = None
    """Currency of the prices, such as `USD`."""
    latency: float | None = None
    """Duration in seconds."""
    time_to_first_token: float | None = None
    """Seconds until the first token."""
    time_to_generate: float | None = None
    """Seconds from the first token to the last."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrieverResource(Model):
    """A segment of a knowledge base that an answer is based on."""

    position: int | None = None
    """Rank of the segment, starting at 1."""
    dataset_id: str | None = None
    """The knowledge base's id."""
    dataset_name: str | None = None
    """The knowledge base's name."""
    document_id: str | None = None
    """The document's id."""
    document_name: str | None = None
    """The document's name."""
    data_source_type: str | None = None
    """Source of the document: `upload_file`, `notion_import`, `website_crawl`, ..."""
    segment_id: str | None = None
    """The segment's id."""
    retriever_from: str | None = None
    """Where the request came from: `api`, `dev`, ..."""
    score: float | None = None
    """Similarity to the question."""
    hit_count: int | None = None
    """How many times the segment was found."""
    word_count: int | None = None
    """Number of characters of the segment."""
    segment_position: int | None = None
    """Position of the segment in its document."""
    index_node_hash: str | None = None
    """Hash of the segment."""
    content: str | None = None
    """The segment's text."""
    page: int | None = None
    """Page of the document."""
    doc_metadata: dict[str, Json] | None = None
    """The document's metadata."""
    title: str | None = None
    """The document's title."""
    files: list[Json] = attrs.Factory(list[Json])
    """Files of the segment."""
    summary: str | None = None
    """Summary of the segment."""
    id: str | None = None
    """The citation's id. Only in stored messages."""
    message_id: str | None = None
    """Id of the message that cites the segment. Only in stored messages."""
    created_at: datetime | None = None
    """When the citation was created. Only in stored messages."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageMetadata(Model):
    """Usage, sources and reasoning of an answer."""

    usage: Usage | None = None
    """Tokens and price. None on the Web API and for paused runs."""
    retriever_resources: list[RetrieverResource] = attrs.Factory(list[RetrieverResource])
    """Segments of knowledge bases that the answer is based on."""
    annotation_reply: dict[str, Json] | None = None
    """The annotation that the answer was taken from. None if a model generated the answer."""
    reasoning: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Reasoning of the models by node id (Dify 1.16); empty in plain chats."""


@attrs.define(kw_only=True, eq=False, repr=False)
class AgentThought(Model):
    """One step of an agent."""

    id: str = ""
    """The step's id."""
    position: int = 0
    """Number of the step, starting at 1."""
    thought: str = ""
    """The model's reasoning."""
    observation: str = ""
    """The tool's output."""
    tool: str = ""
    """Name of the called tool; several names are joined by `;`."""
    tool_labels: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Labels of the tools by language."""
    tool_input: str = ""
    """Arguments of the tool, as JSON text."""
    message_files: list[str] = attrs.field(factory=list[str], metadata=wire("message_files", "files"))
    """Ids of the files that the step produced."""


@attrs.define(kw_only=True, eq=False, repr=False)
class StoredThought(AgentThought):
    """One step of an agent, as stored by the server."""

    chain_id: str | None = None
    """The chain's id."""
    message_id: str = ""
    """The message's id."""
    answer: str = ""
    """The answer of this step (Dify 1.16)."""
    created_at: datetime | None = None
    """When the step was created."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MessageFile(RunFile):
    """A file of a message."""

    belongs_to: str | None = None
    """Whose message the file belongs to: `user` or `assistant`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ExtraContent(Model):
    """Further content of a message: a form of its run."""

    type: str = ""
    """Type of the content: `human_input`; newer servers may send others."""
    workflow_run_id: str = ""
    """The run's id."""
    submitted: bool = False
    """True if the form was submitted."""
    form_definition: FormContent | None = None
    """The form. None after it was submitted."""
    form_submission_data: FormSubmission | None = None
    """The submission. None before the form is submitted."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Message(Received):
    """A stored question and its answer."""

    _shown_first = ("query", "answer")

    id: str = ""
    """The message's id."""
    conversation_id: str = ""
    """The conversation's id."""
    parent_message_id: str | None = None
    """Id of the previous message. All zeros for messages that were sent through the Service API."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The app's inputs."""
    query: str = ""
    """The question."""
    answer: str = ""
    """The answer. Links to files in it are signed at each request."""
    feedback: Feedback | None = None
    """The end user's rating."""
    retriever_resources: list[RetrieverResource] = attrs.Factory(list[RetrieverResource])
    """Segments of knowledge bases that the answer is based on."""
    agent_thoughts: list[StoredThought] = attrs.Factory(list[StoredThought])
    """Steps of the agent. Empty for other apps."""
    message_files: list[MessageFile] = attrs.Factory(list[MessageFile])
    """Files of the question and the answer."""
    status: str = ""
    """The message's status: `normal`, `paused` or `error`."""
    error: str | None = None
    """Why the answer failed. None if it did not fail."""
    extra_contents: list[ExtraContent] = attrs.Factory(list[ExtraContent])
    """Forms of the run behind the answer."""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    """Usage and sources. Only on the Web API, where it includes the usage that the stream omits."""
    message_tokens: int | None = None
    """Tokens of the prompt (Dify 1.16)."""
    answer_tokens: int | None = None
    """Tokens of the answer (Dify 1.16)."""
    total_tokens: int | None = None
    """Tokens of the prompt and the answer (Dify 1.16)."""
    total_price: Decimal | None = None
    """Price of the prompt and the answer (Dify 1.16)."""
    currency: str | None = None
    """Currency of the price (Dify 1.16)."""
    provider_response_latency: float | None = None
    """Seconds that the model took (Dify 1.16)."""
    created_at: datetime | None = None
    """When the message was created."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SavedMessage(Received):
    """A completion that an end user has saved."""

    _shown_first = ("query", "answer")

    id: str = ""
    """The message's id."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The app's inputs."""
    query: str = ""
    """The question."""
    answer: str = ""
    """The answer."""
    message_files: list[MessageFile] = attrs.Factory(list[MessageFile])
    """Files of the question and the answer."""
    feedback: Feedback | None = None
    """The end user's rating."""
    created_at: datetime | None = None
    """When the message was created, not when it was saved."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SuggestedQuestions(Received):
    """Suggestions for the next question."""

    data: list[str] = attrs.Factory(list[str])
    """The questions."""
