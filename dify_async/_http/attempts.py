"""Count the attempts to send requests."""

from __future__ import annotations

from dify_async._wire.operation import Operation


class AttemptListener:
    """Is notified of attempts."""

    def attempt_started(self, operation: Operation[object], attempt: int) -> None:
        """Called before each attempt to send a request, counted from 1."""


class AttemptCounter(AttemptListener):
    """Counts how often requests that start a run were sent."""

    def __init__(self) -> None:
        self.count = 0

    def attempt_started(self, operation: Operation[object], attempt: int) -> None:
        """Count the attempt."""
        if operation.starts_run:
            self.count = attempt
