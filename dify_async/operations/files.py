"""The endpoints of files, which both the Service API and the Web API have."""

from __future__ import annotations

from typing import Final

from dify_async._wire.operation import Operation
from dify_async.models.files import UploadedFile

UPLOAD_FILE: Final = Operation("POST", "/files/upload", UploadedFile, idempotent=False, user="form")
PREVIEW_FILE: Final = Operation(
    "GET", "/files/{file_id}/preview", bytes, idempotent=True, user="query", recent=True
)
# The URL of the file replaces the path; it is not part of the API.
DOWNLOAD_FILE: Final = Operation("GET", "/files", bytes, idempotent=True)
