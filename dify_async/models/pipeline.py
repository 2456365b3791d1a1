"""Knowledge pipelines: data sources, uploads and runs."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received
from dify_async.models.documents import Document

__all__ = ["DatasourcePlugin", "DatasourceResult", "PipelineDataset", "PipelineFile", "PipelineRunResult"]


@attrs.define(kw_only=True, eq=False, repr=False)
class DatasourcePlugin(Model):
    """A data source node of a pipeline."""

    _shown_first = ("title", "node_id")

    node_id: str = ""
    """The node's id, for `pipeline.run` and `pipeline.run_datasource`."""
    plugin_id: str | None = None
    """The plugin's id."""
    provider_name: str | None = None
    """The plugin's name."""
    datasource_type: str | None = None
    """`local_file`, `online_document`, `website_crawl` or `online_drive`."""
    title: str | None = None
    """The node's title."""
    user_input_variables: list[dict[str, Json]] = attrs.Factory(list[dict[str, Json]])
    """The inputs of the node, as Dify describes them."""
    credentials: list[dict[str, Json]] = attrs.Factory(list[dict[str, Json]])
    """The credentials that can be used: `id`, `name`, `type`, `is_default`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PipelineFile(Received):
    """A file that was uploaded for a pipeline."""

    _shown_first = ("name", "id")

    id: str = ""
    """The upload's id."""
    name: str = ""
    """Its name."""
    size: int = 0
    """Bytes."""
    extension: str = ""
    """Without the dot."""
    mime_type: str | None = None
    """Its MIME type."""
    created_by: str = ""
    """The id of the member whose key was used."""
    created_at: datetime | None = None
    """When it was uploaded."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PipelineDataset(Model):
    """The knowledge base of a pipeline."""

    id: str = ""
    """The knowledge base's id."""
    name: str = ""
    """Its name."""
    description: str = ""
    """What it contains."""
    chunk_structure: str = ""
    """The form of its chunks."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PipelineRunResult(Received):
    """The start of a published pipeline, which continues in the background."""

    _shown_first = ("batch", "documents")

    batch: str = ""
    """Identifies the indexing, for `documents.indexing_status` and `documents.wait_indexed`."""
    dataset: PipelineDataset = attrs.Factory(PipelineDataset)
    """The knowledge base."""
    documents: list[Document] = attrs.Factory(list[Document])
    """The documents that are being created."""


@attrs.frozen(kw_only=True, eq=False, repr=False)  # pyright: ignore[reportGeneralTypeIssues] - only `raw` is set late
class DatasourceResult(Received):
    """What a data source node returned. `raw` is its last event."""

    data: list[Json] = attrs.Factory(list[Json])
    """The data of each `datasource_completed` event, in their order."""
    time_consuming: float | None = None
    """Duration in seconds."""
