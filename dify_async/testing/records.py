"""What a FakeDify keeps: conversations, messages, forms and the rest, as its answers show them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.models._base import as_list
from dify_async.testing.script import Field, Node

SECONDS_OF_A_FORM: Final = 36 * 3600
_NOBODY: Final = str(uuid.UUID(int=0))

_TYPES: Final[dict[type, str]] = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
}


def new_id() -> str:
    """Make an id."""
    return str(uuid.uuid4())


def id_of(name: str) -> str:
    """Give the id that always belongs to a name, such as that of an end user."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def iso(moment: float) -> str:
    """Write a moment as the few operations do that have no numbers: UTC, without saying so."""
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()


def type_of(value: Json) -> str:
    """Give the type of a conversation's variable by its value."""
    if (items := as_list(value)) is not None:
        inner = {type_of(one) for one in items}
        return f"array[{inner.pop() if len(inner) == 1 else 'any'}]"
    kinds = [name for kind, name in _TYPES.items() if isinstance(value, kind)]
    return kinds[0] if kinds else "none"


@attrs.define(kw_only=True)
class Variable:
    """Something that a conversation remembers."""

    name: str
    value: Json
    id: str = attrs.field(factory=new_id)
    created_at: float = attrs.field(factory=time.time)
    updated_at: float = attrs.field(factory=time.time)

    def as_json(self) -> Json:
        """Write it as Dify does: every value as the text that Python makes of it."""
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
    user: str
    inputs: dict[str, Json]
    on_web: bool
    """Whether it began on the Web API: each API lists only its own."""
    variables: list[Variable]
    pinned: bool = False
    id: str = attrs.field(factory=new_id)
    created_at: float = attrs.field(factory=time.time)
    updated_at: float = attrs.field(factory=time.time)

    @classmethod
    def begun(
        cls, name: str, user: str, inputs: dict[str, Json], variables: Mapping[str, Json], *, on_web: bool
    ) -> Conversation:
        """Begin one."""
        kept = [Variable(name=key, value=value) for key, value in variables.items()]
        return cls(name=name, user=user, inputs=inputs, on_web=on_web, variables=kept)

    def as_json(self) -> Json:
        """Write it as the list has it."""
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
    """What an end user thinks of a message."""

    rating: str
    content: str | None
    created_at: float = attrs.field(factory=time.time)


@attrs.define(kw_only=True)
class Message:
    """A question and its answer."""

    mode: str
    conversation: Conversation | None
    """A completion has none."""
    user: str
    inputs: dict[str, Json]
    query: str
    parent_message_id: str | None = _NOBODY
    answer: str = ""
    status: str = "normal"
    error: str | None = None
    metadata: dict[str, Json] = attrs.field(factory=dict[str, Json])
    thoughts: list[dict[str, Json]] = attrs.field(factory=list[dict[str, Json]])
    files: list[dict[str, Json]] = attrs.field(factory=list[dict[str, Json]])
    forms: list[FakeForm] = attrs.field(factory=list["FakeForm"])
    feedback: Feedback | None = None
    id: str = attrs.field(factory=new_id)
    created_at: int = attrs.field(factory=lambda: int(time.time()))

    @property
    def of_conversation(self) -> dict[str, Json]:
        """The id of its conversation, as a part of what is written about it."""
        return {} if self.conversation is None else {"conversation_id": self.conversation.id}

    def envelope(self, task_id: str) -> dict[str, Json]:
        """Write what all events of it carry."""
        ids = {"message_id": self.id, "created_at": self.created_at, "task_id": task_id}
        return {**self.of_conversation, **ids}

    def blocking(self, task_id: str) -> dict[str, Json]:
        """Write it as the answer in one piece."""
        return {
            "event": "message",
            "task_id": task_id,
            "id": self.id,
            "message_id": self.id,
            **self.of_conversation,
            "mode": self.mode,
            "answer": self.answer,
            "metadata": self.metadata,
            "created_at": self.created_at,
        }

    def saved(self) -> dict[str, Json]:
        """Write it as the list of saved messages has it."""
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
        """Write it as the history of its conversation has it."""
        return {
            **self.saved(),
            **self.of_conversation,
            "parent_message_id": self.parent_message_id,
            "retriever_resources": [],
            "agent_thoughts": self.thoughts,
            "status": self.status,
            "error": self.error,
            "extra_contents": [form.in_message() for form in self.forms],
        }


