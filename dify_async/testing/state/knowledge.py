"""Knowledge: settings and records of the knowledge bases of a fake server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import attrs

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse
from dify_async.testing.ids import new_id
from dify_async.testing.state.collection import Collection
from dify_async.testing.state.documents import ACCOUNT_ID, FakeDocument, Indexing

_MINUTE: Final = 60.0
_RATE_LIMIT: Final = "Sorry, you have reached the knowledge base request rate limit of your subscription."
_CAPACITY: Final = "The number of documents has reached the limit of your subscription."
DEFAULT_RETRIEVAL: Final[Mapping[str, Json]] = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": 2,
    "score_threshold_enabled": False,
    "score_threshold": None,
}
"""Default search settings of a knowledge base."""


@attrs.define(kw_only=True)
class FakeTag:
    """A tag of knowledge bases."""

    name: str
    """Name of the tag."""
    id: str = attrs.field(factory=new_id)
    """Id of the tag."""


@attrs.define(kw_only=True)
class FakeMetadataField:
    """A metadata field of a knowledge base."""

    name: str
    """Name of the field."""
    type: str
    """Type of the field: `string`, `number` or `time`."""
    id: str = attrs.field(factory=new_id)
    """Id of the field."""

    def as_json(self) -> dict[str, Json]:
        """Return its JSON."""
        return {"id": self.id, "type": self.type, "name": self.name}


@attrs.define(kw_only=True)
class FakeDataset:
    """A knowledge base."""

    name: str
    """Name of the knowledge base."""
    description: str = ""
    """Description that people see."""
    provider: str = "vendor"
    """`vendor`, or `external` for a knowledge base of another system."""
    permission: str = "only_me"
    """`only_me`, `all_team_members` or `partial_members`."""
    indexing_technique: str | None = None
    """`high_quality` or `economy`; None until the first document."""
    embedding_model: str | None = None
    """The embedding model."""
    embedding_model_provider: str | None = None
    """Provider of the embedding model."""
    retrieval: dict[str, Json] = attrs.field(factory=lambda: dict(DEFAULT_RETRIEVAL))
    """Search settings."""
    rule: dict[str, Json] | None = None
    """Rule for splitting documents without a rule: the rule of the last document that had one."""
    doc_form: str | None = None
    """Form of the documents; None until the first one."""
    members: list[str] = attrs.field(factory=list[str])
    """Ids of members who may use it, for `partial_members`."""
    documents: Collection[FakeDocument] = attrs.field(factory=lambda: Collection("Document not found."))
    """Documents by id, oldest first."""
    fields: Collection[FakeMetadataField] = attrs.field(factory=lambda: Collection("Metadata not found."))
    """Metadata fields by id."""
    built_in_fields: bool = False
    """True if documents have the built-in metadata fields."""
    tags: list[str] = attrs.field(factory=list[str])
    """Ids of the tags."""
    app_count: int = 0
    """Number of apps that use the knowledge base; if not 0, it cannot be deleted."""
    plugins: list[Json] | None = None
    """Data sources of its pipeline as the API lists them; None for a knowledge base without a pipeline."""
    id: str = attrs.field(factory=new_id)
    """Id of the knowledge base."""
    created_at: float = attrs.field(factory=time.time)
    """Unix time."""
    updated_at: float = attrs.field(factory=time.time)
    """Unix time of the last change."""

    def as_json(self, tags: list[Json], *, embedding_available: bool | None = True) -> dict[str, Json]:
        """Return the knowledge base's JSON, without fields that only some versions have."""
        documents = list(self.documents.values())
        available = [document for document in documents if document.display_status == "available"]
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "provider": self.provider,
            "permission": self.permission,
            "data_source_type": "upload_file" if documents else None,
            "indexing_technique": self.indexing_technique,
            "app_count": self.app_count,
            "document_count": len(documents),
            "word_count": sum(document.word_count for document in documents),
            "created_by": ACCOUNT_ID,
            "author_name": "Admin",
            "created_at": int(self.created_at),
            "updated_by": ACCOUNT_ID,
            "updated_at": int(self.updated_at),
            "embedding_model": self.embedding_model,
            "embedding_model_provider": self.embedding_model_provider,
            "embedding_available": embedding_available,
            "retrieval_model_dict": dict(self.retrieval),
            "summary_index_setting": dict.fromkeys(
                ("enable", "model_name", "model_provider_name", "summary_prompt")
            ),
            "tags": tags,
            "doc_form": self.doc_form,
            "external_knowledge_info": dict.fromkeys(
                (
                    "external_knowledge_id",
                    "external_knowledge_api_id",
                    "external_knowledge_api_name",
                    "external_knowledge_api_endpoint",
                )
            ),
            "external_retrieval_model": {
                "top_k": 2,
                "score_threshold": 0.0,
                "score_threshold_enabled": None,
            },
            "doc_metadata": [field.as_json() for field in self.fields.values()],
            "built_in_field_enabled": self.built_in_fields,
            "pipeline_id": None if self.plugins is None else self.id,
            "runtime_mode": "general" if self.plugins is None else "rag_pipeline",
            "chunk_structure": None,
            "icon_info": dict.fromkeys(("icon_type", "icon", "icon_background", "icon_url")),
            "is_published": False,
            "total_documents": len(documents),
            "total_available_documents": len(available),
            "enable_api": True,
            "is_multimodal": False,
        }

    def metadata_of(self, document: FakeDocument) -> list[dict[str, Json]]:
        """Return the metadata of a document as the API lists it."""
        own: list[dict[str, Json]] = [
            {**field.as_json(), "value": document.metadata[field.id]}
            for field in self.fields.values()
            if field.id in document.metadata
        ]
        if not self.built_in_fields:
            return own
        values = {
            "document_name": document.name,
            "uploader": "Admin",
            "upload_date": str(document.created_at),
            "last_update_date": str(document.updated_at),
            "source": "file_upload",
        }
        return own + [
            {"id": "built-in", "name": name, "type": BUILT_IN_FIELDS[name], "value": value}
            for name, value in values.items()
        ]


