"""Create, change, index and download documents."""

from __future__ import annotations

import io
import json
import secrets
import time
import zipfile
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from dify_async._types import Json
from dify_async.models.files import extension_of
from dify_async.testing.api_errors import UNREADABLE, ErrorResponse, invalid, invalid_param, not_found
from dify_async.testing.faults import Drop
from dify_async.testing.routes.call import Call, Routes, SentFile
from dify_async.testing.routes.files import size_limit
from dify_async.testing.routes.knowledge.checks import (
    DATASET,
    DOCUMENT,
    Field,
    checked,
    dataset_of,
    dataset_to_change,
    document_of,
    limited,
    page,
)
from dify_async.testing.state.documents import FakeDocument
from dify_async.testing.state.knowledge import FakeDataset

_EXTENSIONS: Final = frozenset(
    {"txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "vtt", "properties", "docx", "csv"}
)
"""Types of files that a server without the Unstructured extractor can read."""
_FORMS: Final = ("text_model", "qa_model", "hierarchical_model")
_SETTINGS: Final = (
    Field("process_rule", dict),
    Field("doc_form", choices=_FORMS),
    Field("doc_language"),
    Field("indexing_technique", choices=("high_quality", "economy")),
    Field("retrieval_model", dict),
    Field("embedding_model"),
    Field("embedding_model_provider"),
)
_ACTIVE: Final = {"active": "available", "enabled": "available"}
_STATUSES: Final = ("queuing", "indexing", "paused", "error", "available", "disabled", "archived")
_ACTIONS: Final = {
    "enable": {"enabled": True},
    "disable": {"enabled": False},
    "archive": {"archived": True},
    "un_archive": {"archived": False},
}
_ZIP_LIMIT: Final = 100


# Create and change


async def create_by_text(call: Call) -> web.Response:
    """Create a document from text."""
    fields = (Field("name", required=True), Field("text", required=True), *_SETTINGS)
    body = checked("DocumentTextCreatePayload", await call.body(), *fields)
    dataset = _ready(call, body)
    return _added(call, dataset, body, body["name"], body["text"].encode(), "text/plain")


async def create_by_file(call: Call) -> web.Response:
    """Create a document from a file."""
    settings, files = await _form(call)
    dataset = _ready(call, settings)
    file = _one_file(files)
    if file is None:
        raise ErrorResponse(400, "no_file_uploaded", "Please upload your file.")
    if _is_unsupported(file):
        raise invalid_param("")
    if len(file.content) > size_limit(file.name):
        raise invalid_param("File size exceeded.")
    return _added(call, dataset, settings, file.name, file.content, file.mime_type or "")


async def update_by_text(call: Call) -> web.Response:
    """Change the name or the text of a document."""
    model = "DocumentTextUpdate"
    body = checked(model, await call.body(), Field("name"), Field("text"), *_SETTINGS)
    text = body.get("text")
    if text is not None and not body.get("name"):
        raise invalid(model, "", "Value error, name is required when text is provided [type=value_error]")
    content = None if text is None else text.encode()
    return _replaced(call, body, body.get("name"), content, "text/plain")


async def update_by_file(call: Call) -> web.Response:
    """Change the name or the file of a document."""
    settings, files = await _form(call)
    dataset_to_change(call)
    file = _one_file(files)
    if file is None:
        return _replaced(call, settings, settings.get("name"), None, "")
    if _is_unsupported(file):
        raise ErrorResponse(415, "unsupported_file_type", "File type not allowed.")
    if len(file.content) > size_limit(file.name):
        raise ErrorResponse(413, "file_too_large", "File size exceeded.")
    return _replaced(call, settings, file.name, file.content, file.mime_type or "")


async def _form(call: Call) -> tuple[dict[str, Any], list[SentFile]]:
    """Return the settings and the files of a form."""
    fields, files = await call.form(size_limit)
    try:
        settings = json.loads(fields.get("data") or "{}")
    except ValueError:
        raise ErrorResponse(400, "bad_request", UNREADABLE) from None
    return checked("KnowledgeConfig", settings, *_SETTINGS), files


def _one_file(files: Sequence[SentFile]) -> SentFile | None:
    if not any(file.field == "file" for file in files):
        return None
    if len(files) > 1:
        raise ErrorResponse(400, "too_many_files", "Only one file is allowed.")
    if not files[0].name:
        raise ErrorResponse(400, "filename_not_exists_error", "The specified filename does not exist.")
    if {"/", "\\"} & set(files[0].name):
        raise invalid_param("Filename contains invalid characters")
    return files[0]


def _is_unsupported(file: SentFile) -> bool:
    return extension_of(file.name) not in _EXTENSIONS


def _ready(call: Call, settings: dict[str, Any]) -> FakeDataset:
    """Return the knowledge base of a new document, if it can be indexed there."""
    dataset = dataset_to_change(call)
    if dataset.provider == "external":
        raise invalid_param("External datasets are not supported.")
    if not (settings.get("indexing_technique") or dataset.indexing_technique):
        raise invalid_param("indexing_technique is required.")
    return dataset


def _added(
    call: Call, dataset: FakeDataset, settings: dict[str, Any], name: str, content: bytes, mime_type: str
) -> web.Response:
    rule = settings.get("process_rule") or dataset.rule
    if rule is None:
        raise invalid_param("process_rule is required.")
    knowledge = call.state.knowledge
    knowledge.check_capacity()
    dataset.rule = rule
    dataset.indexing_technique = settings.get("indexing_technique") or dataset.indexing_technique
    doc_form = dataset.doc_form = settings.get("doc_form") or dataset.doc_form or "text_model"
    document = FakeDocument(
        name=name,
        content=content,
        mime_type=mime_type,
        position=max((one.position for one in dataset.documents.values()), default=0) + 1,
        batch=time.strftime("%Y%m%d%H%M%S") + str(secrets.randbelow(900_000) + 100_000),
        indexing=knowledge.indexing_for(name),
        rule=rule,
        started_at=knowledge.now,
        doc_form=doc_form,
        doc_language=settings.get("doc_language") or "English",
    )
    dataset.documents.add(document)
    call.state.notify()
    return _with_batch(call, dataset, document)


def _replaced(
    call: Call, settings: dict[str, Any], name: str | None, content: bytes | None, mime_type: str
) -> web.Response:
    dataset, document = dataset_of(call), document_of(call)
    if document.display_status != "available":
        raise invalid_param("Document is not available")  # Recording: `116_ds_doc_update`.
    document.rule = settings.get("process_rule") or document.rule
    knowledge = call.state.knowledge
    document.replace(
        name=name or document.name,
        content=document.content if content is None else content,
        mime_type=mime_type or document.mime_type,
        indexing=knowledge.indexing_for(name or document.name),
        now=knowledge.now,
    )
    call.state.notify()
    return _with_batch(call, dataset, document)


def _with_batch(call: Call, dataset: FakeDataset, document: FakeDocument) -> web.Response:
    if isinstance(call.fault, Drop):
        return call.hang_up()
    return call.json({"document": document.as_json(dataset.metadata_of(document)), "batch": document.batch})


# Read


async def listed(call: Call) -> web.Response:
    """List the documents, newest first."""
    dataset, keyword = dataset_of(call), call.query.get("keyword", "")
    wanted = call.query.get("status", "")
    wanted = _ACTIVE.get(wanted, wanted)
    found = [
        one
        for one in dataset.documents.newest_first
        if keyword.casefold() in one.name.casefold()
        and (wanted not in _STATUSES or one.display_status == wanted)
    ]
    shown, described = page(call, found)
    return call.json({"data": [one.as_json(dataset.metadata_of(one)) for one in shown], **described})


async def get(call: Call) -> web.Response:
    """Return a document: with metadata, without metadata, or only its metadata."""
    part = call.query.get("metadata", "all")
    if part not in {"all", "only", "without"}:
        raise ErrorResponse(400, "invalid_metadata", f"Invalid metadata value: {part}")
    dataset, document = dataset_of(call), document_of(call)
    document.advance(call.state.knowledge.now, is_poll=True)
    metadata: dict[str, Json] = {
        "id": document.id,
        "doc_type": None,
        "doc_metadata": dataset.metadata_of(document) or None,
    }
    detail = {} if part == "only" else document.detail(dataset.id, dataset.rule or {})
    return call.json({**detail, **({} if part == "without" else metadata)})


async def indexing_status(call: Call) -> web.Response:
    """Return the indexing status of the documents of a batch."""
    dataset, now = dataset_of(call), call.state.knowledge.now
    found = [one for one in dataset.documents.values() if one.batch == call.path["batch"]]
    if not found:
        raise not_found("Documents not found.")
    for document in found:
        document.advance(now, is_poll=True)
    more = dict.fromkeys(("error_code", "estimated_vector_space_mb", "vector_space_limit_mb"))
    extra = more if call.state.version.reports_vector_space else {}
    return call.json({"data": [{**document.status_as_json(), **extra} for document in found]})


async def delete(call: Call) -> web.Response:
    """Delete a document."""
    document = document_of(call)
    if document.archived:
        raise ErrorResponse(403, "archived_document_immutable", "The archived document is not editable.")
    dataset_of(call).documents.remove(document.id)
    call.state.notify()
    return call.nothing()


async def switch(call: Call) -> web.Response:
    """Enable, disable, archive or unarchive documents."""
    changes = _ACTIONS.get(call.path["action"])
    if changes is None:
        raise ErrorResponse(400, "invalid_action", "Invalid action.")
    body = checked("DocumentStatusPayload", await call.body(), Field("document_ids", list))
    documents = dataset_of(call).documents
    wanted: list[str] = body.get("document_ids") or []
    found = [documents.find(document_id) for document_id in wanted]
    for document in found:
        if document.indexing_status not in {"completed", "error"}:
            message = f"Document:{document.name} is being indexed, please try again later"
            raise ErrorResponse(400, "invalid_action", message)
    for document in found:
        for name, value in changes.items():
            setattr(document, name, value)
    return call.done()


# Download


async def download_url(call: Call) -> web.Response:
    """Return the URL of a document's file."""
    document = document_of(call)
    query = "timestamp=1795308882&nonce=0&sign=fake&as_attachment=true"
    return call.json({"url": f"{call.state.origin}/files/{document.file_id}/file-preview?{query}"})


async def download(call: Call) -> web.Response:
    """Return the file of a document or of a run. The URL is signed, so no key is needed."""
    if call.path["file_id"] in call.state.files:
        stored = call.state.files.find(call.path["file_id"])
        return web.Response(body=stored.content, content_type=stored.mime_type, headers=call.headers)
    for document in call.state.knowledge.documents:
        if document.file_id == call.path["file_id"]:
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name)}"}
            return web.Response(
                body=document.content,
                content_type="application/octet-stream",
                headers={**call.headers, **headers},
            )
    raise not_found("File not found or signature is invalid")


