"""The endpoints of the Service API that `KnowledgeClient` uses.

Deprecated aliases of Dify are not among them: `create_by_text`, `create_by_file`, `update_by_text`,
`update_by_file` and `update-by-file` in paths, and `hit-testing`, which is `retrieve` now.
"""

from __future__ import annotations

from types import NoneType
from typing import Final

from dify_async._wire.operation import Operation
from dify_async.events import Event
from dify_async.knowledge_options import (
    CreateDatasetOptions,
    FileOptions,
    TextOptions,
    UpdateDatasetOptions,
    UpdateTextOptions,
    settings_of,
)
from dify_async.models._base import Page
from dify_async.models.datasets import Dataset
from dify_async.models.documents import Document, DocumentAndBatch, DownloadAddress, IndexingStatus
from dify_async.models.metadata import BuiltInFields, MetadataField, MetadataFields
from dify_async.models.pipeline import DatasourcePlugin, PipelineFile, PipelineRunResult
from dify_async.models.providers import ModelProvider
from dify_async.models.retrieval import RetrievalResult
from dify_async.models.segments import ChildChunk, ChildChunkAnswer, Segment, SegmentAnswer
from dify_async.models.success import Success
from dify_async.models.tags import KnowledgeTag

_DATASET: Final = "/datasets/{dataset_id}"
_DOCUMENT: Final = f"{_DATASET}/documents/{{document_id}}"
_SEGMENT: Final = f"{_DOCUMENT}/segments/{{segment_id}}"
_CHILD_CHUNK: Final = f"{_SEGMENT}/child_chunks/{{child_chunk_id}}"
_METADATA: Final = f"{_DATASET}/metadata"
_PIPELINE: Final = f"{_DATASET}/pipeline"

# Knowledge bases

LIST_DATASETS: Final = Operation("GET", "/datasets", Page[Dataset], idempotent=True)
CREATE_DATASET: Final = Operation(
    "POST", "/datasets", Dataset, idempotent=False, settings=settings_of(CreateDatasetOptions)
)
GET_DATASET: Final = Operation("GET", _DATASET, Dataset, idempotent=True)
UPDATE_DATASET: Final = Operation(
    "PATCH", _DATASET, Dataset, idempotent=True, settings=settings_of(UpdateDatasetOptions)
)
DELETE_DATASET: Final = Operation("DELETE", _DATASET, NoneType, idempotent=True)
# The server calls an embedding model, unless it searches for keywords.
RETRIEVE: Final = Operation("POST", f"{_DATASET}/retrieve", RetrievalResult, idempotent=False)

# Documents

CREATE_BY_TEXT: Final = Operation(
    "POST",
    f"{_DATASET}/document/create-by-text",
    DocumentAndBatch,
    idempotent=False,
    settings=settings_of(TextOptions),
)
CREATE_BY_FILE: Final = Operation(
    "POST",
    f"{_DATASET}/document/create-by-file",
    DocumentAndBatch,
    idempotent=False,
    settings=settings_of(FileOptions),
)
# Each update starts a new indexing.
UPDATE_BY_TEXT: Final = Operation(
    "POST",
    f"{_DOCUMENT}/update-by-text",
    DocumentAndBatch,
    idempotent=False,
    settings=settings_of(UpdateTextOptions),
)
UPDATE_BY_FILE: Final = Operation(
    "PATCH", _DOCUMENT, DocumentAndBatch, idempotent=False, settings=settings_of(FileOptions)
)
LIST_DOCUMENTS: Final = Operation("GET", f"{_DATASET}/documents", Page[Document], idempotent=True)
GET_DOCUMENT: Final = Operation("GET", _DOCUMENT, Document, idempotent=True)
DELETE_DOCUMENT: Final = Operation("DELETE", _DOCUMENT, NoneType, idempotent=True)
UPDATE_DOCUMENT_STATUS: Final = Operation(
    "PATCH", f"{_DATASET}/documents/status/{{action}}", Success, idempotent=True
)
GET_INDEXING_STATUS: Final = Operation(
    "GET", f"{_DATASET}/documents/{{batch}}/indexing-status", Page[IndexingStatus], idempotent=True
)
GET_DOWNLOAD_ADDRESS: Final = Operation(
    "GET", f"{_DOCUMENT}/download", DownloadAddress, idempotent=True, recent=True
)
DOWNLOAD_ZIP: Final = Operation(
    "POST", f"{_DATASET}/documents/download-zip", bytes, idempotent=True, recent=True
)