BUILT_IN_FIELDS: Final = {
    "document_name": "string",
    "uploader": "string",
    "upload_date": "time",
    "last_update_date": "time",
    "source": "string",
}
"""Types of the built-in metadata fields by name."""


@attrs.define(kw_only=True, eq=False)
class Knowledge:
    """Settings and records of the knowledge bases of a fake server."""

    api_key: str
    """Key of the Knowledge API."""
    indexing: Indexing = attrs.field(factory=Indexing)
    """How documents are indexed."""
    indexing_of: dict[str, Indexing] = attrs.field(factory=dict[str, Indexing])
    """How some documents are indexed, by name."""
    requests_per_minute: int | None = None
    """The plan's limit on searches and changes per minute; more are rejected with 403. None for no limit."""
    max_documents: int | None = None
    """The plan's limit on documents; more are rejected with 403. None for no limit."""
    models: dict[str, list[str]] = attrs.field(
        factory=lambda: {"text-embedding": ["fake-embed"], "rerank": [], "llm": ["fake-llm"]}
    )
    """Names of the models of the workspace, by type."""
    datasets: Collection[FakeDataset] = attrs.field(factory=lambda: Collection("Dataset not found."))
    """Knowledge bases by id, oldest first."""
    tags: Collection[FakeTag] = attrs.field(factory=lambda: Collection("Tag not found"))
    """Tags by id, oldest first."""
    _passed: float = attrs.field(default=0.0, init=False)
    _requests: list[float] = attrs.field(factory=list[float], init=False)

    @property
    def documents(self) -> list[FakeDocument]:
        """The documents of all knowledge bases."""
        return [one for dataset in list(self.datasets.values()) for one in list(dataset.documents.values())]

    @property
    def now(self) -> float:
        """The current time in seconds: real time plus the seconds of `advance`."""
        return time.monotonic() + self._passed

    def advance(self, seconds: float) -> None:
        """Move the clock: documents are indexed, and the limit per minute starts again."""
        self._passed += seconds

    def add(self, name: str, **settings: Json) -> FakeDataset:
        """Add a knowledge base."""
        return self.datasets.add(FakeDataset(name=name, **settings))

    def check_rate(self) -> None:
        """Count a request; raise the server's 403 if the plan allows no more in this minute."""
        if self.requests_per_minute is None:
            return
        self._requests = [one for one in self._requests if one > self.now - _MINUTE]
        if len(self._requests) >= self.requests_per_minute:
            raise ErrorResponse(403, "forbidden", _RATE_LIMIT)
        self._requests.append(self.now)

    def check_capacity(self) -> None:
        """Raise the server's 403 if the plan allows no more documents."""
        if self.max_documents is not None and len(self.documents) >= self.max_documents:
            raise ErrorResponse(403, "forbidden", _CAPACITY)

    def indexing_for(self, name: str) -> Indexing:
        """Return how a document is indexed."""
        return self.indexing_of.get(name, self.indexing)
