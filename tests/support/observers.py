"""An observer that records its notifications."""

from __future__ import annotations

import asyncio
from typing import Any

from dify_async.observer import BatchRow, Call, Observer, Run


class Notes(Observer):
    """Keeps the names of methods, with the operation or the event, in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._news = asyncio.Event()
        self.calls: list[Call] = []
        self.runs: list[Run] = []
        self.rows: list[tuple[BatchRow, Any]] = []
        self.errors: list[BaseException | None] = []
        self.delays: list[float | None] = []

    async def until(self, text: str) -> None:
        """Wait until a method is called."""
        while text not in self.texts:
            self._news.clear()
            await self._news.wait()

    def _note(self, text: str) -> None:
        self.texts.append(text)
        self._news.set()

    def of(self, *names: str) -> list[str]:
        """Return the recorded calls of methods with these prefixes."""
        return [one for one in self.texts if one.startswith(names)]

    def operation_started(self, call: Call) -> None:
        self._note(f"operation_started {call.operation}")

    def operation_ended(self, call: Call, error: BaseException | None) -> None:
        self._note(f"operation_ended {call.operation}")
        self.calls.append(call)
        self.errors.append(error)

    def attempt_failed(self, call: Call, error: BaseException, delay: float | None) -> None:
        self._note(f"attempt_failed {type(error).__name__} {call.attempts}")
        self.delays.append(delay)

    def run_opening(self, run: Run) -> None:
        self._note(f"run_opening {run.operation}")

    def run_opened(self, run: Run) -> None:
        self._note("run_opened")

    def run_event(self, run: Run, event: Any) -> None:
        self._note(f"run_event {event.event}")

    def run_paused(self, run: Run) -> None:
        self._note("run_paused")

    def run_interrupted(self, run: Run) -> None:
        self._note("run_interrupted")

    def run_recovered(self, run: Run, seconds: float) -> None:
        assert seconds >= 0
        self._note("run_recovered")

    def run_stopped(self, run: Run, problem: str | None) -> None:
        self._note(f"run_stopped {problem}")

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        self._note(f"run_ended {run.outcome} {type(error).__name__}")
        self.runs.append(run)

    def batch_row_started(self, row: BatchRow) -> None:
        self._note(f"batch_row_started {row.key}")

    def batch_row_ended(self, row: BatchRow, outcome: Any) -> None:
        self._note(f"batch_row_ended {row.key}")
        self.rows.append((row, outcome))
