"""Knowledge bases, the models they may use, and retrieval."""

from __future__ import annotations

import time
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, invalid_param, missing
from dify_async.testing.engine.chunks import match
from dify_async.testing.engine.metadata_filter import COMPARISONS, is_included
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.knowledge.checks import (
    DATASET,
    Field,
    checked,
    dataset_of,
    knowledge_of,
    limited,
    page,
)
from dify_async.testing.state.documents import ACCOUNT_ID, FakeDocument, FakeSegment
from dify_async.testing.state.knowledge import FakeDataset
from dify_async.testing.state.state import TENANT_ID

_MODEL_TYPES: Final = ("llm", "text-embedding", "rerank", "speech2text", "moderation", "tts")
_SEARCH_METHODS: Final = ("semantic_search", "full_text_search", "hybrid_search", "keyword_search")
_SETTINGS: Final = (
    Field("description", high=400),
    Field("indexing_technique", choices=("high_quality", "economy")),
    Field("permission", choices=("only_me", "all_team_members", "partial_members")),
    Field("embedding_model"),
    Field("embedding_model_provider"),
    Field("retrieval_model", dict),
    Field("partial_member_list", list),
)
_KEPT: Final = (
    "name",
    "description",
    "provider",
    "permission",
    "indexing_technique",
    "embedding_model",
    "embedding_model_provider",
)


async def listed(call: Call) -> web.Response:
    """List the knowledge bases, newest first."""
    keyword, wanted = call.query.get("keyword", ""), set(call.request.query.getall("tag_ids", []))
    found = [
        one
        for one in knowledge_of(call).datasets.newest_first
        if keyword.casefold() in one.name.casefold() and wanted <= set(one.tags)
    ]
    shown, described = page(call, found)
    return call.json({"data": [_json(call, one) for one in shown], **described})


async def create(call: Call) -> web.Response:
    """Create a knowledge base."""
    body = checked(
        "DatasetCreatePayload",
        await call.body(),
        Field("name", required=True, low=1, high=40),
        Field("provider"),
        *_SETTINGS,
    )
    _check_name(call, body["name"], None)
    dataset = FakeDataset(name=body["name"])
    _change(dataset, body)
    call.state.knowledge.datasets.add(dataset)
    return call.json(_json(call, dataset, embedding_available=None))


async def get(call: Call) -> web.Response:
    """Return a knowledge base."""
    return call.json(_detail(call, dataset_of(call)))


async def update(call: Call) -> web.Response:
    """Change a knowledge base."""
    body = checked("DatasetUpdatePayload", await call.body(), Field("name", low=1, high=40), *_SETTINGS)
    dataset = dataset_of(call)
    if body.get("name") is not None:
        _check_name(call, body["name"], dataset)
    _change(dataset, body)
    return call.json(_detail(call, dataset))


async def delete(call: Call) -> web.Response:
    """Delete a knowledge base."""
    dataset = dataset_of(call)
    if dataset.app_count:
        raise ErrorResponse(
            409,
            "dataset_in_use",
            "The dataset is being used by some apps. Please remove the dataset from the apps before "
            "deleting it.",
        )
    call.state.knowledge.datasets.remove(dataset.id)
    return call.nothing()


def _check_name(call: Call, name: str, own: FakeDataset | None) -> None:
    if any(one.name == name for one in call.state.knowledge.datasets.values() if one is not own):
        if own is not None:
            raise invalid_param("Dataset name already exists")
        raise ErrorResponse(
            409,
            "dataset_name_duplicate",
            "The dataset name already exists. Please modify your dataset name.",
        )


def _change(dataset: FakeDataset, body: dict[str, Any]) -> None:
    if body.get("retrieval_model") is not None:
        dataset.retrieval = {**dataset.retrieval, **_checked_retrieval(body["retrieval_model"])}
    if body.get("partial_member_list") is not None:
        dataset.members = [str(member.get("user_id")) for member in body["partial_member_list"]]
    for name in _KEPT:
        if body.get(name) is not None:
            setattr(dataset, name, body[name])
    dataset.updated_at = time.time()


def _json(call: Call, dataset: FakeDataset, **changes: Any) -> dict[str, Json]:
    tags = call.state.knowledge.tags
    bound: list[Json] = [
        {"id": tag.id, "name": tag.name, "type": "knowledge"}
        for tag in tags.values()
        if tag.id in dataset.tags
    ]
    maintainer = {"maintainer": ACCOUNT_ID} if call.state.version.has_maintainer else {}
    return {**dataset.as_json(bound, **changes), **maintainer}


def _detail(call: Call, dataset: FakeDataset) -> dict[str, Json]:
    members = {"partial_member_list": list(dataset.members)}
    return {**_json(call, dataset), **(members if dataset.permission == "partial_members" else {})}


# Retrieval


