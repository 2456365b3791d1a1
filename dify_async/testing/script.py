"""What a FakeDify is told to do: the app it serves, and the faults it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from dify_async._types import Json

Outputs: TypeAlias = Mapping[str, Json] | Callable[[dict[str, Json]], Mapping[str, Json]]
"""Outputs as they are, or made from the inputs of the run."""


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
    """It waits for a person, with this text as its form: the run pauses here."""

    @property
    def id(self) -> str:
        """Its id in the workflow."""
        return "-".join(self.title.lower().split())


@attrs.frozen(kw_only=True)
class Workflow:
    """The app: its form, its nodes, its outputs.

    Without nodes of your own it has three, and outputs its inputs.
    """

    nodes: Sequence[Node] = (
        Node("Start", type="start"),
        Node("Echo", text=("Hello, ", "world"), tokens=7),
        Node("End", type="end"),
    )
    outputs: Outputs = attrs.field(default=dict)
    form: Sequence[Field] = ()

    def outputs_for(self, inputs: dict[str, Json]) -> dict[str, Json]:
        """Give what a run with these inputs puts out."""
        return dict(self.outputs(inputs) if callable(self.outputs) else self.outputs)


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
            return method == "POST" and path.endswith("/run")
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
