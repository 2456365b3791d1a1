"""What a forked child does with what it inherits: it forgets it, without touching it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

_forget: Final[list[Callable[[], object]]] = []


def in_forked_children(forget: Callable[[], object]) -> None:
    """Call something in every child of a fork; what it gives back is never destroyed there.

    A child shares the sockets and the epoll instance of its parent's event loops. To close an inherited
    connection, or let Python do it when nothing refers to it, would take it out of the parent's epoll:
    the parent's streams would never hear another byte.
    """
    _forget.append(forget)


def _after_fork() -> None:
    import ctypes  # noqa: PLC0415 - for children alone

    for forget in _forget:
        # One reference too many: so it outlives even the interpreter's end, which destroys what it can.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(forget()))


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_after_fork)
