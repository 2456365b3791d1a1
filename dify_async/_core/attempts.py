"""How often a run was sent: counted for those who ask."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_attempts: Final[ContextVar[list[int] | None]] = ContextVar("attempts", default=None)


@contextmanager
def counting_attempts() -> Generator[list[int]]:
    """Give a list whose one number says how often the run that is started in the block was sent."""
    attempts = [0]
    token = _attempts.set(attempts)
    try:
        yield attempts
    finally:
        _attempts.reset(token)


def note_attempts(count: int) -> None:
    """Say how often the run was sent, where that is being counted."""
    counted = _attempts.get()
    if counted is not None:
        counted[0] = count
