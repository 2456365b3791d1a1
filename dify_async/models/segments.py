"""The chunks of documents, which Dify's API calls segments, and the child chunks of these."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, OpenEnum, Received, Settings

__all__ = [
    "ChildChunk",
    "ChildChunkAnswer",
    "NewSegment",
    "RetrievedDocument",
    "Segment",
    "SegmentAnswer",
    "SegmentFile",
    "SegmentStatus",
]


class SegmentStatus(OpenEnum):
    """The status of a chunk's indexing."""

    WAITING = "waiting"
    """In the queue."""
    INDEXING = "indexing"
    """Is being indexed."""
    COMPLETED = "completed"
    """Indexed."""
    ERROR = "error"
    """Indexing failed."""
    PAUSED = "paused"
    """Indexing was paused."""
    RE_SEGMENT = "re_segment"
    """Will be replaced: its document is being divided again."""


@attrs.define(kw_only=True, eq=False, repr=False)
class NewSegment(Settings):
    """A chunk to be created."""

    content: str | None = None
    """Its text; in a Q&A document the question. Required."""
    answer: str | None = None
    """The answer. Required in a Q&A document."""
    keywords: list[str] | None = None
    """Keywords by which it is found. The server chooses some if there are none."""
    attachment_ids: list[str] | None = None
    """The ids of uploaded images. Not on servers before 1.14."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChildChunk(Received):
    """A child chunk: a part of a chunk that is searched in its place."""

    _shown_first = ("content", "id")

    id: str = ""
    """The child chunk's id."""
    segment_id: str = ""
    """The id of its chunk. Empty in results of a search."""
    content: str = ""
    """Its text."""
    position: int = 0
    """Its place in the chunk, from 1."""
    word_count: int = 0
    """Number of characters or words, as the server counts them."""
    type: str = ""
    """`automatic` or `customized`."""
    created_at: datetime | None = None
    """When it was created."""
    updated_at: datetime | None = None
    """When it was changed last."""
    score: float | None = None
    """How well it matches. None except in results of a search."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SegmentFile(Model):
    """An image of a chunk."""

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
    source_url: str = ""
    """Signed and valid for a short time."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievedDocument(Model):
    """The document that a chunk was found in."""

    id: str = ""
    """The document's id."""
    data_source_type: str = ""
    """`upload_file`, `notion_import`, `website_crawl`, ..."""
    name: str = ""
    """Its name."""
    doc_type: str | None = None
    """Its type, if one was set in Dify."""
    doc_metadata: Json = None
    """Its metadata, by name."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Segment(Received):
    """A chunk of a document."""

    _shown_first = ("content", "id")

    id: str = ""
    """The chunk's id."""
    position: int = 0
    """Its place in the document, from 1."""
    document_id: str = ""
    """The document's id."""
    content: str = ""
    """Its text; in a Q&A document the question."""
    sign_content: str | None = None
    """Its text with signed addresses of images. None in results of a search."""
    answer: str | None = None
    """The answer, in a Q&A document."""
    word_count: int = 0
    """Number of characters or words, as the server counts them."""
    tokens: int = 0
    """Number of tokens. 0 for `economy`."""
    keywords: list[str] = attrs.Factory(list[str])
    """Keywords by which it is found."""
    index_node_id: str | None = None
    """The id of its node in the index."""
    index_node_hash: str | None = None
    """The hash of its text."""
    hit_count: int = 0
    """How many times it was found."""
    enabled: bool = False
    """Whether it is searched."""
    disabled_at: datetime | None = None
    """When it was disabled."""
    disabled_by: str | None = None
    """The id of the member who disabled it."""
    status: SegmentStatus = SegmentStatus.WAITING
    """The status of its indexing."""
    created_by: str = ""
    """The id of the member who created it."""
    created_at: datetime | None = None
    """When it was created."""
    updated_at: datetime | None = None
    """When it was changed last. None in results of a search."""
    updated_by: str | None = None
    """The id of the member who changed it last."""
    indexing_at: datetime | None = None
    """When its indexing began."""
    completed_at: datetime | None = None
    """When it was indexed."""
    error: str | None = None
    """Why its indexing failed."""
    stopped_at: datetime | None = None
    """When its indexing was stopped."""
    child_chunks: list[ChildChunk] = attrs.Factory(list[ChildChunk])
    """Its child chunks."""
    attachments: list[SegmentFile] = attrs.Factory(list[SegmentFile])
    """Its images. Servers before 1.14 do not send it."""
    summary: str | None = None
    """Its summary. Servers before 1.14 do not send it."""
    document: RetrievedDocument | None = None
    """Its document. None except in results of a search."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SegmentAnswer(Received):
    """The response that contains one chunk."""

    data: Segment = attrs.Factory(Segment)
    """The chunk."""
    doc_form: str = ""
    """How its document is divided."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ChildChunkAnswer(Received):
    """The response that contains one child chunk."""

    data: ChildChunk = attrs.Factory(ChildChunk)
    """The child chunk."""
