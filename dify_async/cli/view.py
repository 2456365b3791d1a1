"""How a run is shown: a live tree on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dify_async import events
from dify_async.events import WorkflowEvent
from dify_async.models import NodeStatus, WorkflowResult

_SIGNS: Final = {
    NodeStatus.SUCCEEDED: ("✓", "green"),
    NodeStatus.FAILED: ("✗", "red"),
    NodeStatus.EXCEPTION: ("!", "yellow"),
    NodeStatus.STOPPED: ("■", "yellow"),
}
_SHOWN: Final = 2000
"""Characters of one output that are shown."""


class View(AbstractContextManager["View"], Protocol):
    """What shows a run."""

    def take(self, event: WorkflowEvent) -> None:
        """Show the next event."""

    def conclude(self, result: WorkflowResult) -> None:
        """Show what came of it."""


def view_on(console: Console) -> View:
    """Give the view that suits where the output goes."""
    return _TreeView(console) if console.is_terminal else _PlainView(console)


@attrs.define
class _Line:
    """One execution of a node, as the tree shows it."""

    title: str
    kind: str
    status: NodeStatus | None = None
    note: str = ""
    text: str = ""


class _TreeView:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._heading = "waiting for the run to begin"
        self._lines: dict[str, _Line] = {}
        self._live = Live(self, console=console, refresh_per_second=12, transient=False)
        self._spinner = Spinner("dots")

    def take(self, event: WorkflowEvent) -> None:
        match event:
            case events.WorkflowStarted(data=run):
                self._heading = f"run {run.id}"
            case events.NodeStarted(data=node):
                self._lines[node.id] = _Line(node.title, node.node_type)
            case events.NodeRetry(data=node) if node.id in self._lines:
                self._lines[node.id].note = f"try {node.retry_index + 1}"
            case events.NodeFinished(data=node) if node.id in self._lines:
                line = self._lines[node.id]
                line.status = node.status
                line.note = _note(node)
            case events.TextChunk(data=chunk):
                running = [line for line in self._lines.values() if line.status is None]
                if running:
                    running[-1].text += chunk.text
            case _:
                pass

    def conclude(self, result: WorkflowResult) -> None:
        self._console.print(_summary(result))

    def __rich__(self) -> RenderableType:
        tree = Tree(Text(self._heading, style="bold"), guide_style="dim")
        for line in self._lines.values():
            branch = tree.add(self._label(line))
            if line.text:
                branch.add(Text(line.text.strip(), style="italic"))
        return tree

    def _label(self, line: _Line) -> RenderableType:
        label = Text.assemble(line.title, (f"  {line.kind}", "dim"), (f"  {line.note}", "dim"))
        grid = Table.grid(padding=(0, 1))
        if line.status is None:
            grid.add_row(self._spinner, label)
        else:
            sign, style = _SIGNS.get(line.status, ("?", "yellow"))
            grid.add_row(Text(sign, style=style), label)
        return grid

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


class _PlainView:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._in_text = False

    def take(self, event: WorkflowEvent) -> None:
        match event:
            case events.WorkflowStarted(data=run):
                self._say(f"run {run.id} started")
            case events.NodeStarted(data=node):
                self._say(f"{node.title} ({node.node_type}) started")
            case events.NodeRetry(data=node):
                self._say(f"{node.title}: try {node.retry_index + 1}")
            case events.NodeFinished(data=node):
                self._say(f"{node.title} {node.status}, {_note(node)}")
            case events.TextChunk(data=chunk):
                self._console.out(chunk.text, end="", highlight=False)
                self._in_text = True
            case _:
                pass

    def conclude(self, result: WorkflowResult) -> None:
        for name, value in _facts(result):
            self._say(f"{name}: {value}")

    def _say(self, line: str) -> None:
        if self._in_text:
            self._console.out()
            self._in_text = False
        self._console.out(line, highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _note(node: events.NodeFinishedData) -> str:
    tokens = node.execution_metadata.total_tokens if node.execution_metadata is not None else None
    parts = [f"{node.elapsed_time:.1f} s"]
    if tokens:
        parts.append(f"{tokens} tokens")
    if node.error:
        parts.append(node.error)
    return ", ".join(parts)


def _facts(result: WorkflowResult) -> list[tuple[str, str]]:
    outputs = [(f"outputs.{name}", _shown(value)) for name, value in result.outputs.items()]
    return [
        ("status", str(result.status)),
        *outputs,
        ("tokens", str(result.total_tokens)),
        ("steps", str(result.total_steps)),
        ("time", f"{result.elapsed_time:.1f} s"),
    ]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _summary(result: WorkflowResult) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(result):
        style = "bold green" if name == "status" else ""
        table.add_row(Text(name, style="dim"), Text(value, style=style))
    return Group(Text(), table)
