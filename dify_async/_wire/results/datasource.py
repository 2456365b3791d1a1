"""Accumulate the events of a data source node."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async._wire.results.progress import Progress
from dify_async.events import (
    DatasourceCompleted,
    DatasourceError,
    DatasourceProcessing,
    ErrorEvent,
    Event,
    UnknownEvent,
)
from dify_async.models._base import with_raw_of
from dify_async.models.pipeline import DatasourceResult
from dify_async.models.runs import RunHandle


@attrs.define
class DatasourceAccumulator:
    """The data of a data source node: whatever was returned until the body ended."""

    progress: Progress = attrs.Factory(Progress)
    _data: list[Json] = attrs.Factory(list[Json])
    _last: DatasourceCompleted | None = None

    def add(self, event: Event) -> None:
        """Add the next event."""
        if isinstance(event, UnknownEvent):
            return
        if isinstance(event, (DatasourceProcessing, DatasourceCompleted)):
            # Some nodes return data several times, so only the end of the body ends the stream.
            self.progress.ends_with_body = True
        if isinstance(event, DatasourceCompleted):
            self._data.append(event.data)
            self._last = event
        elif isinstance(event, (DatasourceError, ErrorEvent)):
            if isinstance(event, DatasourceError):
                error = ErrorEvent(code=event.event, message=event.error)
            else:
                error = attrs.evolve(event, code=event.code or DatasourceError.event)
            self.progress.error = with_raw_of(event, error)
            self.progress.over = self.progress.complete = True

    def result(self, handle: RunHandle | None = None) -> DatasourceResult:  # noqa: ARG002 - part of the protocol
        """Return the result, or the partial result."""
        seconds = self._last.time_consuming if self._last is not None else None
        return with_raw_of(self._last, DatasourceResult(data=list(self._data), time_consuming=seconds))