async def download_zip(call: Call) -> web.Response:
    """Return the files of several documents in one archive."""
    field = Field("document_ids", list, required=True, low=1, high=_ZIP_LIMIT)
    body = checked("DocumentBatchDownloadZipPayload", await call.body(), field)
    documents = dataset_of(call).documents
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for document_id in body["document_ids"]:
            document = documents.find(document_id)
            file.writestr(document.name, document.content)
    return web.Response(body=archive.getvalue(), content_type="application/zip", headers=call.headers)


_CREATE: Final = f"{DATASET}/document"
ROUTES: Final[Routes] = [
    ("POST", f"{_CREATE}/create-by-text", limited(create_by_text)),
    ("POST", f"{_CREATE}/create_by_text", limited(create_by_text)),
    ("POST", f"{_CREATE}/create-by-file", limited(create_by_file)),
    ("POST", f"{_CREATE}/create_by_file", limited(create_by_file)),
    ("POST", f"{DOCUMENT}/update-by-text", limited(update_by_text)),
    ("POST", f"{DOCUMENT}/update_by_text", limited(update_by_text)),
    ("POST", f"{DOCUMENT}/update-by-file", limited(update_by_file)),
    ("POST", f"{DOCUMENT}/update_by_file", limited(update_by_file)),
    ("PATCH", DOCUMENT, limited(update_by_file)),
    ("GET", f"{DATASET}/documents", listed),
    ("GET", DOCUMENT, get),
    ("DELETE", DOCUMENT, limited(delete)),
    ("GET", f"{DATASET}/documents/{{batch}}/indexing-status", indexing_status),
    ("PATCH", f"{DATASET}/documents/status/{{action}}", switch),
    ("POST", f"{DATASET}/documents/download-zip", limited(download_zip)),
    ("GET", f"{DOCUMENT}/download", limited(download_url)),
]
OPEN: Final[Routes] = [("GET", "/files/{file_id}/file-preview", download)]
"""The file of a document or of a run; without a prefix and without a key."""