@attrs.define(kw_only=True)
class FakeForm:
    """A form that a run waits for."""

    run_id: str
    node: Node
    user: str
    """Who started the run."""
    status: str = "open"
    """`open`, `submitted` or `expired`."""
    inputs: dict[str, Json] = attrs.field(factory=dict[str, Json])
    action: str = ""
    id: str = attrs.field(factory=new_id)
    token: str = attrs.field(factory=lambda: uuid.uuid4().hex[:22])
    upload_token: str = attrs.field(factory=lambda: f"hitl_upload_{uuid.uuid4().hex}")
    expiration_time: int = attrs.field(factory=lambda: int(time.time()) + SECONDS_OF_A_FORM)

    @property
    def rendered(self) -> str:
        """Its text with what was filled in."""
        text = self.node.form or ""
        for name, value in self.inputs.items():
            text = text.replace(f"{{{{#$output.{name}#}}}}", str(value))
        return text

    def _contents(self, actions: str) -> dict[str, Json]:
        styles = ["primary", *["default"] * len(self.node.form_actions)]
        return {
            "form_content": self.node.form,
            "inputs": [_form_input(field) for field in self.node.form_fields],
            actions: [
                {"id": key, "title": title, "button_style": style}
                for (key, title), style in zip(self.node.form_actions.items(), styles, strict=False)
            ],
            "resolved_default_values": {},
            "expiration_time": self.expiration_time,
        }

    def definition(self) -> dict[str, Json]:
        """Write it as whoever is to fill it in reads it."""
        return self._contents("user_actions")

    def reason(self) -> dict[str, Json]:
        """Write it as the reason of a pause."""
        return {
            "form_id": self.id,
            **self._contents("actions"),
            "node_id": self.node.id,
            "node_title": self.node.title,
            "form_token": self.token,
        }

    def filled(self) -> dict[str, Json]:
        """Write what was filled in."""
        return {
            "node_id": self.node.id,
            "node_title": self.node.title,
            "rendered_content": self.rendered,
            "action_id": self.action,
            "action_text": self.node.form_actions[self.action],
            "submitted_data": self.inputs,
        }

    def outputs(self) -> dict[str, Json]:
        """Give the outputs of its node."""
        return {
            **self.inputs,
            "__action_id": self.action,
            "__rendered_content": self.rendered,
            "__action_value": self.node.form_actions[self.action],
        }

    def in_message(self) -> dict[str, Json]:
        """Write it as a message of a chatflow has it."""
        submitted = self.status == "submitted"
        return {
            "workflow_run_id": self.run_id,
            "submitted": submitted,
            "form_definition": {**self.reason(), "display_in_ui": True},
            "form_submission_data": self.filled() if submitted else None,
            "type": "human_input",
        }


def _form_input(field: Field) -> dict[str, Json]:
    written: dict[str, Json] = {"output_variable_name": field.variable, "type": field.kind}
    if field.kind == "paragraph":
        return {**written, "default": None}
    if field.kind == "select":
        source = {"type": "constant", "selector": [], "value": list(field.options)}
        return {**written, "option_source": source}
    written |= {
        "allowed_file_types": list(field.allowed_file_types),
        "allowed_file_extensions": list(field.allowed_file_extensions),
        "allowed_file_upload_methods": ["local_file", "remote_url"],
    }
    return written if field.kind == "file" else {**written, "number_limits": field.max_length or 5}


@attrs.define(kw_only=True)
class Annotation:
    """An answer that a person has given for a question."""

    question: str
    answer: str
    id: str = attrs.field(factory=new_id)
    created_at: int = attrs.field(factory=lambda: int(time.time()))

    def as_json(self) -> Json:
        """Write it as Dify does."""
        return {**attrs.asdict(self), "hit_count": 0}


@attrs.define(kw_only=True)
class Login:
    """A login to the server: what an app that is not public asks for before it gives a passport."""

    token: str = attrs.field(repr=False)
    user: str
    """The e-mail of an account, or the name at the other end of a single sign-on."""
    internal: bool
    """Whether the user has an account of the server."""


@attrs.define(kw_only=True)
class Passport:
    """What lets one end user use one web app."""

    token: str = attrs.field(repr=False)
    session_id: str
    """The end user, as the Service API would call it."""
    app_code: str
    expires_at: float | None
    login: Login | None
    """Of whom it was issued to, where the app was not public."""
    valid: bool = True


@attrs.define(kw_only=True)
class Challenge:
    """A code that was sent by e-mail, and what it is for."""

    email: str
    code: str
    purpose: str
    wrong_codes: int = 0
