"""The states of a stream."""

from __future__ import annotations

import enum
from typing import Final


class State(enum.Enum):
    """The state of a stream."""

    NEW = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    RECOVERING = enum.auto()
    """The stream was interrupted, and the run is being recovered."""
    OVER = enum.auto()
    CLOSED = enum.auto()


NOT_OPEN: Final = frozenset({State.NEW, State.CLOSED})
"""States in which the stream can be neither read nor closed."""


def not_entered() -> TypeError:
    """Return the error for a stream that is used outside its `async with` block."""
    return TypeError("a stream must be entered first: async with client.workflows.stream(...) as run: ...")
