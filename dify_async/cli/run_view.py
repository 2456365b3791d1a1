"""Show a run: a live tree on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import attrs
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dify_async import events
from dify_async._text import printable, printable_lines
from dify_async._wire.parts import PartSplitter
from dify_async._wire.reasoning import split_answer
from dify_async.cli.output import seconds, shown
from dify_async.cli.view import View
from dify_async.events import WorkflowEvent
from dify_async.models.parts import ReasoningPart, TextPart
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import NodeStatus

_SYMBOLS: Final = {
    NodeStatus.SUCCEEDED: ("✓", "green"),
    NodeStatus.FAILED: ("✗", "red"),
    NodeStatus.EXCEPTION: ("!", "yellow"),
    NodeStatus.STOPPED: ("■", "yellow"),
}


def view_on(console: Console, *, reasoning: bool = False) -> View:
    """Return the view for a terminal, or for other output.

    Args:
        console: Where to show the run.
        reasoning: True to show the reasoning of models too.
    """
    view = _TreeView if console.is_terminal else _PlainView
    return view(console, _Shown(reasoning=reasoning))


class _Shown:
    """Selects the text of a run that is shown.

    Args:
        reasoning: True to show reasoning too.
    """

    def __init__(self, *, reasoning: bool) -> None:
        self._splitter = PartSplitter()
        self._reasoning = reasoning

    def text_of(self, event: WorkflowEvent) -> str:
        """Return the text that is known after the next event."""
        return self._selected(self._splitter.feed(event))

    def rest(self) -> str:
        """Return the text that was held back; the run is over."""
        return self._selected(self._splitter.close())

    def facts(self, result: WorkflowResult) -> list[tuple[str, str]]:
        """Return the result as names and values; the outputs without reasoning."""
        outputs = [
            (f"outputs.{name}", shown(split_answer(value)[1] if isinstance(value, str) else value))
            for name, value in result.outputs.items()
        ]
        reasoning = [("reasoning", shown(result.reasoning))] if self._reasoning and result.reasoning else []
        return [
            ("status", str(result.status)),
            *reasoning,
            *outputs,
            ("tokens", shown(result.total_tokens)),
            ("steps", shown(result.total_steps)),
            ("time", f"{seconds(result.elapsed_time)} s"),
        ]

    def _selected(self, parts: Sequence[TextPart | ReasoningPart]) -> str:
        return "".join(part.text for part in parts if self._reasoning or isinstance(part, TextPart))


@attrs.define
class _Line:
    """One execution of a node in the tree."""

    title: str
    kind: str
    status: NodeStatus | None = None
    note: str = ""
    text: str = ""


class _TreeView:
    def __init__(self, console: Console, shown_text: _Shown) -> None:
        self._console = console
        self._shown = shown_text
        self._heading = "waiting for the run to start"
        self._lines: dict[str, _Line] = {}
        self._live = Live(self, console=console, refresh_per_second=12, transient=False)
        self._spinner = Spinner("dots")

    def take(self, event: WorkflowEvent) -> None:
        match event:
            case events.WorkflowStarted(data=run):
                self._heading = printable(f"run {run.id}")
            case events.NodeStarted(data=node):
                self._lines[node.id] = _Line(printable(str(node.title)), printable(str(node.node_type)))
            case events.NodeRetry(data=node) if node.id in self._lines:
                self._lines[node.id].note = _attempt(node)
            case events.NodeFinished(data=node) if node.id in self._lines:
                line = self._lines[node.id]
                line.status = node.status
                line.note = _note(node)
            case _:
                self._write(self._shown.text_of(event))

    def conclude(self, result: WorkflowResult) -> None:
        """Show the result."""
        self._console.print(_summary(self._shown.facts(result)))

    def _write(self, text: str) -> None:
        running = [line for line in self._lines.values() if line.status is None]
        if running:
            running[-1].text += printable_lines(text)

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
            symbol, style = _SYMBOLS.get(line.status, ("?", "yellow"))
            grid.add_row(Text(symbol, style=style), label)
        return grid

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


class _PlainView:
    def __init__(self, console: Console, shown_text: _Shown) -> None:
        self._console = console
        self._shown = shown_text
        self._in_text = False

    def take(self, event: WorkflowEvent) -> None:
        match event:
            case events.WorkflowStarted(data=run):
                self._say(printable(f"run {run.id} started"))
            case events.NodeStarted(data=node):
                self._say(printable(f"{node.title} ({node.node_type}) started"))
            case events.NodeRetry(data=node):
                self._say(printable(f"{node.title}: {_attempt(node)}"))
            case events.NodeFinished(data=node):
                self._say(printable(f"{node.title} {node.status}, {_note(node)}"))
            case _:
                self._write(self._shown.text_of(event))

    def conclude(self, result: WorkflowResult) -> None:
        for name, value in self._shown.facts(result):
            self._say(f"{name}: {value}")

    def _write(self, text: str) -> None:
        if text:
            self._console.out(printable_lines(text), end="", highlight=False)
            self._in_text = True

    def _end_text(self) -> None:
        if self._in_text:
            self._console.out()
            self._in_text = False

    def _say(self, line: str) -> None:
        self._end_text()
        self._console.out(printable_lines(line), highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write(self._shown.rest())
        self._end_text()


def _note(node: events.NodeFinishedData) -> str:
    tokens = node.execution_metadata.total_tokens if node.execution_metadata is not None else None
    parts = [f"{seconds(node.elapsed_time)} s"]
    if tokens:
        parts.append(f"{shown(tokens)} tokens")
    if node.error:
        parts.append(str(node.error))
    return printable(", ".join(parts))


def _attempt(node: events.NodeRetryData) -> str:
    retry: object = node.retry_index
    return f"attempt {retry + 1}" if isinstance(retry, int) else "another attempt"


def _summary(facts: Sequence[tuple[str, str]]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, value in facts:
        style = "bold green" if name == "status" else ""
        table.add_row(Text(printable_lines(name), style="dim"), Text(printable_lines(value), style=style))
    return Group(Text(), table)