async def retrieve(call: Call) -> web.Response:
    """Return the chunks of indexed documents that share words with a query."""
    body = checked(
        "HitTestingPayload",
        await call.body(),
        Field("query", required=True, high=250),
        Field("retrieval_model", dict),
        Field("external_retrieval_model", dict),
        Field("attachment_ids", list),
    )
    dataset, query = dataset_of(call), body["query"]
    if not query and not body.get("attachment_ids"):
        raise invalid_param("Query or attachment_ids is required.")
    given = body.get("retrieval_model")
    settings = dataset.retrieval if given is None else _checked_retrieval(given)
    filtering: dict[str, Any] = settings.get("metadata_filtering_conditions") or {}
    metadata = {document.id: _metadata(dataset, document) for document in dataset.documents.values()}
    found = [
        (match(query, f"{segment.content} {segment.answer or ''}"), document, segment)
        for document in dataset.documents.values()
        if document.display_status == "available" and is_included(metadata[document.id], filtering)
        for segment in document.segments.values()
        if segment.enabled
    ]
    found = [one for one in found if one[0] > 0 and one[0] >= _threshold(settings)]
    found.sort(key=lambda one: one[0], reverse=True)
    has_scores = settings["search_method"] != "keyword_search"  # Recording: `ds_retrieve`.
    records: list[Json] = [
        _record(document, metadata[document.id], segment, score if has_scores else 0.0)
        for score, document, segment in found[: settings["top_k"]]
    ]
    return call.json({"query": {"content": query}, "records": records})


def _checked_retrieval(settings: dict[str, Any]) -> dict[str, Any]:
    for name in ("search_method", "reranking_enable", "top_k", "score_threshold_enabled"):
        if name not in settings:
            raise missing("HitTestingPayload", f"retrieval_model.{name}")
    filtering: dict[str, Any] = settings.get("metadata_filtering_conditions") or {}
    checked(
        "HitTestingPayload",
        filtering,
        Field("logical_operator", choices=("and", "or")),
        Field("conditions", list),
    )
    conditions: list[dict[str, Any]] = filtering.get("conditions") or []
    for condition in conditions:
        operators = Field("comparison_operator", required=True, choices=tuple(COMPARISONS))
        checked("HitTestingPayload", condition, Field("name", required=True), operators)
    return checked(
        "HitTestingPayload", settings, Field("search_method", required=True, choices=_SEARCH_METHODS)
    )


def _threshold(settings: dict[str, Any]) -> float:
    return float(settings.get("score_threshold") or 0.0) if settings["score_threshold_enabled"] else 0.0


def _metadata(dataset: FakeDataset, document: FakeDocument) -> dict[str, Json]:
    """Return the metadata of a document by name."""
    return {entry["name"]: entry["value"] for entry in dataset.metadata_of(document)}


def _record(document: FakeDocument, metadata: dict[str, Json], segment: FakeSegment, score: float) -> Json:
    described = segment.as_json(document)
    for name in ("updated_at", "updated_by", "child_chunks", "attachments", "summary"):
        del described[name]
    return {
        "segment": {
            **described,
            "sign_content": None,
            "document": {
                "id": document.id,
                "data_source_type": "upload_file",
                "name": document.name,
                "doc_type": None,
                "doc_metadata": metadata or None,
            },
        },
        "child_chunks": [
            {"id": child.id, "content": child.content, "position": child.position, "score": score}
            for child in segment.children.values()
        ],
        "score": score,
        "tsne_position": None,
        "files": [],
        "summary": None,
    }


# Models


async def models(call: Call) -> web.Response:
    """List the models of a type by provider."""
    model_type = call.path["model_type"]
    if model_type not in _MODEL_TYPES:
        raise invalid_param(f"'{model_type}' is not a valid ModelType")
    names = call.state.knowledge.models.get(model_type, [])
    icon = f"{call.state.origin}/console/api/workspaces/{TENANT_ID}/model-providers/acme/fake/fake/icon_small"
    provider: Json = {
        "tenant_id": TENANT_ID,
        "provider": "acme/fake/fake",
        "label": {"zh_Hans": "Fake", "en_US": "Fake"},
        "icon_small": {"zh_Hans": f"{icon}/zh_Hans", "en_US": f"{icon}/en_US"},
        "icon_small_dark": None,
        "status": "active",
        "models": [
            {
                "model": name,
                "label": {"zh_Hans": name, "en_US": name},
                "model_type": model_type,
                "features": None,
                "fetch_from": "predefined-model",
                "model_properties": {"context_size": 8191, "max_chunks": 32},
                "deprecated": False,
                "status": "active",
                "load_balancing_enabled": False,
                "has_invalid_load_balancing_configs": False,
            }
            for name in names
        ],
    }
    return call.json({"data": [provider] if names else []})


ROUTES: Final[Routes] = [
    ("GET", "/datasets", listed),
    ("POST", "/datasets", limited(create)),
    ("GET", DATASET, get),
    ("PATCH", DATASET, limited(update)),
    ("DELETE", DATASET, limited(delete)),
    ("POST", f"{DATASET}/retrieve", limited(retrieve)),
    ("POST", f"{DATASET}/hit-testing", limited(retrieve)),
    ("GET", "/workspaces/current/models/model-types/{model_type}", models),
]
