"""Upload, fetch and download files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from dify_async._types import Json
from dify_async.models.files import FileType
from dify_async.testing.api_errors import ErrorResponse, crashed, invalid_param
from dify_async.testing.ids import id_of, is_uuid, new_id
from dify_async.testing.routes.call import Call, Routes, SentFile
from dify_async.testing.state.files import StoredFile
from dify_async.testing.state.state import TENANT_ID

_MEBIBYTES: Final = {"image": 10, "video": 100, "audio": 50}
"""Limits of a default server in MiB by kind of file; 15 for all others."""


def size_limit(name: str) -> int:
    """Return the maximum size of a file in bytes."""
    return _MEBIBYTES.get(str(FileType.of_file(name, "")), 15) * 2**20


def keep(call: Call, files: Sequence[SentFile], user: str) -> web.Response:
    """Store the file of a form."""
    if not any(file.field == "file" for file in files):
        raise ErrorResponse(400, "no_file_uploaded", "Please upload your file.")
    if len({file.field for file in files}) > 1:
        raise ErrorResponse(400, "too_many_files", "Only one file is allowed.")
    sent = files[0]
    if not sent.name:
        raise ErrorResponse(400, "filename_not_exists_error", "The specified filename does not exist.")
    if not sent.mime_type and not call.on_web:
        raise ErrorResponse(415, "unsupported_file_type", "File type not allowed.")
    if {"/", "\\"} & set(sent.name):
        raise invalid_param("Filename contains invalid characters")
    file = _stored(call, sent.name, sent.mime_type or "", sent.content, user)
    return call.json(_uploaded(call, file), 201)


def keep_remote(call: Call, url: str, user: str) -> web.Response:
    """Fetch a file from a URL, and store it."""
    found = call.state.remote_files.get(url)
    if found is None:
        raise ErrorResponse(400, "remote_file_upload_error", f"Failed to fetch file from {url}: 404")
    mime_type, content = found
    name = urlsplit(url).path.rpartition("/")[2] or "unknown_file"
    file = _stored(call, name, mime_type, content, user)
    return call.json(_linked(call, file), 201)


def _stored(call: Call, name: str, mime_type: str, content: bytes, user: str) -> StoredFile:
    if len(content) > size_limit(name):
        raise ErrorResponse(413, "file_too_large", "")
    return call.state.files.add(StoredFile(new_id(), name, mime_type, content, user, call.state.app_id))


def _linked(call: Call, file: StoredFile) -> dict[str, Json]:
    return {
        "id": file.id,
        "name": file.name,
        "size": len(file.content),
        "extension": file.extension,
        "url": file.url(call.state.origin),
        "mime_type": file.mime_type,
        "created_by": id_of(file.user),
        "created_at": int(time.time()),
    }


def _uploaded(call: Call, file: StoredFile) -> dict[str, Json]:
    described = _linked(call, file)
    url = described.pop("url")
    return {
        **described,
        "reference": None,
        "preview_url": None,
        "source_url": url,
        "original_url": None,
        "user_id": None,
        "tenant_id": TENANT_ID,
        "conversation_id": None,
        "file_key": None,
    }


async def upload(call: Call) -> web.Response:
    """Store a file."""
    fields, files = await call.form(size_limit)
    return keep(call, files, call.named_user(fields, needed=False))


async def preview(call: Call) -> web.Response:
    """Return a file of a message."""
    file_id = call.path["file_id"]
    if not is_uuid(file_id):
        raise web.HTTPNotFound
    file = call.state.files.get(file_id)
    if file is None or not file.in_message:
        raise ErrorResponse(404, "file_not_found", "File not found in message context")
    if file.app_id != call.state.app_id:
        raise ErrorResponse(403, "file_access_denied", "File access denied: not owned by requesting app")
    headers = {**call.headers, "Cache-Control": "public, max-age=3600", "Content-Type": file.mime_type}
    if call.flag("as_attachment"):
        headers["Content-Type"] = "application/octet-stream"
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
    return web.Response(body=file.content, headers=headers)


async def remote_info(call: Call) -> web.Response:
    """Return the type and size of a file at a URL."""
    query = call.request.query_string
    found = call.state.remote_files.get(call.path["url"] + (f"?{query}" if query else ""))
    if found is None:
        raise crashed()
    mime_type, content = found
    return call.json({"file_type": mime_type, "file_length": len(content)})


async def upload_remote(call: Call) -> web.Response:
    """Fetch a file from a URL, and store it for the end user."""
    user = await call.user()
    (url,) = await call.fields("RemoteFileUploadPayload", "url")
    return keep_remote(call, url, user)


BOTH: Final[Routes] = [("POST", "/files/upload", upload)]
SERVICE: Final[Routes] = [("GET", "/files/{file_id}/preview", preview)]
WEB: Final[Routes] = [
    ("POST", "/remote-files/upload", upload_remote),
    ("GET", "/remote-files/{url:.+}", remote_info),
]
