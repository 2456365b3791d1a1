"""Knowledge bases, which Dify's API calls datasets."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async.models._base import Model, OpenEnum, Received, Settings
from dify_async.models.metadata import MetadataField
from dify_async.models.retrieval import RetrievalModel
from dify_async.models.tags import KnowledgeTag

__all__ = [
    "Dataset",
    "DatasetIcon",
    "DatasetPermission",
    "DocForm",
    "ExternalKnowledge",
    "ExternalRetrievalModel",
    "IndexingTechnique",
    "SummaryIndexSetting",
]


class IndexingTechnique(OpenEnum):
    """How a knowledge base finds its content."""

    HIGH_QUALITY = "high_quality"
    """By embeddings of an embedding model."""
    ECONOMY = "economy"
    """By keywords, without a model."""


class DatasetPermission(OpenEnum):
    """Who in the workspace may use a knowledge base."""

    ONLY_ME = "only_me"
    """Only the member who created it."""
    ALL_TEAM_MEMBERS = "all_team_members"
    """All members of the workspace."""
    PARTIAL_MEMBERS = "partial_members"
    """Selected members of the workspace."""


class DocForm(OpenEnum):
    """How documents are divided: plain chunks, questions and answers, or parents with child chunks."""

    TEXT = "text_model"
    """Plain chunks."""
    QA = "qa_model"
    """Questions and answers."""
    HIERARCHICAL = "hierarchical_model"
    """Parent chunks with child chunks."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ExternalKnowledge(Model):
    """Where an external knowledge base has its content."""

    external_knowledge_id: str | None = None
    """The id of the content in the external system."""
    external_knowledge_api_id: str | None = None
    """The id of the connection to the external system."""
    external_knowledge_api_name: str | None = None
    """The name of the connection."""
    external_knowledge_api_endpoint: str | None = None
    """The address of the external system."""


@attrs.define(kw_only=True, eq=False, repr=False)
class ExternalRetrievalModel(Settings):
    """How an external knowledge base is searched."""

    top_k: int | None = None
    """Maximum number of results."""
    score_threshold: float | None = None
    """Minimum score of a result, 0 to 1."""
    score_threshold_enabled: bool | None = None
    """Whether `score_threshold` applies."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SummaryIndexSetting(Settings):
    """Whether summaries of the documents are made and searched."""

    enable: bool | None = None
    """True if summaries are made."""
    model_name: str | None = None
    """The model that writes them."""
    model_provider_name: str | None = None
    """The provider of that model."""
    summary_prompt: str | None = None
    """The instruction to that model."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DatasetIcon(Model):
    """The icon of a knowledge base."""

    icon_type: str | None = None
    """`emoji`, `image`, ..."""
    icon: str | None = None
    """An emoji, or the id of a file."""
    icon_background: str | None = None
    """A color such as `#FFEAD5`."""
    icon_url: str | None = None
    """The address of an image."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Dataset(Received):
    """A knowledge base."""

    _shown_first = ("name", "id")

    id: str = ""
    """The knowledge base's id."""
    name: str = ""
    """Its name, unique in the workspace."""
    description: str | None = None
    """What it contains."""
    provider: str = ""
    """`vendor`, or `external` for content that is kept elsewhere."""
    permission: DatasetPermission = DatasetPermission.ONLY_ME
    """Who may use it."""
    data_source_type: str | None = None
    """`upload_file`, `notion_import`, `website_crawl`, ... None before the first document."""
    indexing_technique: IndexingTechnique | None = None
    """How it finds content. None if neither it nor its first document was created with one."""
    app_count: int = 0
    """Number of apps that use it."""
    document_count: int = 0
    """Number of documents."""
    word_count: int = 0
    """Number of characters or words of all documents, as the server counts them."""
    created_by: str = ""
    """The id of the member who created it."""
    author_name: str | None = None
    """The name of that member."""
    created_at: datetime | None = None
    """When it was created."""
    updated_by: str | None = None
    """The id of the member who changed it last."""
    updated_at: datetime | None = None
    """When it was changed last."""
    embedding_model: str | None = None
    """The embedding model, for `high_quality`."""
    embedding_model_provider: str | None = None
    """The provider of the embedding model."""
    embedding_available: bool | None = None
    """Whether the embedding model can be used. Filled in by `get` and `list` only."""
    retrieval_model_dict: RetrievalModel = attrs.Factory(RetrievalModel)
    """How it is searched if a request contains no settings."""
    summary_index_setting: SummaryIndexSetting = attrs.Factory(SummaryIndexSetting)
    """Whether summaries are made. Servers before 1.14 do not send it."""
    tags: list[KnowledgeTag] = attrs.Factory(list[KnowledgeTag])
    """Its tags."""
    doc_form: DocForm | None = None
    """How documents are divided. None before the first document."""
    external_knowledge_info: ExternalKnowledge = attrs.Factory(ExternalKnowledge)
    """Where an external knowledge base has its content."""
    external_retrieval_model: ExternalRetrievalModel | None = None
    """How an external knowledge base is searched."""
    doc_metadata: list[MetadataField] = attrs.Factory(list[MetadataField])
    """The metadata fields of its documents."""
    built_in_field_enabled: bool = False
    """Whether documents have the built-in metadata fields."""
    pipeline_id: str | None = None
    """The id of its pipeline. None unless `runtime_mode` is `rag_pipeline`."""
    runtime_mode: str | None = None
    """`general` or `rag_pipeline`."""
    chunk_structure: str | None = None
    """The form of the chunks of a pipeline."""
    icon_info: DatasetIcon = attrs.Factory(DatasetIcon)
    """Its icon."""
    is_published: bool = False
    """Whether its pipeline is published."""
    total_documents: int = 0
    """Number of documents, including those that are not available."""
    total_available_documents: int = 0
    """Number of documents that are indexed, enabled and not archived."""
    enable_api: bool = False
    """Whether the API may use it."""
    is_multimodal: bool = False
    """Whether it indexes images too."""
    maintainer: str | None = None
    """The id of the member who maintains it. Servers before 1.16 do not send it."""
    partial_member_list: list[str] | None = None
    """The ids of the members who may use it. None unless `permission` is `partial_members`."""
