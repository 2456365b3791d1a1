"""A file that records the progress of a batch, so that a later batch can continue it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from dify_async._journal_file import EntryPosition, JournalFile, text_in
from dify_async._types import Json
from dify_async.batch.outcome import Outcome, Success
from dify_async.batch.recorded_results import check_result, fields_of, handle_in, result_from, seconds_in
from dify_async.batch.row_keys import RowKeys
from dify_async.errors import (
    ConfigurationError,
    DecodeError,
    RunPaused,
    StreamInterrupted,
    TooLarge,
    TransportError,
)
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
from dify_async.models.runs import RunHandle, RunStatus

_SUCCEEDED: Final = {str(RunStatus.SUCCEEDED), str(RunStatus.PARTIAL_SUCCEEDED)}


def app_fingerprint(base_url: str, secrets: Sequence[str]) -> str:
    """Return an identifier of an app for its journal: a hash of server and key, which reveals neither."""
    return hashlib.sha256("\n".join([base_url, *secrets]).encode()).hexdigest()[:16]


class Journal:
    """A file of JSON Lines: one line when a run has started, and one when its row has finished.

    It survives a kill of the process, see `JournalFile`.

    Args:
        path: The file. It is created if it does not exist; only its owner can read it.
        user: The end user of the runs. Equal rows of different end users are different rows.
        app: Identifies the app, see `app_fingerprint`. A journal of another app is rejected.

    Raises:
        ConfigurationError: Another process has the file open, it cannot be written, it belongs to another
            app, or it is not a journal.
    """

    def __init__(self, path: str | os.PathLike[str], user: str | None, app: str) -> None:
        self._file = JournalFile(path, first_field="key", used_by="batch")
        self._app = app
        self._keys = RowKeys(user)
        self.in_flight: dict[str, RunHandle] = {}
        """Runs that were started and whose end is not recorded, by key."""
        self._done: dict[str, EntryPosition] = {}  # Rows that succeeded, by key.

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def open(self) -> None:
        """Lock the file and read it."""
        self._file.open(self._load)

    def close(self) -> None:
        """Close the file, which unlocks it."""
        self._file.close()

    def key_of(self, row: Json) -> str:
        """Return the key of the next row.

        Raises:
            ConfigurationError: A file in the row cannot be recognized in a later batch.
        """
        return self._keys.next_key(row)

    def record_start(self, key: str, handle: RunHandle) -> None:
        """Record that the run of a row has started."""
        self._file.append({"key": key, "app": self._app, "status": "started", "handle": attrs.asdict(handle)})

    def record_outcome(self, outcome: Outcome[Any]) -> None:
        """Record the outcome of a row, unless it is recorded already or its run may still be in progress."""
        key, error = outcome.key, outcome.error
        if key in self._done or _may_be_in_progress(error):
            return
        if error is not None and key in self.in_flight:
            return  # The server did not report how the run ended.
        result: WorkflowResult | ChatResult | CompletionResult | None = outcome.result
        entry: dict[str, Json] = {"key": key, "app": self._app, "status": type(error).__name__}
        if result is not None and (error is None or _has_ended(result)):
            entry |= {"status": outcome.status, **fields_of(result)}
        entry |= {"attempts": outcome.attempts, "seconds": round(outcome.elapsed, 3)}
        if error is not None:
            entry["error"] = str(error)
        self._file.append(entry)

    def outcome_of(self, key: str, index: int, row: Any) -> Outcome[Any] | None:
        """Return the outcome of a row that succeeded in an earlier batch, or None."""
        position = self._done.get(key)
        if position is None:
            return None
        entry = self._file.entry_at(position)
        return Success(
            index=index,
            key=key,
            row=row,
            result=result_from(entry),
            attempts=entry["attempts"] if isinstance(entry.get("attempts"), int) else 0,
            elapsed=seconds_in(entry, "seconds"),
            resumed=True,
        )

    def _load(self, entry: dict[str, Json], position: EntryPosition) -> None:
        key, status = text_in(entry, "key"), text_in(entry, "status")
        handle = handle_in(entry) if status == "started" else None
        app = entry.get("app", self._app)
        if app != self._app:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} belongs to another app, API key or server: use another file"
            )
        if handle is not None:
            self.in_flight[key] = handle
            return
        self.in_flight.pop(key, None)
        if status in _SUCCEEDED:
            check_result(entry)
            self._done[key] = position


def _has_ended(result: WorkflowResult | ChatResult | CompletionResult) -> bool:
    """Return True for the result of a run that has ended, False for interrupted answers."""
    return isinstance(result, WorkflowResult) and result.status != RunStatus.RUNNING


def _may_be_in_progress(error: Exception | None) -> bool:
    """Return True if the run may be in progress, waits for a person, or its end could not be decoded."""
    if isinstance(error, TransportError):
        return error.handle is not None
    return isinstance(error, StreamInterrupted | RunPaused | DecodeError | TooLarge)
