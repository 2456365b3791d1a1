"""Helpers for the routes of knowledge bases: bodies, limits, pages, and records by id."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, Final, TypeVar

import attrs
from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import invalid, invalid_param, missing
from dify_async.testing.ids import UUID_PATH
from dify_async.testing.routes.call import Call, Handler
from dify_async.testing.state.collection import numbered_page
from dify_async.testing.state.documents import FakeDocument, FakeSegment
from dify_async.testing.state.knowledge import FakeDataset, Knowledge

ItemT = TypeVar("ItemT")

DATASET: Final = f"/datasets/{{dataset_id:{UUID_PATH}}}"
DOCUMENT: Final = f"{DATASET}/documents/{{document_id:{UUID_PATH}}}"
SEGMENT: Final = f"{DOCUMENT}/segments/{{segment_id:{UUID_PATH}}}"

_MOST: Final = 100
"""Maximum number of entries of a page."""
_NAMES: Final[dict[type, str]] = {str: "string", list: "list", dict: "dictionary", bool: "boolean"}


@attrs.frozen
class Field:
    """A field of a JSON body."""

    name: str
    kind: type = str
    required: bool = False
    low: int = 0
    high: int | None = None
    choices: Sequence[str] = ()


def checked(model: str, body: dict[str, Any], *fields: Field) -> dict[str, Any]:
    """Return the body, or raise the validator's error for the first invalid field."""
    for field in fields:
        value = body.get(field.name)
        if field.name not in body and field.required:
            raise missing(model, field.name)
        if value is None and not field.required:
            continue
        name = _NAMES[field.kind]
        if not isinstance(value, field.kind):
            raise invalid(model, field.name, f"Input should be a valid {name} [type={name}_type]")
        problem = (
            None if field.kind in {bool, dict} else _size_problem(field, name.capitalize(), body[field.name])
        )
        if problem:
            raise invalid(model, field.name, problem)
        if field.choices and value not in field.choices:
            raise invalid(
                model, field.name, f"Input should be {' or '.join(map(repr, field.choices))} [type=literal]"
            )
    return body


def _size_problem(field: Field, name: str, value: Sized) -> str | None:
    size = len(value)
    unit = "characters" if field.kind is str else "items"
    if size < field.low:
        return f"{name} should have at least {field.low} {unit} [type=too_short]"
    if field.high is not None and size > field.high:
        return f"{name} should have at most {field.high} {unit} [type=too_long]"
    return None


def limited(handler: Handler) -> Handler:
    """Return a handler that enforces the plan's limit on requests per minute."""

    async def answer(call: Call) -> web.StreamResponse:
        call.state.knowledge.check_rate()
        return await handler(call)

    return answer


def page(call: Call, records: Sequence[ItemT]) -> tuple[list[ItemT], dict[str, Json]]:
    """Return the requested page, and the fields that describe it in the response."""
    number, limit = call.whole("Query", "page", 1, 99999, 1), call.whole("Query", "limit", 1, 99999, 20)
    shown = numbered_page(records, number, min(limit, _MOST))
    return shown, {"has_more": len(shown) == limit, "limit": limit, "total": len(records), "page": number}


def knowledge_of(call: Call) -> Knowledge:
    """Return the knowledge bases, after indexing has been advanced to the current time."""
    knowledge = call.state.knowledge
    for document in knowledge.documents:
        document.advance(knowledge.now)
    return knowledge


def dataset_of(call: Call) -> FakeDataset:
    """Return the knowledge base of the path, or raise the server's 404."""
    return knowledge_of(call).datasets.find(call.path["dataset_id"])


def dataset_to_change(call: Call) -> FakeDataset:
    """Return the knowledge base of a new document, or raise the server's 400."""
    dataset = knowledge_of(call).datasets.get(call.path["dataset_id"])
    if dataset is None:
        raise invalid_param("Dataset does not exist.")
    return dataset


def document_of(call: Call) -> FakeDocument:
    """Return the document of the path, or raise the server's 404."""
    return dataset_of(call).documents.find(call.path["document_id"])


def segment_of(call: Call) -> FakeSegment:
    """Return the chunk of the path, or raise the server's 404."""
    return document_of(call).segments.find(call.path["segment_id"])
