"""Scripts for a fake server: the served app, its form, its nodes and its answers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import attrs

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models.messages import Usage
from dify_async.testing import validators

Outputs: TypeAlias = Mapping[str, Json] | Callable[[dict[str, Json]], Mapping[str, Json]]
"""Outputs of a run, or a function that returns them for the inputs."""

Answer: TypeAlias = str | Sequence[str] | Callable[[str, dict[str, Json]], str | Sequence[str]]
"""The pieces of an answer, or a function that returns them for the query and the inputs."""

_KINDS: Final = (
    "text-input",
    "paragraph",
    "select",
    "number",
    "checkbox",
    "json_object",
    "file",
    "file-list",
)


def _texts(value: Sequence[str]) -> Sequence[str]:
    """Convert a str to a sequence of one piece. Otherwise it would be a sequence of letters."""
    return (value,) if isinstance(value, str) else value


def _texts_or_none(value: Sequence[str] | None) -> Sequence[str] | None:
    return None if value is None else _texts(value)


def _texts_or_function(value: Answer) -> Answer:
    return value if callable(value) else _texts(value)


def _usage_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Usage):
        raise ConfigurationError(
            f"`{attribute.name}` must be a dify_async.models.Usage, got {type(value).__name__}"
        )


def _callable_with(*arguments: str) -> Any:
    """Check that a function accepts these arguments; other values are not checked."""

    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not callable(value):
            return
        try:
            signature = inspect.signature(value)
        except ValueError:
            return  # Builtins such as `dict` have no signature.
        try:
            signature.bind(*arguments)
        except TypeError:
            wanted = f"{len(arguments)} argument{'s' * (len(arguments) > 1)} ({' and '.join(arguments)})"
            raise ConfigurationError(
                f"`{attribute.name}` must be a function of {wanted}, got one of {signature}"
            ) from None

    return check


def _list_of(kind: str) -> Any:
    """Check that a value is a list of scripts such as `Node`."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, Sequence):
            got = [f"one {type(value).__name__}"]
        else:
            names = [type(item).__name__ for item in cast("Sequence[object]", value)]
            got = [name for name in names if name != kind]
        if got:
            raise ConfigurationError(f"`{attribute.name}` must be a list of {kind}, got {got[0]}")

    return check


def _check_outputs(instance: object, attribute: attrs.Attribute[Any], value: Outputs) -> None:
    if callable(value):
        _callable_with("inputs")(instance, attribute, value)
    else:
        _json_outputs(value, "`outputs`")


def _json_outputs(outputs: Mapping[str, Json], name: str) -> dict[str, Json]:
    try:
        found = dict(outputs)
        json.dumps(found)
    except (TypeError, ValueError) as exc:
        raise ConfigurationError(f"{name} must be a dict of JSON values: {exc}") from None
    return found


@attrs.frozen
class Field:
    """A field of the app's form. The server validates inputs against it, as Dify does."""

    variable: str
    """Name of the input."""
    kind: str = attrs.field(default="text-input", validator=validators.one_of(*_KINDS))
    """`text-input`, `paragraph`, `select`, `number`, `checkbox`, `json_object`, `file`, `file-list`."""
    required: bool = attrs.field(default=False, kw_only=True)
    """True if a run without this input is rejected."""
    options: Sequence[str] = attrs.field(default=(), converter=_texts, kw_only=True)
    """The values that a `select` accepts."""
    max_length: int | None = attrs.field(default=None, kw_only=True)
    """Maximum number of characters of a text, or of files in a list. None for no limit."""
    label: str | None = attrs.field(default=None, kw_only=True)
    """Label shown to people; the variable's name by default."""
    allowed_file_types: Sequence[str] = attrs.field(default=(), converter=_texts, kw_only=True)
    """Accepted kinds of files, such as `image`; all by default."""
    allowed_file_extensions: Sequence[str] = attrs.field(default=(), converter=_texts, kw_only=True)
    """Accepted extensions of the kind `custom`, with the dot."""


@attrs.frozen
class Node:
    """A node of a workflow. Nodes run one after another."""

    title: str
    """Title of the node, from which its id is derived."""
    type: str = attrs.field(default="code", kw_only=True)
    """Type of the node, such as `llm`."""
    text: Sequence[str] = attrs.field(default=(), converter=_texts, kw_only=True)
    """Pieces of text that are streamed while the node runs."""
    reasoning: Sequence[str] = attrs.field(default=(), converter=_texts, kw_only=True)
    """Pieces of reasoning that are streamed before the text: as `reasoning_chunk` events since Dify 1.16, in
    `<think>` tags on older versions."""
    outputs: Mapping[str, Json] = attrs.field(factory=dict[str, Json], kw_only=True)
    """Outputs of the node."""
    seconds: float = attrs.field(default=0.0, validator=validators.seconds, kw_only=True)
    """Duration, spread evenly over the pieces of text."""
    tokens: int = attrs.field(default=0, kw_only=True)
    """Tokens that the node uses."""
    usage: Usage | None = attrs.field(default=None, validator=_usage_or_none, kw_only=True)
    """Tokens and prices of the node, instead of `tokens`. None for `tokens` at no price."""
    error: str | None = attrs.field(default=None, kw_only=True)
    """Error message: the node and the run fail. None if the node succeeds."""
    caught: bool = attrs.field(default=False, kw_only=True)
    """True if an error strategy handles the failure: the run continues and ends as `partial-succeeded`."""
    retries: int = attrs.field(default=0, kw_only=True)
    """Number of times the workflow retries the node before it succeeds or fails."""
    form: str | None = attrs.field(default=None, kw_only=True)
    """Text of a form: the run pauses here until a person submits it. None for no form."""
    form_fields: Sequence[Field] = attrs.field(default=(Field("comment", "paragraph"),), kw_only=True)
    """Fields of the form, of the kinds `paragraph`, `select`, `file` and `file-list`."""
    form_actions: Mapping[str, str] = attrs.field(
        default={"approve": "Approve", "reject": "Reject"}, kw_only=True
    )
    """Labels of the form's buttons by id."""

    @property
    def id(self) -> str:
        """Id of the node in the workflow."""
        return "-".join(self.title.lower().split())


