"""Files: uploaded, fetched from elsewhere, read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from dify_async.models import FileType
from dify_async.testing.answers import linked, uploaded
from dify_async.testing.calls import Call, Refused, Routes, SentFile, crashed, is_uuid
from dify_async.testing.inputs import StoredFile, signed
from dify_async.testing.records import new_id

_MEBIBYTES: Final = {"image": 10, "video": 100, "audio": 50}
"""The limits of a stock server by kind of file; for all others it is 15."""


def size_limit(name: str) -> int:
    """Give the bytes that a file may have."""
    return _MEBIBYTES.get(str(FileType.of_file(name, "")), 15) * 2**20


def keep(call: Call, files: Sequence[SentFile], user: str) -> web.Response:
    """Keep the file of a form for somebody."""
    if not any(file.field == "file" for file in files):
        raise Refused(400, "no_file_uploaded", "Please upload your file.")
    if len({file.field for file in files}) > 1:
        raise Refused(400, "too_many_files", "Only one file is allowed.")
    sent = files[0]
    if not sent.name:
        raise Refused(400, "filename_not_exists_error", "The specified filename does not exist.")
    if not sent.mime_type and not call.on_web:
        raise Refused(415, "unsupported_file_type", "File type not allowed.")
    if {"/", "\\"} & set(sent.name):
        raise Refused(400, "invalid_param", "Filename contains invalid characters")
    file = _stored(call, sent.name, sent.mime_type or "", sent.content, user)
    return call.json(uploaded(file, signed(call.fake.base_url, file.id)), 201)


def keep_remote(call: Call, url: str, user: str) -> web.Response:
    """Fetch a file, and keep it for somebody."""
    found = call.fake.remote_files.get(url)
    if found is None:
        raise Refused(400, "remote_file_upload_error", f"Failed to fetch file from {url}: 404")
    mime_type, content = found
    name = urlsplit(url).path.rpartition("/")[2] or "unknown_file"
    file = _stored(call, name, mime_type, content, user)
    return call.json(linked(file, signed(call.fake.base_url, file.id)), 201)


def _stored(call: Call, name: str, mime_type: str, content: bytes, user: str) -> StoredFile:
    if len(content) > size_limit(name):
        raise Refused(413, "file_too_large", "")
    file = StoredFile(new_id(), name, mime_type, content, user, call.fake.app_id)
    call.fake.files[file.id] = file
    return file


async def upload(call: Call) -> web.Response:
    """Keep a file."""
    fields, files = await call.form(size_limit)
    return keep(call, files, call.named_user(fields, needed=False))


async def preview(call: Call) -> web.Response:
    """Give a file of a message."""
    file_id = call.path["file_id"]
    if not is_uuid(file_id):
        raise web.HTTPNotFound
    file = call.fake.files.get(file_id)
    if file is None or not file.in_message:
        raise Refused(404, "file_not_found", "File not found in message context")
    if file.app_id != call.fake.app_id:
        raise Refused(403, "file_access_denied", "File access denied: not owned by requesting app")
    headers = {**call.headers, "Cache-Control": "public, max-age=3600", "Content-Type": file.mime_type}
    if call.flag("as_attachment"):
        headers["Content-Type"] = "application/octet-stream"
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
    return web.Response(body=file.content, headers=headers)


async def remote_info(call: Call) -> web.Response:
    """Tell what a file elsewhere is."""
    query = call.request.query_string
    found = call.fake.remote_files.get(call.path["url"] + (f"?{query}" if query else ""))
    if found is None:
        raise crashed()
    mime_type, content = found
    return call.json({"file_type": mime_type, "file_length": len(content)})


async def upload_remote(call: Call) -> web.Response:
    """Keep a file from elsewhere."""
    user = await call.user()
    (url,) = await call.fields("RemoteFileUploadPayload", "url")
    return keep_remote(call, url, user)


BOTH: Final[Routes] = [("POST", "/files/upload", upload)]
SERVICE: Final[Routes] = [("GET", "/files/{file_id}/preview", preview)]
WEB: Final[Routes] = [
    ("POST", "/remote-files/upload", upload_remote),
    ("GET", "/remote-files/{url:.+}", remote_info),
]
