"""Which errors of a row stop its batch, because every further row would fail for the same reason."""

from __future__ import annotations

from typing import Any, Final

from dify_async import errors
from dify_async.batch.outcome import Outcome
from dify_async.errors import DifyError

_REJECTED_IN_A_ROW: Final = 3
"""Consecutive rejected runs that stop a batch, on servers before 1.15: such a server keeps a slot for each of
them for 300 seconds, and has ten."""

_HOPELESS: Final = (
    errors.QuotaExceeded,
    errors.Unauthorized,
    errors.Forbidden,
    errors.WrongAppMode,
    errors.AppUnavailable,
    errors.ProviderNotInitialized,
    errors.NotSupportedByServer,
)
"""The account, the key, the app or the server is at fault, and not the row."""


class StopRule:
    """Decides after each outcome whether to stop the batch."""

    def __init__(self) -> None:
        self._rejected = 0  # Consecutive rejected runs that each hold a slot of the server.
        self._server_answered = False

    def stops(self, outcome: Outcome[Any]) -> bool:
        """Return True if no further row should start."""
        error = outcome.error
        if outcome.resumed and error is None:
            return False  # It may come from the journal, so it says nothing about the server.
        if isinstance(error, errors.RunRejected) and error.holds_slot:
            self._rejected += 1
        elif outcome.attempts > 0:
            self._rejected = 0
        unreachable = (
            isinstance(error, (errors.ConnectionFailed, errors.ConnectTimeout)) and not error.may_have_started
        )
        if error is None or isinstance(error, (errors.ApiError, errors.RunFailed, errors.StreamInterrupted)):
            self._server_answered = True
        return (
            _is_hopeless(error)
            or self._rejected >= _REJECTED_IN_A_ROW
            # Later on a server may restart, and the rows that it missed are retried with the journal.
            or (unreachable and not self._server_answered)
        )


def _is_hopeless(error: DifyError | None) -> bool:
    if isinstance(error, errors.KnowledgeRateLimited):
        return False  # Only for a minute.
    if isinstance(error, errors.Forbidden) and error.code == "archived_document_immutable":
        return False  # That document only.
    if isinstance(error, errors.ConfigurationError):
        return error.about_client
    return isinstance(error, _HOPELESS) and not _concerns_one_run(error.operation)


def _concerns_one_run(operation: str | None) -> bool:
    """Return True for a GET by id, such as that of a run which an earlier batch has started."""
    return operation is not None and operation.startswith("GET ") and "{" in operation
