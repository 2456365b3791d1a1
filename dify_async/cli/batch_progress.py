"""Show the progress of a batch: a live display on a terminal, a plain log elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dify_async._text import printable, shortened
from dify_async.batch import Batch, Outcome
from dify_async.cli.terms import in_terms_of_the_command

_LONGEST_ERROR: Final = 400
"""Characters of an error that are shown."""
_LOG_EVERY: Final = 10.0
"""Seconds between two lines of the log about the progress."""


class Progress(AbstractContextManager["Progress"], Protocol):
    """Shows a batch."""

    def take(self, outcome: Outcome[Any], number: int) -> None:
        """Show the next outcome, of the row with a number."""


def progress_on(batch: Batch[Any, Any], rows: int, *, live: bool) -> Progress:
    """Return the display for the standard error stream."""
    console, state = Console(stderr=True), _State(batch, rows)
    return _LiveDisplay(console, state) if live and console.is_terminal else _Log(console, state)


def problem_of(outcome: Outcome[Any], number: int) -> str:
    """Return one line about a failed row; the results have the whole error."""
    return f"row {number} {reason_of(outcome)}"


def reason_of(outcome: Outcome[Any]) -> str:
    """Return the status and the error of a failed row, in one line of a reasonable length."""
    why = shortened(printable(in_terms_of_the_command(str(outcome.error))), _LONGEST_ERROR)
    return f"{printable(outcome.status)}: {why}"


class _State:
    """The progress of a batch."""

    def __init__(self, batch: Batch[Any, Any], rows: int) -> None:
        self._batch = batch
        self.rows = rows
        self._began = time.monotonic()
        self._known = 0  # Rows that an earlier batch has finished.

    @property
    def done(self) -> int:
        return self._batch.totals.rows

    def note(self, outcome: Outcome[Any]) -> None:
        self._known += outcome.ok and outcome.resumed

    def line(self) -> str:
        """Return the progress, and the time it will still take."""
        totals = self._batch.totals
        rate = (totals.rows - self._known) / max(time.monotonic() - self._began, 0.001)
        parts = [
            f"{totals.ok} done",
            f"{totals.rows - totals.ok} failed",
            f"{self._batch.in_flight} in flight",
            f"{rate:.1f} rows/s",
            f"{totals.tokens:,} tokens",
        ]
        if rate > 0 and totals.rows < self.rows:
            parts.append(f"{_clock((self.rows - totals.rows) / rate)} left")
        return ", ".join(parts)


class _LiveDisplay:
    def __init__(self, console: Console, state: _State) -> None:
        self._console = console
        self._state = state
        self._live = Live(
            get_renderable=self._shown, console=console, refresh_per_second=8, redirect_stdout=False
        )

    def take(self, outcome: Outcome[Any], number: int) -> None:
        self._state.note(outcome)
        if not outcome.ok:
            self._console.print(
                Text(problem_of(outcome, number), style="red", overflow="ellipsis"), no_wrap=True
            )

    def _shown(self) -> RenderableType:
        state = self._state
        shown = Table.grid()
        shown.add_row(ProgressBar(total=state.rows, completed=state.done))
        shown.add_row(Text(f"{state.done} of {state.rows} rows: {state.line()}"))
        return shown

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


class _Log:
    def __init__(self, console: Console, state: _State) -> None:
        self._console = console
        self._state = state
        self._logged_at = time.monotonic()

    def take(self, outcome: Outcome[Any], number: int) -> None:
        self._state.note(outcome)
        if not outcome.ok:
            self._say(problem_of(outcome, number))
        if time.monotonic() - self._logged_at >= _LOG_EVERY:
            self._log_progress()

    def _log_progress(self) -> None:
        self._logged_at = time.monotonic()
        self._say(f"{self._state.done} of {self._state.rows} rows: {self._state.line()}")

    def _say(self, line: str) -> None:
        self._console.out(line, highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log_progress()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
