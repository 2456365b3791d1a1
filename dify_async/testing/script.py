"""What a FakeDify is told to do: the app that it serves, and the faults it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from dify_async._types import Json

Outputs: TypeAlias = Mapping[str, Json] | Callable[[dict[str, Json]], Mapping[str, Json]]
"""Outputs as they are, or made from the inputs of the run."""

Pieces: TypeAlias = Sequence[str] | Callable[[str, dict[str, Json]], Sequence[str]]
"""The pieces of an answer as they are, or made from the query and the inputs."""


@attrs.frozen
class Field:
    """A field of the app's form. The server checks inputs against it, as Dify does."""

    variable: str
    kind: str = "text-input"
    """`text-input`, `paragraph`, `select`, `number`, `checkbox`, `json_object`, `file`, `file-list`."""
    required: bool = attrs.field(default=False, kw_only=True)
    options: Sequence[str] = attrs.field(default=(), kw_only=True)
    max_length: int | None = attrs.field(default=None, kw_only=True)
    """Characters of a text, or files of a list."""
    label: str | None = attrs.field(default=None, kw_only=True)
    allowed_file_types: Sequence[str] = attrs.field(default=(), kw_only=True)
    allowed_file_extensions: Sequence[str] = attrs.field(default=(), kw_only=True)
    """Those of the type `custom`, with the dot."""


@attrs.frozen
class Node:
    """A node of the workflow. They run one after another."""

    title: str
    type: str = attrs.field(default="code", kw_only=True)
    text: Sequence[str] = attrs.field(default=(), kw_only=True)
    """Pieces that stream as text while the node runs."""
    outputs: Mapping[str, Json] = attrs.field(factory=dict[str, Json], kw_only=True)
    seconds: float = attrs.field(default=0.0, kw_only=True)
    """How long it takes, spread over its pieces of text."""
    tokens: int = attrs.field(default=0, kw_only=True)
    error: str | None = attrs.field(default=None, kw_only=True)
    """It fails with this text, and the run with it."""
    caught: bool = attrs.field(default=False, kw_only=True)
    """An error strategy catches its failure: the run goes on, and ends as partial-succeeded."""
    retries: int = attrs.field(default=0, kw_only=True)
    """How often it is tried again by the workflow's own rule, before it succeeds or fails."""
    form: str | None = attrs.field(default=None, kw_only=True)
    """It waits for a person, with this text as its form: the run pauses here until the form is submitted."""
    form_fields: Sequence[Field] = attrs.field(default=(Field("comment", "paragraph"),), kw_only=True)
    """Of the kinds `paragraph`, `select`, `file` and `file-list`."""
    form_actions: Mapping[str, str] = attrs.field(
        default={"approve": "Approve", "reject": "Reject"}, kw_only=True
    )
    """The buttons of the form: their ids and what stands on them."""

    @property
    def id(self) -> str:
        """Its id in the workflow."""
        return "-".join(self.title.lower().split())


@attrs.frozen(kw_only=True)
class Workflow:
    """An app of nodes: its form, its nodes, its outputs.

    Without nodes of your own it has three, and outputs its inputs. With the mode `advanced-chat` it is a
    chatflow: the text of its nodes is its answer, and all that it outputs.
    """

    mode: str = "workflow"

    nodes: Sequence[Node] = (
        Node("Start", type="start"),
        Node("Echo", text=("Hello, ", "world"), tokens=7),
        Node("End", type="end"),
    )
    outputs: Outputs = attrs.field(default=dict)
    form: Sequence[Field] = ()
    variables: Mapping[str, Json] = attrs.field(factory=dict[str, Json])
    """What each conversation with a chatflow remembers, as it begins."""
    suggested: Sequence[str] | None = None
    """The questions that a chatflow suggests after an answer; None where that is switched off."""

    def outputs_for(self, inputs: dict[str, Json]) -> dict[str, Json]:
        """Give what a run with these inputs puts out."""
        return dict(self.outputs(inputs) if callable(self.outputs) else self.outputs)


@attrs.frozen
class Thought:
    """A step of an agent on its way to the answer."""

    thought: str
    tool: str = ""
    tool_input: str = ""
    """JSON text."""
    observation: str = ""


@attrs.frozen(kw_only=True)
class Answering:
    """What the apps that answer with a text share. Give a FakeDify a `Chat` or a `Completion`."""

    mode: str
    answer: Pieces = ("Hello, ", "world")
    seconds: float = 0.0
    """How long the answer takes, spread over its pieces."""
    replaced: str | None = None
    """A moderator puts this text in place of the answer, after its last piece."""
    error: tuple[int, str, str] | None = None
    """Status, code and message: the model fails after the last piece."""
    speech: bytes | None = None
    """The answer is also spoken, unasked."""
    form: Sequence[Field] = ()
    end_of_body: bool = True
    """Whether the stream ends after its last event; behind some proxies it stays open."""

    def pieces_for(self, query: str, inputs: dict[str, Json]) -> Sequence[str]:
        """Give the pieces of an answer."""
        return self.answer(query, inputs) if callable(self.answer) else self.answer


@attrs.frozen(kw_only=True)
class Chat(Answering):
    """An app of the mode `chat` or `agent-chat`."""

    mode: str = "chat"
    thoughts: Sequence[Thought] = ()
    """What an agent thinks before it answers."""
    suggested: Sequence[str] | None = None
    """The questions that it suggests after an answer; None where that is switched off."""


@attrs.frozen(kw_only=True)
class Completion(Answering):
    """An app of the mode `completion`."""

    mode: str = "completion"
    more: Sequence[str] | None = ("More ", "like this")
    """The pieces of another answer like one that was given; None where that is switched off."""


App: TypeAlias = Workflow | Chat | Completion


@attrs.frozen(kw_only=True)
class Fault:
    """Something that goes wrong with a request. Append them to `FakeDify.faults`.

    Each is met `times` times, by the next requests whose method and path hold `on`; without `on` by the next
    start of a run.
    """

    on: str | None = None
    times: int = 1

    def meets(self, method: str, path: str) -> bool:
        """Say whether a request is to meet it."""
        if self.on is None:
            return method == "POST" and path.endswith(("/run", "/chat-messages", "/completion-messages"))
        return self.on in f"{method} {path}"


@attrs.frozen(kw_only=True)
class Refuse(Fault):
    """The request is answered with this instead."""

    status: int
    code: str = "internal_server_error"
    message: str = ""
    body: bytes | None = None
    """The whole body, where it is not Dify's JSON: a page of a proxy for example."""
    content_type: str = "text/html"
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen(kw_only=True)
class Drop(Fault):
    """The connection is closed without an answer, after the request was read; a run has begun or not."""

    after_start: bool = False


@attrs.frozen(kw_only=True)
class Cut(Fault):
    """The stream ends early: after so many bytes, or so many events. The run goes on."""

    at_byte: int | None = None
    after_events: int | None = None
    how: str = "abort"
    """`abort`: the connection is closed without the last chunk, as when the server dies. `reset`: with a TCP
    reset. `end`: the body ends as if all had been sent."""


@attrs.frozen(kw_only=True)
class Silence(Fault):
    """After so many events nothing more comes, not even pings, and the connection stays open."""

    after_events: int = 0


@attrs.frozen(kw_only=True)
class Delay(Fault):
    """The answer begins so many seconds late."""

    seconds: float
