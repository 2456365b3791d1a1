"""Metadata fields of knowledge bases, and their values in documents."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async.testing.api_errors import invalid, invalid_param
from dify_async.testing.ids import UUID_PATH
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.knowledge.checks import DATASET, Field, checked, dataset_of, limited
from dify_async.testing.state.knowledge import BUILT_IN_FIELDS, FakeDataset, FakeMetadataField

_FIELD: Final = f"{DATASET}/metadata/{{metadata_id:{UUID_PATH}}}"
_NAME: Final = Field("name", required=True)


async def listed(call: Call) -> web.Response:
    """List the fields."""
    dataset = dataset_of(call)
    return call.json(
        {
            "doc_metadata": [
                {
                    "id": field.id,
                    "name": field.name,
                    "type": field.type,
                    "count": sum(field.id in document.metadata for document in dataset.documents.values()),
                }
                for field in dataset.fields.values()
            ],
            "built_in_field_enabled": dataset.built_in_fields,
        }
    )


async def create(call: Call) -> web.Response:
    """Create a field."""
    body = checked(
        "MetadataArgs",
        await call.body(),
        Field("type", required=True, choices=("string", "number", "time")),
        _NAME,
    )
    dataset = dataset_of(call)
    _check_name(dataset, body["name"])
    field = dataset.fields.add(FakeMetadataField(name=body["name"], type=body["type"]))
    return call.json(field.as_json(), 201)


async def update(call: Call) -> web.Response:
    """Rename a field."""
    name = checked("MetadataUpdatePayload", await call.body(), _NAME)["name"]
    dataset = dataset_of(call)
    _check_name(dataset, name)
    field = dataset.fields.get(call.path["metadata_id"])
    if field is None:
        raise invalid("DatasetMetadataResponse", "id", "Field required [type=missing]")
    field.name = name
    return call.json(field.as_json())


async def delete(call: Call) -> web.Response:
    """Delete a field. Unknown ids are accepted."""
    dataset, metadata_id = dataset_of(call), call.path["metadata_id"]
    dataset.fields.pop(metadata_id, None)
    for document in dataset.documents.values():
        document.metadata.pop(metadata_id, None)
    return call.nothing()


def _check_name(dataset: FakeDataset, name: str) -> None:
    if len(name) > 255:
        raise invalid_param("Metadata name cannot exceed 255 characters.")
    if any(field.name == name for field in dataset.fields.values()):
        raise invalid_param("Metadata name already exists.")
    if name in BUILT_IN_FIELDS:
        raise invalid_param("Metadata name already exists in Built-in fields.")


async def built_in(call: Call) -> web.Response:
    """List the built-in fields."""
    dataset_of(call)
    return call.json({"fields": [{"name": name, "type": kind} for name, kind in BUILT_IN_FIELDS.items()]})


async def switch_built_in(call: Call) -> web.Response:
    """Turn the built-in fields on or off; other actions have no effect."""
    dataset, action = dataset_of(call), call.path["action"]
    if action in {"enable", "disable"}:
        dataset.built_in_fields = action == "enable"
    return call.done()


async def assign(call: Call) -> web.Response:
    """Set values of fields in documents."""
    body = checked("MetadataOperationData", await call.body(), Field("operation_data", list, required=True))
    dataset = dataset_of(call)
    for operation in body["operation_data"]:
        fields = (Field("document_id", required=True), Field("metadata_list", list, required=True))
        checked("DocumentMetadataOperation", operation, *fields)
        document = dataset.documents.get(operation["document_id"])
        if document is None:
            raise invalid_param("Document not found.")
        values = {detail["id"]: detail.get("value") for detail in operation["metadata_list"]}
        kept = document.metadata if operation.get("partial_update") else {}
        document.metadata = {**kept, **values}
    return call.done()


ROUTES: Final[Routes] = [
    ("GET", f"{DATASET}/metadata", listed),
    ("POST", f"{DATASET}/metadata", limited(create)),
    ("PATCH", _FIELD, limited(update)),
    ("DELETE", _FIELD, limited(delete)),
    ("GET", f"{DATASET}/metadata/built-in", built_in),
    ("POST", f"{DATASET}/metadata/built-in/{{action}}", limited(switch_built_in)),
    ("POST", f"{DATASET}/documents/metadata", limited(assign)),
]
