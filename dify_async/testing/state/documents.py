"""Documents of knowledge bases, their chunks, and how long they take to be indexed."""

from __future__ import annotations

import hashlib
import time
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.models.files import extension_of
from dify_async.testing.engine.chunks import keywords_of, split, split_children
from dify_async.testing.ids import id_of, new_id
from dify_async.testing.state.collection import Collection

ACCOUNT_ID: Final = id_of("dify_async.testing/account")
"""The member of the workspace that the key belongs to."""


@attrs.frozen(kw_only=True)
class Indexing:
    """How a document is indexed. It is complete after both `polls` and `seconds`.

    A document that is never indexed: `Indexing(seconds=math.inf)`.
    """

    polls: int = 1
    """Number of times that the status can be read before the document is indexed."""
    seconds: float = 0.0
    """Seconds until the document is indexed; `Knowledge.advance` moves the clock."""
    error: str | None = None
    """Error message of failed indexing. None if indexing succeeds."""
    empty: bool = False
    """True if the document has no text, like a scanned page: it is indexed without chunks."""


@attrs.define(kw_only=True)
class FakeChildChunk:
    """A child chunk of a chunk."""

    content: str
    """The text."""
    position: int
    """Position in the chunk, starting at 1."""
    type: str = "customized"
    """Kind of chunk: `automatic` or `customized`."""
    id: str = attrs.field(factory=new_id)
    """Id of the child chunk."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last change."""

    def as_json(self, segment_id: str) -> Json:
        """Return its JSON."""
        return {
            "id": self.id,
            "segment_id": segment_id,
            "content": self.content,
            "position": self.position,
            "word_count": len(self.content),
            "type": self.type,
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at),
        }


@attrs.define(kw_only=True)
class FakeSegment:
    """A chunk of a document."""

    content: str
    """The text."""
    position: int
    """Position in the document, starting at 1."""
    answer: str | None = None
    """The answer, in documents of questions and answers. None in others."""
    keywords: list[str] = attrs.field(factory=list[str])
    """Keywords; by default derived from the text."""
    enabled: bool = True
    """True if it is searched."""
    children: Collection[FakeChildChunk] = attrs.field(factory=lambda: Collection("Child chunk not found."))
    """Child chunks by id."""
    id: str = attrs.field(factory=new_id)
    """Id of the chunk."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last change."""

    def as_json(self, document: FakeDocument) -> dict[str, Json]:
        """Return its JSON."""
        is_indexed = document.indexing_status == "completed"
        return {
            "id": self.id,
            "position": self.position,
            "document_id": document.id,
            "content": self.content,
            "sign_content": self.content,
            "answer": self.answer,
            "word_count": len(self.content) + len(self.answer or ""),
            "tokens": 0,
            "keywords": [*(self.keywords or keywords_of(self.content))],
            "index_node_id": id_of(self.id),
            "index_node_hash": hashlib.sha256(self.content.encode()).hexdigest(),
            "hit_count": 0,
            "enabled": self.enabled,
            "disabled_at": None if self.enabled else int(self.updated_at),
            "disabled_by": None if self.enabled else ACCOUNT_ID,
            "status": "completed" if is_indexed else "indexing",
            "created_by": ACCOUNT_ID,
            "created_at": int(self.created_at),
            "updated_at": int(self.updated_at),
            "updated_by": None,
            "indexing_at": int(self.created_at),
            "completed_at": int(self.created_at) if is_indexed else None,
            "error": None,
            "stopped_at": None,
            "child_chunks": [child.as_json(self.id) for child in self.children.values()],
            "attachments": [],
            "summary": None,
        }


