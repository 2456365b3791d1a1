"""Prompt for a line on the terminal. The event loop waits meanwhile; signals end the prompt."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module

from dify_async._text import printable_lines
from dify_async.cli.signals import raised_by_signals


def can_ask() -> bool:
    """Return True if a person at a terminal can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str | None:
    """Return a line from the terminal, or None at the end of its input.

    Lines can be edited, and earlier lines recalled, where Python has `readline`.

    Raises:
        Interrupted: A signal was received, such as that of Ctrl-C.
    """
    with suppress(ImportError):
        import_module("readline")  # `input` uses it once it is imported.
    with raised_by_signals():
        try:
            if sys.stdout.isatty():
                return input(printable_lines(question))
            # The answer goes to a file or pipe, and the question must not.
            print(printable_lines(question), end="", file=sys.stderr, flush=True)
            return sys.stdin.readline().removesuffix("\n") or None
        except EOFError:
            print(file=sys.stderr)
            return None
