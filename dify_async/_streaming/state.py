"""The states of a stream."""

from __future__ import annotations

import enum
from typing import Final


class State(enum.Enum):
    NEW = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    RECOVERING = enum.auto()
    """There is no stream of the run at the moment, and one is looked for."""
    OVER = enum.auto()
    CLOSED = enum.auto()


NOT_OPEN: Final = frozenset({State.NEW, State.CLOSED})
"""States in which there is nothing to read or to close."""


def not_entered() -> TypeError:
    """Return the error of a stream that is used outside its `async with` block."""
    return TypeError("a stream must be entered first: async with client.workflows.stream(...) as run: ...")
