"""The progress and the result of indexing documents."""

from __future__ import annotations

import attrs

from dify_async.models._base import Model
from dify_async.models.documents import IndexingState, IndexingStatus

__all__ = ["IndexingReport"]


@attrs.define(kw_only=True, eq=False, repr=False)
class IndexingReport(Model):
    """The progress, or the result, of indexing documents."""

    documents: list[IndexingStatus] = attrs.Factory(list[IndexingStatus])
    """The last known status of each document."""
    is_over: bool = False
    """True if no further status is requested: all documents have ended, or the others are stuck."""

    @property
    def indexed(self) -> list[IndexingStatus]:
        """The documents that can be searched."""
        return [one for one in self._completed if one.total_segments != 0]

    @property
    def empty(self) -> list[IndexingStatus]:
        """The documents in which no text was found: Dify shows them as available nevertheless."""
        return [one for one in self._completed if one.total_segments == 0]

    @property
    def failed(self) -> list[IndexingStatus]:
        """The documents whose indexing failed: `error` says why."""
        return [one for one in self.documents if one.indexing_status == IndexingState.ERROR]

    @property
    def pending(self) -> list[IndexingStatus]:
        """The documents whose indexing has not ended."""
        return [] if self.is_over else self._unfinished

    @property
    def stuck(self) -> list[IndexingStatus]:
        """The documents without progress for too long, for example because somebody has paused them."""
        return self._unfinished if self.is_over else []

    @property
    def ok(self) -> bool:
        """True if all documents can be searched."""
        return len(self.indexed) == len(self.documents)

    @property
    def _completed(self) -> list[IndexingStatus]:
        return [one for one in self.documents if one.indexing_status == IndexingState.COMPLETED]

    @property
    def _unfinished(self) -> list[IndexingStatus]:
        ended = (IndexingState.COMPLETED, IndexingState.ERROR)
        return [one for one in self.documents if one.indexing_status not in ended]
