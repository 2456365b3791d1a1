"""Conversations as the server keeps them: their messages, variables and feedback."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Received
from dify_async.models.files import RunFile
from dify_async.models.forms import FormAction, FormInput
from dify_async.models.messages import AgentThought, MessageMetadata, RetrieverResource


@attrs.define(kw_only=True)
class Conversation(Received):
    """A conversation of an end user."""

    id: str = ""
    name: str = ""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    status: str = ""
    introduction: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@attrs.define(kw_only=True)
class ConversationVariable(Received):
    """A variable that a chatflow keeps from one message to the next."""

    id: str = ""
    name: str = ""
    value_type: str = ""
    """`string`, `number`, `object`, `array[string]`, ..."""
    value: Json = None
    """Text; of objects and arrays as Python writes them (server 1.14)."""
    description: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@attrs.define(kw_only=True)
class MessageFile(RunFile):
    """A file of a message."""

    belongs_to: str | None = None
    """`user` or `assistant`."""


@attrs.define(kw_only=True)
class StoredThought(AgentThought):
    """One step of an agent, as it is kept."""

    chain_id: str | None = None
    message_id: str = ""
    created_at: datetime | None = None


@attrs.define(kw_only=True)
class Feedback:
    """What a person thinks of an answer."""

    rating: str | None = None
    """`like`, `dislike`, or None."""


@attrs.define(kw_only=True)
class FormContent:
    """A form that a chatflow showed, as it is kept with its message."""

    form_id: str = ""
    node_id: str = ""
    node_title: str = ""
    form_content: str = ""
    inputs: list[FormInput] = attrs.Factory(list[FormInput])
    actions: list[FormAction] = attrs.Factory(list[FormAction])
    display_in_ui: bool = False
    form_token: str | None = attrs.field(default=None, repr=False)
    """None once it was submitted."""
    resolved_default_values: dict[str, Json] = attrs.Factory(dict[str, Json])
    expiration_time: datetime | None = None


@attrs.define(kw_only=True)
class FormSubmission:
    """What a person made of a form."""

    node_id: str = ""
    node_title: str = ""
    rendered_content: str = ""
    action_id: str = ""
    action_text: str = ""
    submitted_data: dict[str, Json] | None = None


@attrs.define(kw_only=True)
class ExtraContent:
    """What a message holds besides its text: forms of its run."""

    type: str = ""
    workflow_run_id: str = ""
    submitted: bool = False
    form_definition: FormContent | None = None
    form_submission_data: FormSubmission | None = None


@attrs.define(kw_only=True)
class Message(Received):
    """A question and its answer, as they are kept."""

    id: str = ""
    conversation_id: str = ""
    parent_message_id: str | None = None
    """All zeros for messages that were sent through the Service API."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    query: str = ""
    answer: str = ""
    """Links to files in it are signed anew whenever it is read."""
    feedback: Feedback | None = None
    retriever_resources: list[RetrieverResource] = attrs.Factory(list[RetrieverResource])
    agent_thoughts: list[StoredThought] = attrs.Factory(list[StoredThought])
    message_files: list[MessageFile] = attrs.Factory(list[MessageFile])
    status: str = ""
    """`normal`, `paused` or `error`."""
    error: str | None = None
    extra_contents: list[ExtraContent] = attrs.Factory(list[ExtraContent])
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    """Web API only, and whole there: with the usage that its streams leave out."""
    created_at: datetime | None = None


@attrs.define(kw_only=True)
class SavedMessage(Received):
    """A completion that an end user has kept."""

    id: str = ""
    """The message's."""
    inputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    query: str = ""
    answer: str = ""
    message_files: list[MessageFile] = attrs.Factory(list[MessageFile])
    feedback: Feedback | None = None
    created_at: datetime | None = None
    """When the message was made, not when it was saved."""


@attrs.define(kw_only=True)
class SuggestedQuestions(Received):
    """Questions that could come next."""

    data: list[str] = attrs.Factory(list[str])


@attrs.define(kw_only=True)
class AppFeedback(Received):
    """A feedback on any message of the app, as its owner sees it."""

    id: str = ""
    app_id: str = ""
    conversation_id: str = ""
    message_id: str = ""
    rating: str = ""
    content: str | None = None
    from_source: str = ""
    from_end_user_id: str | None = None
    from_account_id: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@attrs.define(kw_only=True)
class Transcript(Received):
    """What was said in a recording."""

    text: str = ""