@attrs.frozen(kw_only=True)
class Workflow:
    """A workflow or chatflow: its form, its nodes, its outputs.

    By default it has three nodes, and its outputs are its inputs. With `mode="advanced-chat"` it is a
    chatflow: the text of its nodes is its answer.
    """

    mode: str = attrs.field(default="workflow", validator=validators.one_of("workflow", "advanced-chat"))
    """`workflow`, or `advanced-chat` for a chatflow."""
    nodes: Sequence[Node] = attrs.field(
        default=(
            Node("Start", type="start"),
            Node("Echo", text=("Hello, ", "world"), tokens=7),
            Node("End", type="end"),
        ),
        validator=_list_of("Node"),
    )
    """The nodes, in the order in which they run."""
    outputs: Outputs = attrs.field(default=dict, validator=_check_outputs)
    """Outputs of a run, or a function that returns them for the inputs."""
    form: Sequence[Field] = attrs.field(default=(), validator=_list_of("Field"))
    """Fields of the app's form. Without any, all inputs are accepted."""
    variables: Mapping[str, Json] = attrs.field(factory=dict[str, Json])
    """Conversation variables of a chatflow, with their initial values."""
    suggested: Sequence[str] | None = attrs.field(default=None, converter=_texts_or_none)
    """Questions that a chatflow suggests after an answer; None if that feature is off."""

    def outputs_for(self, inputs: dict[str, Json]) -> dict[str, Json]:
        """Return the outputs of a run with these inputs."""
        if callable(self.outputs):
            return _json_outputs(self.outputs(inputs), "the result of `outputs`")
        return dict(self.outputs)


@attrs.frozen
class Thought:
    """A step of an agent before the answer."""

    thought: str
    """The agent's reasoning in this step."""
    tool: str = ""
    """Name of the tool that the agent uses; empty for none."""
    tool_input: str = ""
    """Arguments of the tool, as JSON text."""
    observation: str = ""
    """Result of the tool."""


@attrs.frozen
class RateLimit:
    """The model provider's rate limit, reported as the server's version reports it."""

    message: str = "Rate limit exceeded, slow down"
    """The provider's message."""


@attrs.frozen(kw_only=True)
class _Answering:
    """Settings of all apps that answer with text."""

    mode: str
    """Mode of the app."""
    answer: Answer = attrs.field(
        default=("Hello, ", "world"),
        converter=_texts_or_function,
        validator=_callable_with("query", "inputs"),
    )
    """The answer as one str or in pieces, or a function that returns it for the query and the inputs."""
    seconds: float = attrs.field(default=0.0, validator=validators.seconds)
    """Duration, spread evenly over the pieces of the answer."""
    replaced: str | None = None
    """Text that replaces the answer after its last piece, as moderation does. None for no replacement."""
    error: tuple[int, str, str] | RateLimit | None = None
    """Status, code and message, or a `RateLimit`: the model fails after the last piece. None for no error."""
    usage: Usage | None = attrs.field(default=None, validator=_usage_or_none)
    """Tokens and price of the answer; by default one token for each piece, at no price."""
    speech: bytes | None = None
    """Audio that is sent after the answer, as with autoplay. None for no audio."""
    form: Sequence[Field] = attrs.field(default=(), validator=_list_of("Field"))
    """Fields of the app's form. Without any, all inputs are accepted."""
    end_of_body: bool = True
    """False if the stream stays open after its last event, as behind some proxies."""

    def pieces_for(self, query: str, inputs: dict[str, Json]) -> Sequence[str]:
        """Return the pieces of the answer to a query."""
        return _texts(self.answer(query, inputs) if callable(self.answer) else self.answer)


@attrs.frozen(kw_only=True)
class Chat(_Answering):
    """A chat app, or an agent."""

    mode: str = attrs.field(default="chat", validator=validators.one_of("chat", "agent-chat"))
    """`chat`, or `agent-chat` for an agent."""
    thoughts: Sequence[Thought] = attrs.field(default=(), validator=_list_of("Thought"))
    """Steps of an agent before it answers."""
    suggested: Sequence[str] | None = attrs.field(default=None, converter=_texts_or_none)
    """Questions that are suggested after an answer; None if that feature is off."""


@attrs.frozen(kw_only=True)
class Completion(_Answering):
    """A completion app."""

    mode: str = attrs.field(default="completion", validator=validators.one_of("completion"))
    """`completion`."""
    more: Sequence[str] | None = attrs.field(default=("More ", "like this"), converter=_texts_or_none)
    """Pieces of another answer like a given one; None if that feature is off."""


App: TypeAlias = Workflow | Chat | Completion
"""An app that a fake server can serve."""
