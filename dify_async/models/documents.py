"""The documents of a knowledge base, and how they are indexed."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, OpenEnum, Received, Settings
from dify_async.models.datasets import DocForm
from dify_async.models.metadata import MetadataValue

__all__ = [
    "Document",
    "DocumentAndBatch",
    "DocumentStatus",
    "DownloadAddress",
    "IndexingState",
    "IndexingStatus",
    "PreProcessingRule",
    "ProcessRule",
    "ProcessRules",
    "Segmentation",
]


class IndexingState(OpenEnum):
    """The status of a document's indexing."""

    WAITING = "waiting"
    """In the queue."""
    PARSING = "parsing"
    """The text is extracted from the file."""
    CLEANING = "cleaning"
    """The text is cleaned."""
    SPLITTING = "splitting"
    """The text is divided into chunks."""
    INDEXING = "indexing"
    """The chunks are indexed."""
    PAUSED = "paused"
    """Indexing was paused."""
    COMPLETED = "completed"
    """Indexing finished."""
    ERROR = "error"
    """Indexing failed."""


class DocumentStatus(OpenEnum):
    """The availability of a document, as Dify shows it."""

    QUEUING = "queuing"
    """Waits to be indexed."""
    INDEXING = "indexing"
    """Is being indexed."""
    PAUSED = "paused"
    """Indexing was paused."""
    ERROR = "error"
    """Indexing failed."""
    AVAILABLE = "available"
    """Indexed and enabled: it can be retrieved."""
    DISABLED = "disabled"
    """Indexed but disabled: it is not retrieved."""
    ARCHIVED = "archived"
    """Archived: it is not retrieved and cannot be changed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PreProcessingRule(Settings):
    """A way of cleaning a text before it is divided."""

    id: str | None = None
    """`remove_extra_spaces` or `remove_urls_emails`."""
    enabled: bool | None = None
    """Whether it is used."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Segmentation(Settings):
    """How a text is divided."""

    separator: str | None = None
    """The text at which it is divided. The server's default is a line break."""
    max_tokens: int | None = None
    """Maximum size of a chunk, in tokens. Required."""
    chunk_overlap: int | None = None
    """The overlap of consecutive chunks, in tokens. The server's default is 0."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ProcessRules(Settings):
    """The rules of a `ProcessRule` that is not automatic."""

    pre_processing_rules: list[PreProcessingRule] | None = None
    """How texts are cleaned."""
    segmentation: Segmentation | None = None
    """How they are divided into chunks."""
    parent_mode: str | None = None
    """For `hierarchical`: `full-doc` or `paragraph`."""
    subchunk_segmentation: Segmentation | None = None
    """For `hierarchical`: how chunks are divided into child chunks."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ProcessRule(Settings):
    """How a document is cleaned and divided: `ProcessRule(mode="automatic")`, or with rules."""

    mode: str | None = None
    """`automatic`, `custom` or `hierarchical`. Required."""
    rules: ProcessRules | None = None
    """The rules. None for `automatic`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Document(Received):
    """A document of a knowledge base.

    Fields marked "By `get` only" have their defaults in documents from lists and in those that were just
    created.
    """

    _shown_first = ("name", "id")

    id: str = ""
    """The document's id."""
    position: int | None = None
    """Its place in the knowledge base, from 1."""
    data_source_type: str | None = None
    """`upload_file`, `notion_import`, `website_crawl`, ..."""
    data_source_info: dict[str, Json] = attrs.Factory(dict[str, Json])
    """Where it comes from, for example the id of its upload."""
    data_source_detail_dict: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The same with name, size and type of its upload; its `created_at` is in seconds since 1970. Not by
    `get`, which has them in `data_source_info`."""
    dataset_process_rule_id: str | None = None
    """The id of the rule that it was divided by."""
    dataset_process_rule: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The rule of its knowledge base. By `get` only."""
    document_process_rule: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The rule that it was divided by. By `get` only."""
    name: str = ""
    """Its name."""
    created_from: str | None = None
    """`web`, `api` or `rag-pipeline`."""
    created_by: str | None = None
    """The id of the member who created it."""
    created_at: datetime | None = None
    """When it was created."""
    tokens: int | None = None
    """Number of tokens. None before it is indexed; 0 for `economy`."""
    indexing_status: IndexingState | None = None
    """The status of its indexing."""
    completed_at: datetime | None = None
    """When it was indexed. By `get` only."""
    updated_at: datetime | None = None
    """When it was changed last. By `get` only."""
    indexing_latency: float | None = None
    """How long its indexing took, in seconds. By `get` only."""
    error: str | None = None
    """Why its indexing failed."""
    enabled: bool | None = None
    """Whether it is searched."""
    disabled_at: datetime | None = None
    """When it was disabled."""
    disabled_by: str | None = None
    """The id of the member who disabled it."""
    archived: bool | None = None
    """Whether it is archived: kept as it is, and not searched."""
    display_status: DocumentStatus | None = None
    """Whether it can be found."""
    word_count: int | None = None
    """Number of characters or words, as the server counts them. None before it is indexed; not by `get`."""
    hit_count: int | None = None
    """How many times its chunks were found."""
    doc_form: DocForm | None = None
    """How it is divided."""
    doc_language: str | None = None
    """Its language, for Q&A documents. By `get` only."""
    doc_type: str | None = None
    """Its type, if one was set in Dify. By `get` only."""
    doc_metadata: list[MetadataValue] = attrs.Factory(list[MetadataValue])
    """Its metadata; built-in fields have the id `built-in`."""
    segment_count: int | None = None
    """Number of chunks. By `get` only."""
    average_segment_length: float | None = None
    """Average length of the chunks, in characters. By `get` only."""
    summary_index_status: str | None = None
    """The status of its summary. None without summaries."""
    need_summary: bool | None = None
    """Whether summaries are made."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DocumentAndBatch(Received):
    """A document that was created or changed, and the batch that it is indexed in."""

    _shown_first = ("batch", "document")

    document: Document = attrs.Factory(Document)
    """The document."""
    batch: str = ""
    """Identifies the indexing, for `documents.indexing_status` and `documents.wait_indexed`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class IndexingStatus(Model):
    """The status of a document's indexing."""

    _shown_first = ("indexing_status", "id")

    id: str = ""
    """The document's id."""
    indexing_status: IndexingState = IndexingState.WAITING
    """What the server is doing."""
    processing_started_at: datetime | None = None
    """When the indexing began."""
    parsing_completed_at: datetime | None = None
    """When the text was extracted."""
    cleaning_completed_at: datetime | None = None
    """When the text was cleaned."""
    splitting_completed_at: datetime | None = None
    """When the text was divided."""
    completed_at: datetime | None = None
    """When all chunks were indexed."""
    paused_at: datetime | None = None
    """When the indexing was paused."""
    error: str | None = None
    """Why the indexing failed."""
    error_code: str | None = None
    """The code of the failure. Servers before 1.16 do not send it."""
    stopped_at: datetime | None = None
    """When the indexing was stopped."""
    completed_segments: int | None = None
    """Number of chunks that are indexed."""
    total_segments: int | None = None
    """Number of chunks. 0 for a completed document without text."""
    estimated_vector_space_mb: float | None = None
    """The space that its vectors will take, in MiB. Servers before 1.16 do not send it."""
    vector_space_limit_mb: float | None = None
    """The plan's limit on that space, in MiB. Servers before 1.16 do not send it."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DownloadAddress(Received):
    """Where the file of a document can be fetched."""

    url: str = attrs.field(default="", repr=False)
    """Signed and valid for a short time: whoever has it can read the file."""
