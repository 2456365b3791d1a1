"""Chunks of documents, and child chunks of chunks."""

from __future__ import annotations

import time
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, invalid_param, not_found
from dify_async.testing.ids import UUID_PATH
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.knowledge.checks import (
    DOCUMENT,
    SEGMENT,
    Field,
    checked,
    document_of,
    limited,
    page,
    segment_of,
)
from dify_async.testing.state.collection import numbered_page
from dify_async.testing.state.documents import FakeChildChunk, FakeDocument, FakeSegment

_CHILD: Final = f"{SEGMENT}/child_chunks/{{child_chunk_id:{UUID_PATH}}}"
_CONTENT: Final = Field("content", required=True)
_MOST: Final = 100


async def listed(call: Call) -> web.Response:
    """List the chunks of a document."""
    document, keyword = document_of(call), call.query.get("keyword", "")
    statuses = call.request.query.getall("status", [])
    found = [
        described
        for described in (one.as_json(document) for one in document.segments.values())
        if keyword in described["content"] and (not statuses or described["status"] in statuses)
    ]
    shown, about = page(call, found)
    return call.json({"data": shown, "doc_form": document.doc_form, **about})


async def create(call: Call) -> web.Response:
    """Add chunks to a document."""
    document, body = document_of(call), await call.body()
    if document.indexing_status != "completed":
        raise not_found("Document is not completed.")
    if not document.enabled:
        raise not_found("Document is disabled.")
    try:
        given = checked("SegmentCreatePayload", body, Field("segments", list, required=True, low=1))[
            "segments"
        ]
        for one in given:
            checked("SegmentCreateItemPayload", one, Field("content", required=True, low=1))
    except ErrorResponse as error:  # Recording: `116_ds_segments_add_bad`.
        return call.json({"error": error.body["message"]}, 400)
    if document.doc_form == "qa_model" and not all(one.get("answer") for one in given):
        raise invalid_param("Answer is required")
    added = [document.segments.add(_new(document, one)) for one in given]
    return call.json({"data": [one.as_json(document) for one in added], "doc_form": document.doc_form})


def _new(document: FakeDocument, given: dict[str, Any]) -> FakeSegment:
    return FakeSegment(
        content=given["content"],
        answer=given.get("answer"),
        keywords=given.get("keywords") or [],
        position=max((one.position for one in document.segments.values()), default=0) + 1,
    )


def _one(call: Call) -> web.Response:
    document, segment = document_of(call), segment_of(call)
    return call.json({"data": segment.as_json(document), "doc_form": document.doc_form})


async def get(call: Call) -> web.Response:
    """Return a chunk."""
    return _one(call)


async def update(call: Call) -> web.Response:
    """Change a chunk."""
    body = checked("SegmentUpdatePayload", await call.body(), Field("segment", dict, required=True))
    segment, changes = segment_of(call), body["segment"]
    for name in ("content", "answer", "keywords", "enabled"):
        if changes.get(name) is not None:
            setattr(segment, name, changes[name])
    segment.updated_at = time.time()
    return _one(call)


async def delete(call: Call) -> web.Response:
    """Delete a chunk."""
    document_of(call).segments.remove(call.path["segment_id"])
    return call.nothing()


# Child chunks


async def children(call: Call) -> web.Response:
    """List the child chunks of a chunk."""
    segment, keyword = segment_of(call), call.query.get("keyword", "")
    number = call.whole("ChildChunkListQuery", "page", 1, 99999, 1)
    limit = min(call.whole("ChildChunkListQuery", "limit", 1, 99999, 20), _MOST)
    found = [child.as_json(segment.id) for child in segment.children.values() if keyword in child.content]
    described: dict[str, Json] = {
        "total": len(found),
        "total_pages": -(-len(found) // limit),
        "page": number,
        "limit": limit,
    }
    return call.json({"data": numbered_page(found, number, limit), **described})


async def create_child(call: Call) -> web.Response:
    """Add a child chunk."""
    content = checked("ChildChunkCreatePayload", await call.body(), _CONTENT)["content"]
    segment = segment_of(call)
    position = max((one.position for one in segment.children.values()), default=0) + 1
    child = segment.children.add(FakeChildChunk(content=content, position=position))
    return call.json({"data": child.as_json(segment.id)})


async def update_child(call: Call) -> web.Response:
    """Change a child chunk."""
    content = checked("ChildChunkUpdatePayload", await call.body(), _CONTENT)["content"]
    segment = segment_of(call)
    child = segment.children.find(call.path["child_chunk_id"])
    child.content, child.updated_at = content, time.time()
    return call.json({"data": child.as_json(segment.id)})


async def delete_child(call: Call) -> web.Response:
    """Delete a child chunk."""
    segment_of(call).children.remove(call.path["child_chunk_id"])
    return call.nothing()


ROUTES: Final[Routes] = [
    ("GET", f"{DOCUMENT}/segments", listed),
    ("POST", f"{DOCUMENT}/segments", limited(create)),
    ("GET", SEGMENT, get),
    ("POST", SEGMENT, limited(update)),
    ("DELETE", SEGMENT, limited(delete)),
    ("GET", f"{SEGMENT}/child_chunks", children),
    ("POST", f"{SEGMENT}/child_chunks", limited(create_child)),
    ("PATCH", _CHILD, limited(update_child)),
    ("DELETE", _CHILD, limited(delete_child)),
]
