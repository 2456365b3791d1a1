"""Log to standard error: warnings always; retries with `-v`; requests with `-vv`."""

from __future__ import annotations

import logging
from typing import Final

from dify_async.cli.output import say
from dify_async.cli.terms import in_terms_of_the_command


class _StandardError(logging.Handler):
    has_warned = False

    def emit(self, record: logging.LogRecord) -> None:
        self.has_warned |= record.levelno >= logging.WARNING
        say(in_terms_of_the_command(record.getMessage()))


_handler: Final = _StandardError()


def report_warnings() -> None:
    """Show the warnings of the SDK."""
    logging.getLogger("dify_async").addHandler(_handler)


def log_more(verbosity: int) -> None:
    """Show what the SDK logs below warnings: 1 for retries and recovery, 2 or more for everything."""
    if verbosity:
        logging.getLogger("dify_async").setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)


def has_warned() -> bool:
    """Return True if the SDK has logged a warning, such as that a run could not be stopped."""
    return _handler.has_warned
