"""Wait until documents are indexed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from dify_async._http.api import Api
from dify_async.errors import (
    ApiError,
    NotFound,
    RateLimited,
    ServerError,
    TransportError,
)
from dify_async.models.documents import IndexingState, IndexingStatus
from dify_async.models.indexing import IndexingReport
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 15.0
_GROWTH: Final = 1.5
ENDED: Final = (IndexingState.COMPLETED, IndexingState.ERROR)
"""The indexing of a document has ended."""


def delays() -> Iterator[float]:
    """Yield the delays between two status requests, in seconds; they increase."""
    delay = _FIRST_DELAY
    while True:
        yield delay
        delay = min(_LONGEST_DELAY, delay * _GROWTH)


@attrs.define
class IndexingPoller:
    """Requests the status of batches, one after the other, until all their documents have ended."""

    api: Api
    dataset_id: str
    waiting: list[str]
    options: CallOptions
    known: dict[str, dict[str, IndexingStatus]] = attrs.Factory(dict[str, dict[str, IndexingStatus]])
    """The last status of each document, by batch."""
    trouble: TransportError | ApiError | None = None
    """Why the last request brought no status."""

    def report(self, *, is_over: bool) -> IndexingReport:
        """Return the last known status of the documents."""
        documents = [status for batch in self.known.values() for status in batch.values()]
        return IndexingReport(documents=documents, is_over=is_over)

    async def poll(self) -> bool:
        """Request the status of each batch that has not ended; return True if anything has changed."""
        before = [_progress(status) for batch in self.known.values() for status in batch.values()]
        for batch in [*self.waiting]:
            try:
                await self._read(batch)
            except (TransportError, ServerError, RateLimited) as error:
                self.trouble = error
                break
        return before != [_progress(status) for batch in self.known.values() for status in batch.values()]

    async def _read(self, batch: str) -> None:
        ids = {"dataset_id": self.dataset_id, "batch": batch}
        try:
            page = await self.api.call(operations.GET_INDEXING_STATUS, self.options, ids=ids)
        except NotFound:
            if batch not in self.known:
                raise
            del self.known[batch]  # Its documents were deleted in the meantime.
            self.waiting.remove(batch)
            return
        self.trouble = None
        self.known[batch] = {status.id: status for status in page.data}
        if all(status.indexing_status in ENDED for status in page.data):
            self.waiting.remove(batch)


def _progress(status: IndexingStatus) -> tuple[object, ...]:
    return status.id, status.indexing_status, status.completed_segments, status.total_segments


def summary(report: IndexingReport, stuck_after: float) -> str:
    """Return why not all documents were indexed, for an error."""
    counts = {
        "failed": len(report.failed),
        "without text": len(report.empty),
        f"without progress for {stuck_after:g} seconds": len(report.stuck),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    errors = next((f": {one.error}" for one in report.failed if one.error), "")
    return f"not all of {len(report.documents)} documents were indexed: {parts}{errors}"
