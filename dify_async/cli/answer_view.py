"""Show the answer of a chat or completion app while it arrives."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from dify_async import events
from dify_async._text import printable, printable_lines
from dify_async._wire.parts import PartSplitter
from dify_async.cli.output import say
from dify_async.models.parts import ReasoningPart, TextPart
from dify_async.models.results import CompletionResult


class AnswerView:
    """Prints the text to standard output, and everything else to standard error."""

    def __init__(self, *, reasoning: bool) -> None:
        self._parts = PartSplitter()
        self._shows_reasoning = reasoning
        self._line = ""  # Text printed since the last line break.
        self._reasons = False  # True if the text is reasoning.
        self._agent_wrote = False

    def take(self, event: Any) -> None:
        """Show the next event."""
        match event:
            case events.Message() if self._agent_wrote:
                pass  # The event repeats the whole answer (Dify 1.17).
            case events.AgentThought(tool=str(tool)) if tool and not event.observation:
                self._end_line()
                say(f"calls {printable(tool)} {printable(event.tool_input)}".rstrip())
            case events.MessageReplace():
                self._end_line()
                say("the server replaces the answer:")
                self._reasons = False
                self._print(event.answer)
            case events.NodeFinished(data=node) if node.error:
                self._end_line()
                say(f"{node.title} {node.status}: {node.error}")
            case _:
                self._agent_wrote |= isinstance(event, events.AgentMessage)
                self._show(self._parts.feed(event))

    def conclude(self, result: CompletionResult) -> None:
        """Name the files of the answer."""
        for file in result.files:
            say(f"file {file.filename or file.id}: {file.url}")

    def _show(self, parts: Sequence[TextPart | ReasoningPart]) -> None:
        for part in parts:
            reasons = isinstance(part, ReasoningPart)
            if reasons and not self._shows_reasoning:
                continue
            if reasons is not self._reasons:
                self._end_line()
                self._reasons = reasons
            self._print(part.text)

    def _print(self, text: str) -> None:
        if text:
            print(printable_lines(text), end="", file=self._stream, flush=True)
            self._line = f"{self._line}{text}".rpartition("\n")[2]

    def _end_line(self) -> None:
        if self._line:
            print(file=self._stream, flush=True)
            self._line = ""

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self._reasons else sys.stdout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show(self._parts.close())
        self._end_line()
