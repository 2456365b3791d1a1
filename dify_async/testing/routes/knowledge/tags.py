"""Tags of knowledge bases."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import invalid_param, missing
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.knowledge.checks import DATASET, Field, checked, dataset_of
from dify_async.testing.state.knowledge import FakeTag

_NAME: Final = Field("name", required=True, low=1, high=50)
_ID: Final = Field("tag_id", required=True)
_TARGET: Final = Field("target_id", required=True)


def _json(call: Call, tag: FakeTag) -> dict[str, Json]:
    bound = sum(tag.id in dataset.tags for dataset in call.state.knowledge.datasets.values())
    return {"id": tag.id, "name": tag.name, "type": "knowledge", "binding_count": str(bound)}


async def listed(call: Call) -> web.Response:
    """List all tags, as a bare array."""
    return call.json([_json(call, tag) for tag in call.state.knowledge.tags.values()])


async def create(call: Call) -> web.Response:
    """Create a tag."""
    name = checked("TagCreatePayload", await call.body(), _NAME)["name"]
    tags = call.state.knowledge.tags
    if any(tag.name == name for tag in tags.values()):
        raise invalid_param("Tag name already exists")
    return call.json(_json(call, tags.add(FakeTag(name=name))))


async def update(call: Call) -> web.Response:
    """Rename a tag."""
    body = checked("TagUpdatePayload", await call.body(), _NAME, _ID)
    tag = call.state.knowledge.tags.find(body["tag_id"])
    tag.name = body["name"]
    return call.json(_json(call, tag))


async def delete(call: Call) -> web.Response:
    """Delete a tag."""
    tag_id = checked("TagDeletePayload", await call.body(), _ID)["tag_id"]
    call.state.knowledge.tags.remove(tag_id)
    for dataset in call.state.knowledge.datasets.values():
        dataset.tags = [one for one in dataset.tags if one != tag_id]
    return call.nothing()


async def bind(call: Call) -> web.Response:
    """Add tags to a knowledge base."""
    model = "TagBindingPayload"
    body = checked(model, await call.body(), Field("tag_ids", list, required=True, low=1), _TARGET)
    dataset = call.state.knowledge.datasets.find(body["target_id"])
    wanted = [call.state.knowledge.tags.find(tag_id).id for tag_id in body["tag_ids"]]
    dataset.tags += [tag_id for tag_id in wanted if tag_id not in dataset.tags]
    return call.nothing()


async def unbind(call: Call) -> web.Response:
    """Remove tags from a knowledge base."""
    model = "TagUnbindingPayload"
    body = checked(model, await call.body(), Field("tag_ids", list), Field("tag_id"), _TARGET)
    tag_ids = body.get("tag_ids") or [body.get("tag_id")]
    if tag_ids == [None]:
        raise missing(model, "tag_ids")
    dataset = call.state.knowledge.datasets.find(body["target_id"])
    dataset.tags = [tag_id for tag_id in dataset.tags if tag_id not in tag_ids]
    return call.nothing()


async def of_dataset(call: Call) -> web.Response:
    """List the tags of a knowledge base."""
    dataset, tags = dataset_of(call), call.state.knowledge.tags
    bound: list[Json] = [{"id": tag.id, "name": tag.name} for tag in tags.values() if tag.id in dataset.tags]
    return call.json({"data": bound, "total": len(bound)})


ROUTES: Final[Routes] = [
    ("GET", "/datasets/tags", listed),
    ("POST", "/datasets/tags", create),
    ("PATCH", "/datasets/tags", update),
    ("DELETE", "/datasets/tags", delete),
    ("POST", "/datasets/tags/binding", bind),
    ("POST", "/datasets/tags/unbinding", unbind),
    ("GET", f"{DATASET}/tags", of_dataset),
]