@attrs.define(kw_only=True)
class FakeDocument:
    """A document of a knowledge base."""

    name: str
    """Name of the document."""
    content: bytes = attrs.field(repr=False)
    """The file."""
    mime_type: str
    """MIME type of the file."""
    position: int
    """Number in its knowledge base, starting at 1."""
    batch: str
    """Id of the batch, for the indexing status."""
    indexing: Indexing
    """How the document is indexed."""
    rule: dict[str, Json]
    """How the document is split into chunks."""
    started_at: float
    """When indexing started, by the clock of `Knowledge`."""
    created_from: str = "api"
    """`api`, or `web` after an update."""
    doc_form: str = "text_model"
    """`text_model`, `qa_model` or `hierarchical_model`."""
    doc_language: str = "English"
    """Language of questions and answers."""
    enabled: bool = True
    """True if it is searched."""
    archived: bool = False
    """True if it is archived: it can be neither changed nor searched."""
    metadata: dict[str, Json] = attrs.field(factory=dict[str, Json])
    """Values by id of the metadata field."""
    segments: Collection[FakeSegment] = attrs.field(factory=lambda: Collection("Segment not found."))
    """Chunks by id. They exist before the document is indexed."""
    indexing_status: str = "waiting"
    """Status of indexing: `waiting`, `indexing`, `completed` or `error`."""
    polls: int = 0
    """Number of times that the status was read since indexing started."""
    completed_at: float | None = None
    """When it was indexed."""
    rule_id: str = attrs.field(factory=new_id)
    """Id of the rule that split the document."""
    file_id: str = attrs.field(factory=new_id)
    """Id of the file; each update creates a new one."""
    id: str = attrs.field(factory=new_id)
    """Id of the document."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last change."""

    def __attrs_post_init__(self) -> None:
        self._split()

    @property
    def display_status(self) -> str:
        """The status that people see."""
        if self.indexing_status != "completed":
            return {"waiting": "queuing", "error": "error"}.get(self.indexing_status, "indexing")
        if self.archived:
            return "archived"
        return "available" if self.enabled else "disabled"

    @property
    def error(self) -> str | None:
        """Error message of failed indexing."""
        return self.indexing.error if self.indexing_status == "error" else None

    @property
    def word_count(self) -> int:
        """Number of characters of all chunks."""
        return sum(len(segment.content) for segment in self.segments.values())

    def advance(self, now: float, *, is_poll: bool = False) -> None:
        """Advance indexing to `now`; `is_poll` is True if the status is being read."""
        if self.indexing_status in {"completed", "error"}:
            return
        if self.polls >= self.indexing.polls and now >= self.started_at + self.indexing.seconds:
            self.indexing_status = "completed" if self.indexing.error is None else "error"
            self.completed_at = now if self.indexing.error is None else None
        elif is_poll:
            self.polls += 1
            self.indexing_status = "indexing"

    def replace(self, *, name: str, content: bytes, mime_type: str, indexing: Indexing, now: float) -> None:
        """Replace the file, and index the document again."""
        self.name, self.content, self.mime_type = name, content, mime_type
        self.indexing, self.started_at = indexing, now
        self.indexing_status, self.polls, self.completed_at = "waiting", 0, None
        self.file_id, self.created_from, self.updated_at = new_id(), "web", time.time()
        self._split()

    def _split(self) -> None:
        self.segments.clear()
        if self.indexing.empty or self.indexing.error is not None:
            return
        try:
            text = self.content.decode()
        except UnicodeDecodeError:
            return  # No text is found in other formats.
        for position, part in enumerate(split(text, self.rule), 1):
            segment = self.segments.add(FakeSegment(content=part, position=position))
            if self.doc_form == "hierarchical_model":
                for place, child in enumerate(split_children(part, self.rule), 1):
                    segment.children.add(FakeChildChunk(content=child, position=place, type="automatic"))

    def file_as_json(self) -> dict[str, Json]:
        """Return the JSON of its file."""
        return {
            "id": self.file_id,
            "name": self.name,
            "size": len(self.content),
            "extension": extension_of(self.name) or "txt",
            "mime_type": self.mime_type,
            "created_by": ACCOUNT_ID,
            "created_at": self.updated_at,
        }

    def _common(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "position": self.position,
            "data_source_type": "upload_file",
            "dataset_process_rule_id": self.rule_id,
            "name": self.name,
            "created_from": self.created_from,
            "created_by": ACCOUNT_ID,
            "created_at": int(self.created_at),
            "tokens": 0 if self.indexing_status == "completed" else None,
            "indexing_status": self.indexing_status,
            "error": self.error,
            "enabled": self.enabled,
            "disabled_at": None if self.enabled else int(self.updated_at),
            "disabled_by": None if self.enabled else ACCOUNT_ID,
            "archived": self.archived,
            "display_status": self.display_status,
            "hit_count": 0,
            "doc_form": self.doc_form,
            "summary_index_status": None,
            "need_summary": False,
        }

    def as_json(self, metadata: list[Json]) -> dict[str, Json]:
        """Return its JSON in lists, and after creating it."""
        return {
            **self._common(),
            "data_source_info": {"upload_file_id": self.file_id},
            "data_source_detail_dict": {"upload_file": self.file_as_json()},
            "word_count": self.word_count if self.indexing_status == "completed" else None,
            "doc_metadata": metadata,
        }

    def detail(self, dataset_id: str, dataset_rule: dict[str, Json]) -> dict[str, Json]:
        """Return its JSON when it is read alone, without metadata."""
        completed_at = self.completed_at
        shown = list(self.segments.values())
        return {
            **self._common(),
            "data_source_info": {"upload_file": self.file_as_json()},
            "dataset_process_rule": dict(dataset_rule),
            "document_process_rule": {"id": self.rule_id, "dataset_id": dataset_id, **self.rule},
            "completed_at": None if completed_at is None else int(self.updated_at),
            "updated_at": int(self.updated_at),
            "indexing_latency": None if completed_at is None else completed_at - self.started_at,
            "segment_count": len(shown),
            "average_segment_length": self.word_count // len(shown) if shown else 0,
            "doc_language": self.doc_language,
        }

    def status_as_json(self) -> dict[str, Json]:
        """Return its JSON in the indexing status of a batch."""
        began = None if self.indexing_status == "waiting" else int(self.updated_at)
        is_indexed = self.indexing_status == "completed"
        return {
            "id": self.id,
            "indexing_status": self.indexing_status,
            "processing_started_at": began,
            "parsing_completed_at": began,
            "cleaning_completed_at": began,
            "splitting_completed_at": began,
            "completed_at": int(self.updated_at) if is_indexed else None,
            "paused_at": None,
            "error": self.error,
            "stopped_at": int(self.updated_at) if self.error is not None else None,
            "completed_segments": len(self.segments) if is_indexed else 0,
            "total_segments": len(self.segments),
        }
