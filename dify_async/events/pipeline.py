"""Events of the data sources of a knowledge pipeline."""

from __future__ import annotations

from typing import ClassVar

import attrs

from dify_async._types import Json
from dify_async.events._base import Event

__all__ = ["DatasourceCompleted", "DatasourceError", "DatasourceProcessing"]


@attrs.define(kw_only=True, eq=False, repr=False)
class DatasourceProcessing(Event):
    """A data source node is working."""

    event: ClassVar[str] = "datasource_processing"
    total: int | None = None
    """Number of items. None if not known."""
    completed: int | None = None
    """Number of items that are done. None if not known."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DatasourceCompleted(Event):
    """A data source node returned data. Some nodes send it several times; only the stream's end ends them."""

    event: ClassVar[str] = "datasource_completed"
    data: Json = None
    """The data: an object or a list."""
    total: int | None = None
    """Number of items. None if not known."""
    completed: int | None = None
    """Number of items that are done. None if not known."""
    time_consuming: float | None = None
    """Duration in seconds."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DatasourceError(Event):
    """A data source node failed; the stream ends."""

    event: ClassVar[str] = "datasource_error"
    error: str = ""
    """Why it failed."""
