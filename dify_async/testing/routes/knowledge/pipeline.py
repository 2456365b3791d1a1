"""Pipelines of knowledge bases: their data sources, uploads, and runs."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, invalid_param
from dify_async.testing.engine.events import encoded
from dify_async.testing.ids import iso, new_id
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.files import size_limit
from dify_async.testing.routes.knowledge.checks import DATASET, Field, checked, dataset_of
from dify_async.testing.routes.streams import stream
from dify_async.testing.state.documents import ACCOUNT_ID
from dify_async.testing.state.files import StoredFile

_SOURCE: Final = (Field("inputs", dict, required=True), Field("datasource_type", required=True))
_PUBLISHED: Final = Field("is_published", bool, required=True)


async def plugins(call: Call) -> web.Response:
    """List the data sources of a pipeline, as a bare array."""
    return call.json(_plugins(call))


def _plugins(call: Call) -> list[Json]:
    found = dataset_of(call).plugins
    if found is None:
        raise invalid_param("Pipeline not found")
    return found


async def upload(call: Call) -> web.Response:
    """Store a file for a run of a pipeline."""
    _, files = await call.form(size_limit)
    if not any(file.field == "file" for file in files):
        raise ErrorResponse(400, "no_file_uploaded", "Please upload your file.")
    if len(files) > 1:
        raise ErrorResponse(400, "too_many_files", "Only one file is allowed.")
    sent = files[0]
    if not sent.name:
        raise ErrorResponse(400, "filename_not_exists_error", "The specified filename does not exist.")
    if len(sent.content) > size_limit(sent.name):
        raise invalid_param("File size exceeded.")
    file = StoredFile(new_id(), sent.name, sent.mime_type or "", sent.content, ACCOUNT_ID, "")
    call.state.files.add(file)
    described = {
        "id": file.id,
        "name": file.name,
        "size": len(file.content),
        "extension": file.extension,
        "mime_type": file.mime_type,
        "created_by": ACCOUNT_ID,
        "created_at": iso(time.time()),
    }
    return call.json(described, 201)


async def run_node(call: Call) -> web.StreamResponse:
    """Run a data source. Its events, including its failure, are streamed."""
    body = checked("DatasourceNodeRunPayload", await call.body(), *_SOURCE, _PUBLISHED)
    known = {plugin["node_id"] for plugin in _plugins(call)}
    return await stream(call, _events(body, is_known=call.path["node_id"] in known))


async def _events(body: dict[str, Any], *, is_known: bool) -> AsyncGenerator[bytes, None]:
    if not is_known:
        yield encoded({"event": "datasource_error", "error": "Datasource node data not found"})
        return
    yield encoded({"event": "datasource_processing", "total": 1, "completed": 0})
    done = {"total": 1, "completed": 1, "time_consuming": 0.1}
    yield encoded({"event": "datasource_completed", "data": [body["inputs"]], **done})


async def run(call: Call) -> web.Response:
    """Run the published pipeline in the background."""
    fields = (
        *_SOURCE,
        Field("datasource_info_list", list, required=True),
        Field("start_node_id", required=True),
        _PUBLISHED,
        Field("response_mode", required=True),
    )
    body = checked("PipelineRunApiEntity", await call.body(), *fields)
    dataset = dataset_of(call)
    if dataset.plugins is None or body["start_node_id"] not in {one["node_id"] for one in dataset.plugins}:
        raise ErrorResponse(500, "pipeline_run_error", "Pipeline run error.")
    documents: list[Json] = [
        {
            "id": new_id(),
            "position": position,
            "data_source_type": body["datasource_type"],
            "data_source_info": info,
            "name": str(info.get("name", position)),
            "indexing_status": "waiting",
            "error": None,
            "enabled": True,
        }
        for position, info in enumerate(body["datasource_info_list"], 1)
    ]
    described = {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "chunk_structure": dataset.doc_form or "text_model",
    }
    return call.json({"batch": new_id(), "dataset": described, "documents": documents})


ROUTES: Final[Routes] = [
    ("POST", "/datasets/pipeline/file-upload", upload),
    ("GET", f"{DATASET}/pipeline/datasource-plugins", plugins),
    ("POST", f"{DATASET}/pipeline/datasource/nodes/{{node_id}}/run", run_node),
    ("POST", f"{DATASET}/pipeline/run", run),
]
