"""The report of a folder sync: changes that were made, or will be made."""

from __future__ import annotations

import enum

import attrs

from dify_async.errors import DifyError
from dify_async.models._base import Model


class SyncAction(enum.StrEnum):
    """What a sync does with a file."""

    CREATE = "create"
    """It is new, or its document was deleted: it is uploaded."""
    UPDATE = "update"
    """Its content has changed, or could not be indexed: its document is replaced."""
    ADOPT = "adopt"
    """Its document from an interrupted sync was found: nothing is uploaded."""
    KEEP = "keep"
    """It has not changed."""
    DELETE = "delete"
    """It was removed, and its document is deleted."""
    LEAVE = "leave"
    """It was removed, and its document stays: pass `delete=True` to delete it."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncChange(Model):
    """What a sync does with one file."""

    _shown_first = ("action", "path")

    action: SyncAction | None
    """What is done. None if an error came before this was decided."""
    path: str
    """Its path in the folder, with slashes."""
    name: str
    """The name of its document."""
    size: int | None = None
    """Bytes. None for a file that was removed."""
    document_id: str | None = None
    """Its document. None if there is none yet."""
    batch: str | None = None
    """Identifies the indexing, for `documents.wait_indexed`. None if nothing was uploaded."""
    error: DifyError | None = None
    """Why it was not done, or None."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncReport(Model):
    """The report on a sync."""

    changes: list[SyncChange]
    """One entry for each file, as they were done; in a plan, removed files come last."""
    dry_run: bool
    """True if nothing was done: `changes` is the plan."""

    @property
    def ok(self) -> bool:
        """True if there was no error."""
        return not self.failed

    @property
    def failed(self) -> list[SyncChange]:
        """The files with an error."""
        return [change for change in self.changes if change.error is not None]

    @property
    def batches(self) -> list[str]:
        """The batches that are being indexed, for `documents.wait_indexed`."""
        return [*dict.fromkeys(change.batch for change in self.changes if change.batch is not None)]

    def count(self, action: SyncAction | str) -> int:
        """Return the number of files with this action and without an error."""
        return sum(change.action == action and change.error is None for change in self.changes)
