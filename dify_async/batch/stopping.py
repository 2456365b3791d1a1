"""Decide which errors of a row stop its batch, because every further row would fail for the same reason."""

from __future__ import annotations

from typing import Any, Final

from dify_async import errors
from dify_async.batch.outcome import Outcome
from dify_async.errors import DifyError

_MAX_REJECTED: Final = 3
"""Number of consecutive rejected runs that stop a batch on servers before 1.15, which keep one of their ten
slots for each of them for 300 seconds."""

_NOT_ABOUT_THE_ROW: Final = (
    errors.QuotaExceeded,
    errors.Unauthorized,
    errors.Forbidden,
    errors.WrongAppMode,
    errors.AppUnavailable,
    errors.ProviderNotInitialized,
    errors.NotSupportedByServer,
)
"""Errors that are caused by the account, the key, the app or the server, and not by the row."""


class StopRule:
    """Decides after each outcome whether to stop the batch."""

    def __init__(self) -> None:
        self._rejected = 0  # Consecutive rejected runs that each hold a slot on the server.
        self._server_responded = False

    def stops(self, outcome: Outcome[Any]) -> bool:
        """Return True if no further row should start."""
        error = outcome.error
        if outcome.resumed and error is None:
            return False  # It may come from the journal, which says nothing about the server.
        if isinstance(error, errors.RunRejected) and error.holds_slot:
            self._rejected += 1
        elif outcome.attempts > 0:
            self._rejected = 0
        unreachable = (
            isinstance(error, (errors.ConnectionFailed, errors.ConnectTimeout)) and not error.may_have_started
        )
        if error is None or isinstance(error, (errors.ApiError, errors.RunFailed, errors.StreamInterrupted)):
            self._server_responded = True
        return (
            _fails_every_row(error)
            or self._rejected >= _MAX_REJECTED
            # After the first response, the server may just be restarting: failed rows can be run again later.
            or (unreachable and not self._server_responded)
        )


def _fails_every_row(error: DifyError | None) -> bool:
    if isinstance(error, errors.KnowledgeRateLimited):
        return False  # The limit lasts only a minute.
    if isinstance(error, errors.Forbidden) and error.code == "archived_document_immutable":
        return False  # It concerns only this document.
    if isinstance(error, errors.ConfigurationError):
        return error.about_client
    return isinstance(error, _NOT_ABOUT_THE_ROW) and not _concerns_one_run(error.operation)


def _concerns_one_run(operation: str | None) -> bool:
    """Return True for a GET by id, for example of a run that an earlier batch has started."""
    return operation is not None and operation.startswith("GET ") and "{" in operation
