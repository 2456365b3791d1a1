"""Settings and results of searching a knowledge base."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import Model, Received, Settings
from dify_async.models.segments import ChildChunk, Segment, SegmentFile

__all__ = [
    "KeywordWeight",
    "MetadataCondition",
    "MetadataFilter",
    "RerankingModel",
    "RetrievalModel",
    "RetrievalResult",
    "RetrievalWeights",
    "RetrievedQuery",
    "RetrievedRecord",
    "VectorWeight",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class RerankingModel(Settings):
    """The model that reranks results."""

    reranking_provider_name: str | None = None
    """The provider of the model."""
    reranking_model_name: str | None = None
    """The model."""


@attrs.define(kw_only=True, eq=False, repr=False)
class KeywordWeight(Settings):
    """The weight of keywords in a hybrid search."""

    keyword_weight: float | None = None
    """0 to 1."""


@attrs.define(kw_only=True, eq=False, repr=False)
class VectorWeight(Settings):
    """The weight of meaning in a hybrid search."""

    vector_weight: float | None = None
    """0 to 1."""
    embedding_provider_name: str | None = None
    """The provider of the embedding model."""
    embedding_model_name: str | None = None
    """The embedding model."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievalWeights(Settings):
    """The weights of a hybrid search."""

    weight_type: str | None = None
    """`semantic_first`, `keyword_first` or `customized`."""
    keyword_setting: KeywordWeight | None = None
    """The weight of keywords."""
    vector_setting: VectorWeight | None = None
    """The weight of meaning."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MetadataCondition(Settings):
    """A condition on one metadata field."""

    name: str | None = None
    """The name of the field."""
    comparison_operator: str | None = None
    """`contains`, `not contains`, `start with`, `end with`, `is`, `is not`, `empty`, `not empty`, `in`,
    `not in`, `=`, `≠`, `>`, `<`, `≥`, `≤`, `before` or `after`."""
    value: Json = None
    """What to compare with: a str, a number, or a list of str. None for `empty` and `not empty`."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MetadataFilter(Settings):
    """Conditions on the metadata of documents."""

    logical_operator: str | None = None
    """`and` (the server's default) or `or`."""
    conditions: list[MetadataCondition] | None = None
    """The conditions."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievalModel(Settings):
    """How a knowledge base is searched.

    A request that contains one must set `search_method`, `reranking_enable`, `top_k` and
    `score_threshold_enabled`; the server rejects it otherwise. The one of a `Dataset` is complete:

    ```python
    settings = attrs.evolve(dataset.retrieval_model_dict, top_k=10)
    ```
    """

    _shown_first = ("search_method", "top_k")

    search_method: str | None = None
    """`semantic_search`, `full_text_search`, `hybrid_search` or `keyword_search` (for `economy`)."""
    reranking_enable: bool | None = None
    """Whether a model reranks the results."""
    reranking_mode: str | None = None
    """`reranking_model` or `weighted_score`."""
    reranking_model: RerankingModel | None = None
    """The reranking model."""
    weights: RetrievalWeights | None = None
    """The weights of a hybrid search."""
    top_k: int | None = None
    """Maximum number of results."""
    score_threshold_enabled: bool | None = None
    """Whether `score_threshold` applies."""
    score_threshold: float | None = None
    """Minimum score of a result, 0 to 1."""
    metadata_filtering_conditions: MetadataFilter | None = None
    """Only documents whose metadata match. For requests; a `Dataset` has none."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievedQuery(Model):
    """The query of a search."""

    content: str = ""
    """Its text."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievedRecord(Model):
    """One result of a search."""

    _shown_first = ("score", "segment")

    segment: Segment = attrs.Factory(Segment)
    """The chunk that was found, with its `document`."""
    child_chunks: list[ChildChunk] = attrs.Factory(list[ChildChunk])
    """The child chunks that matched, with their scores."""
    score: float | None = None
    """How well it matches, 0 to 1. 0 for keyword searches."""
    tsne_position: Json = None
    """A position for drawing. None on current servers."""
    files: list[SegmentFile] = attrs.Factory(list[SegmentFile])
    """Images of the chunk."""
    summary: str | None = None
    """The chunk's summary."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RetrievalResult(Received):
    """The results of a search."""

    query: RetrievedQuery = attrs.Factory(RetrievedQuery)
    """The query."""
    records: list[RetrievedRecord] = attrs.Factory(list[RetrievedRecord])
    """The results, best first."""
