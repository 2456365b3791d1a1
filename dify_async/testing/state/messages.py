"""Conversations, their messages and variables, and annotations."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.models._base import as_list
from dify_async.testing.ids import NIL_ID, new_id
from dify_async.testing.state.forms import FakeForm

_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
}


def type_of(value: Json) -> str:
    """Return the type of a conversation variable with this value."""
    if (items := as_list(value)) is not None:
        inner = {type_of(one) for one in items}
        return f"array[{inner.pop() if len(inner) == 1 else 'any'}]"
    kinds = [name for kind, name in _TYPES.items() if isinstance(value, kind)]
    return kinds[0] if kinds else "none"


@attrs.define(kw_only=True)
class Variable:
    """A variable of a conversation."""

    name: str
    """Name of the variable."""
    value: Json
    """Current value of the variable."""
    id: str = attrs.field(factory=new_id)
    """Id of the variable."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last change."""

    def as_json(self) -> Json:
        """Return the variable's JSON; like Dify, with the value converted by `str`."""
        return {
            "id": self.id,
            "name": self.name,
            "value_type": type_of(self.value),
            "value": str(self.value),
            "description": "",
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at),
        }


@attrs.define(kw_only=True)
class Conversation:
    """A conversation of one end user with a chat app."""

    name: str
    """Name of the conversation."""
    user: str
    """The end user."""
    inputs: dict[str, Json]
    """Inputs of the first message."""
    on_web: bool
    """True if the conversation was started on the Web API. Each API lists only its own conversations."""
    variables: list[Variable]
    """Conversation variables of a chatflow."""
    pinned: bool = False
    """True if the end user has pinned the conversation."""
    id: str = attrs.field(factory=new_id)
    """Id of the conversation."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last message or change."""
    last_message_at: int = 0
    """Unix time of the last message."""

    @classmethod
    def start(
        cls, name: str, user: str, inputs: dict[str, Json], variables: Mapping[str, Json], *, on_web: bool
    ) -> Conversation:
        """Return a new conversation."""
        kept = [Variable(name=key, value=value) for key, value in variables.items()]
        return cls(name=name, user=user, inputs=inputs, on_web=on_web, variables=kept)

    def as_json(self) -> Json:
        """Return the conversation's JSON, as in the list of conversations."""
        return {
            "id": self.id,
            "name": self.name,
            "inputs": self.inputs,
            "status": "normal",
            "introduction": None,
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at),
        }


@attrs.define(kw_only=True)
class Feedback:
    """Feedback of an end user on a message."""

    rating: str
    """Rating: `like` or `dislike`."""
    content: str | None
    """Comment."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""


@attrs.define(kw_only=True)
class Message:
    """A query and its answer."""

    mode: str
    """Mode of the app."""
    conversation: Conversation | None
    """The conversation. None for a completion."""
    user: str
    """End user who sent the query."""
    inputs: dict[str, Json]
    """Inputs of the app."""
    query: str
    """The query."""
    parent_message_id: str | None = NIL_ID
    """Id of the message that this one follows."""
    answer: str = ""
    """The answer."""
    status: str = "normal"
    """Status: `normal`, `paused` or `error`."""
    error: str | None = None
    """Error message. None if the answer did not fail."""
    metadata: dict[str, Json] = attrs.field(factory=dict[str, Json])
    """Usage and retrieved documents."""
    thoughts: list[dict[str, Json]] = attrs.field(factory=list[dict[str, Json]])
    """Steps of an agent."""
    files: list[dict[str, Json]] = attrs.field(factory=list[dict[str, Json]])
    """Files that were sent with the query."""
    forms: list[FakeForm] = attrs.field(factory=list[FakeForm])
    """Forms that the run of a chatflow has waited for."""
    feedback: Feedback | None = None
    """Feedback of the end user. None without feedback."""
    id: str = attrs.field(factory=new_id)
    """Id of the message."""
    created_at: int = attrs.field(factory=lambda: int(time.time()))
    """Unix time."""

    def _conversation_id(self) -> dict[str, Json]:
        return {} if self.conversation is None else {"conversation_id": self.conversation.id}

    def envelope(self, task_id: str) -> dict[str, Json]:
        """Return the fields that all events of the message contain."""
        ids = {"message_id": self.id, "created_at": self.created_at, "task_id": task_id}
        return {**self._conversation_id(), **ids}

    def blocking(self, task_id: str) -> dict[str, Json]:
        """Return the message's JSON, as in a response in blocking mode."""
        return {
            "event": "message",
            "task_id": task_id,
            "id": self.id,
            "message_id": self.id,
            **self._conversation_id(),
            "mode": self.mode,
            "answer": self.answer,
            "metadata": self.metadata,
            "created_at": self.created_at,
        }

    def saved(self) -> dict[str, Json]:
        """Return the message's JSON, as in the list of saved messages."""
        return {
            "id": self.id,
            "inputs": self.inputs,
            "query": self.query,
            "answer": self.answer,
            "message_files": self.files,
            "feedback": None if self.feedback is None else {"rating": self.feedback.rating},
            "created_at": self.created_at,
        }

    def listed(self) -> dict[str, Json]:
        """Return the message's JSON, as in the history of its conversation."""
        return {
            **self.saved(),
            **self._conversation_id(),
            "parent_message_id": self.parent_message_id,
            "retriever_resources": [],
            "agent_thoughts": self.thoughts,
            "status": self.status,
            "error": self.error,
            "extra_contents": [form.in_message() for form in self.forms],
        }


@attrs.define(kw_only=True)
class Annotation:
    """An answer that a person has given to a question."""

    question: str
    """The question."""
    answer: str
    """The answer."""
    id: str = attrs.field(factory=new_id)
    """Id of the annotation."""
    created_at: int = attrs.field(factory=lambda: int(time.time()))
    """Unix time."""

    def as_json(self) -> Json:
        """Return the annotation's JSON."""
        return {**attrs.asdict(self), "hit_count": 0}