# Chunks and child chunks

LIST_SEGMENTS: Final = Operation("GET", f"{_DOCUMENT}/segments", Page[Segment], idempotent=True)
CREATE_SEGMENTS: Final = Operation("POST", f"{_DOCUMENT}/segments", Page[Segment], idempotent=False)
GET_SEGMENT: Final = Operation("GET", _SEGMENT, SegmentAnswer, idempotent=True)
UPDATE_SEGMENT: Final = Operation("POST", _SEGMENT, SegmentAnswer, idempotent=True)
DELETE_SEGMENT: Final = Operation("DELETE", _SEGMENT, NoneType, idempotent=True)
LIST_CHILD_CHUNKS: Final = Operation("GET", f"{_SEGMENT}/child_chunks", Page[ChildChunk], idempotent=True)
CREATE_CHILD_CHUNK: Final = Operation("POST", f"{_SEGMENT}/child_chunks", ChildChunkAnswer, idempotent=False)
UPDATE_CHILD_CHUNK: Final = Operation("PATCH", _CHILD_CHUNK, ChildChunkAnswer, idempotent=True)
DELETE_CHILD_CHUNK: Final = Operation("DELETE", _CHILD_CHUNK, NoneType, idempotent=True)

# Metadata

GET_METADATA_FIELDS: Final = Operation("GET", _METADATA, MetadataFields, idempotent=True)
CREATE_METADATA_FIELD: Final = Operation("POST", _METADATA, MetadataField, idempotent=False)
UPDATE_METADATA_FIELD: Final = Operation(
    "PATCH", f"{_METADATA}/{{metadata_id}}", MetadataField, idempotent=True
)
DELETE_METADATA_FIELD: Final = Operation("DELETE", f"{_METADATA}/{{metadata_id}}", NoneType, idempotent=True)
GET_BUILT_IN_FIELDS: Final = Operation("GET", f"{_METADATA}/built-in", BuiltInFields, idempotent=True)
SWITCH_BUILT_IN_FIELDS: Final = Operation(
    "POST", f"{_METADATA}/built-in/{{action}}", Success, idempotent=True
)
UPDATE_DOCUMENT_METADATA: Final = Operation(
    "POST", f"{_DATASET}/documents/metadata", Success, idempotent=True
)

# Tags

LIST_TAGS: Final = Operation("GET", "/datasets/tags", Page[KnowledgeTag], idempotent=True)
CREATE_TAG: Final = Operation("POST", "/datasets/tags", KnowledgeTag, idempotent=False)
UPDATE_TAG: Final = Operation("PATCH", "/datasets/tags", KnowledgeTag, idempotent=True)
DELETE_TAG: Final = Operation("DELETE", "/datasets/tags", NoneType, idempotent=True)
BIND_TAGS: Final = Operation("POST", "/datasets/tags/binding", NoneType, idempotent=True)
UNBIND_TAGS: Final = Operation("POST", "/datasets/tags/unbinding", NoneType, idempotent=True)
LIST_TAGS_OF_DATASET: Final = Operation("GET", f"{_DATASET}/tags", Page[KnowledgeTag], idempotent=True)

# Models

LIST_MODELS: Final = Operation(
    "GET", "/workspaces/current/models/model-types/{model_type}", Page[ModelProvider], idempotent=True
)

# Pipelines

LIST_DATASOURCE_PLUGINS: Final = Operation(
    "GET", f"{_PIPELINE}/datasource-plugins", Page[DatasourcePlugin], idempotent=True, recent=True
)
UPLOAD_PIPELINE_FILE: Final = Operation(
    "POST", "/datasets/pipeline/file-upload", PipelineFile, idempotent=False, recent=True
)
RUN_DATASOURCE: Final = Operation(
    "POST",
    f"{_PIPELINE}/datasource/nodes/{{node_id}}/run",
    Event,
    idempotent=False,
    starts_run=True,
    recent=True,
)
RUN_PIPELINE: Final = Operation(
    "POST", f"{_PIPELINE}/run", PipelineRunResult, idempotent=False, starts_run=True, recent=True
)
