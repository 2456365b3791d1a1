"""How a command ends: its exit code, and the one line that says why."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import Any, Final

import typer

from dify_async import errors
from dify_async.errors import DifyError

SUCCEEDED: Final = 0
FAILED: Final = 1
REFUSED: Final = 2
UNREACHABLE: Final = 3
PAUSED: Final = 4
INTERRUPTED: Final = 130

EXIT_CODES: Final = """Exit codes: 0 it succeeded; 1 the run failed or was stopped; 2 refused, nothing ran: \
a wrong input, option, key or id; 3 the server was not reached, failed, or broke off; 4 the run waits for a \
person; 130 interrupted."""


def say(text: str) -> None:
    """Say one line where errors go."""
    print(f"dify-async: {' '.join(text.split())}", file=sys.stderr)


def code_of(error: DifyError) -> int:
    """Give the exit code that an error means."""
    match error:
        case errors.RunPaused():
            return PAUSED
        case errors.RunRejected():
            return REFUSED
        case errors.RunFailed():
            return FAILED
        case errors.TransportError() | errors.StreamInterrupted() | errors.ServerError():
            return UNREACHABLE
        case errors.DecodeError() | errors.TooLarge():
            return UNREACHABLE
        case _:
            return REFUSED


def perform(work: Coroutine[Any, Any, int | None]) -> None:
    """Do the work of a command, which may give an exit code; end the process as it ends.

    Raises:
        typer.Exit: with the exit code, unless it is 0.
    """
    logging.getLogger("dify_async").addHandler(_warnings)
    try:
        code = asyncio.run(work)
    except DifyError as error:
        say(_with_a_way_on(error))
        raise typer.Exit(code_of(error)) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        # Who read our output has gone, as `head` does, or its disk is full. Python would complain of it once
        # more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            say(f"the output cannot be written: {error.strerror}")
        raise typer.Exit(FAILED) from None
    if code:
        raise typer.Exit(code)


def _with_a_way_on(error: DifyError) -> str:
    handle = getattr(error, "handle", None)
    if isinstance(error, (errors.TransportError, errors.StreamInterrupted, errors.RunPaused)) and handle:
        return f"{error} (dify-async watch {handle.run_id} follows the run)"
    return str(error)


def has_warned() -> bool:
    """Say whether the SDK has warned of something, such as that a run could not be stopped."""
    return _warnings.any


class _Warnings(logging.Handler):
    any = False

    def emit(self, record: logging.LogRecord) -> None:
        self.any = True
        say(record.getMessage())


_warnings: Final = _Warnings(logging.WARNING)
