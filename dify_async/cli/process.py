"""Run a command to its exit code, and report errors in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine
from typing import Any, Final

import typer

from dify_async import errors
from dify_async.cli.output import say
from dify_async.cli.signals import Interrupted, run_until_signal
from dify_async.cli.terms import in_terms_of_the_command
from dify_async.cli.verbose import report_warnings
from dify_async.errors import DifyError

SUCCEEDED: Final = 0
FAILED: Final = 1
REJECTED: Final = 2
UNREACHABLE: Final = 3
PAUSED: Final = 4
_INTERRUPTED: Final = 130

EXIT_CODES: Final = """Exit codes: 0 success; 1 the run failed or was stopped, or some files failed; \
2 rejected, nothing was run: an invalid input, option, key or id; 3 the server could not be reached, failed, \
or the connection was interrupted; 4 the run waits for a person; 130 interrupted by Ctrl-C, 128 + n ended by \
signal n."""


_OTHER_APPS: Final = {
    "not_workflow_app": "use dify-async chat or complete",
    "not_chat_app": "use dify-async run or complete",
    "app_unavailable": "it may be an app of another mode, or it is not published",
}
"""Advice by the code of an error."""


def code_of(error: DifyError) -> int:
    """Return the exit code for an error."""
    match error:
        case errors.RunPaused():
            return PAUSED
        case errors.RunRejected():
            return REJECTED
        case errors.RunFailed() | errors.IndexingFailed():
            return FAILED
        case errors.TransportError() | errors.StreamInterrupted() | errors.ServerError():
            return UNREACHABLE
        case errors.DecodeError() | errors.TooLarge():
            return UNREACHABLE
        case _:
            return REJECTED


def perform(work: Coroutine[Any, Any, int | None]) -> None:
    """Run a command, which may return an exit code.

    Raises:
        DifyError: The command failed; `main` reports it.
        typer.Exit: With the exit code, unless it is 0.
    """
    report_warnings()
    try:
        code = run_until_signal(work)
    except Interrupted as signal:
        raise typer.Exit(signal.exit_code) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
    except OSError as error:
        # The reader of our output has exited, like `head`, or the disk is full. Python would report it
        # again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            say(f"the output cannot be written: {error.strerror}")
        raise typer.Exit(FAILED) from None
    if code:
        raise typer.Exit(code)


def report(error: DifyError) -> None:
    """Print an error in one line, with advice."""
    say(_with_advice(error))


def _with_advice(error: DifyError) -> str:
    text = in_terms_of_the_command(str(error))
    handle = getattr(error, "handle", None)
    if isinstance(error, errors.RunPaused):
        run_id = error.handle.run_id
        if any(form.form_token is not None for form in error.paused.forms):
            return f"{text} (dify-async resume {run_id} fills in its form)"
        return f"{text} (dify-async watch {run_id} --continue-on-pause waits for it)"
    if isinstance(error, (errors.TransportError, errors.StreamInterrupted)) and handle:
        return f"{text} (dify-async watch {handle.run_id} follows the run)"
    if isinstance(error, errors.ApiError) and error.code in _OTHER_APPS:
        return f"{text} ({_OTHER_APPS[error.code]}; dify-async info shows the mode of the app)"
    return text
