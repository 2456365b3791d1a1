"""What happens to requests and runs, for those who count or trace it. Private for now."""

from __future__ import annotations

from dify_async._wire.operation import Operation
from dify_async.errors import DifyError
from dify_async.events import Event


class Observer:
    """Methods that do nothing: subclass it and override some of them."""

    def attempt_started(self, operation: Operation[object], attempt: int) -> None:
        """Called before each attempt to send a request, counted from 1."""

    def attempt_failed(self, operation: Operation[object], error: DifyError, delay: float | None) -> None:
        """Called when an attempt failed; `delay` is in seconds, None if it is not retried."""

    def run_event(self, operation: Operation[object], event: Event) -> None:
        """Called for each event of a streamed run, before it is delivered."""


class AttemptCounter(Observer):
    """Counts how often requests that start a run were sent."""

    def __init__(self) -> None:
        self.count = 0

    def attempt_started(self, operation: Operation[object], attempt: int) -> None:
        """Count the attempt."""
        if operation.starts_run:
            self.count = attempt
