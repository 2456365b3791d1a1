"""Show the progress of uploads and indexing, on a terminal only."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dify_async.models.indexing import IndexingReport


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """A bar on standard error, which disappears at the end.

    Args:
        what: What is counted.
        total: How many there are. None if it is not known yet.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # Otherwise printed text would go to standard error.
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self) -> None:
        """Count one more."""
        self._bar.advance(self._task)

    def show(self, report: IndexingReport) -> None:
        """Show how many documents are indexed."""
        total = len(report.documents)
        self._bar.update(self._task, total=total, completed=total - len(report.pending))
