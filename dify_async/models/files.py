"""Uploaded files, and files among the outputs of a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, Self

import attrs

from dify_async.models._base import Model, OpenEnum, Received, wire

__all__ = ["FileType", "RemoteFile", "RemoteFileInfo", "RunFile", "TransferMethod", "UploadedFile"]


class FileType(OpenEnum):
    """The kind of a file, as the inputs of a workflow distinguish them."""

    IMAGE = "image"
    """A picture."""
    DOCUMENT = "document"
    """A text, table, presentation or other document."""
    AUDIO = "audio"
    """A sound recording."""
    VIDEO = "video"
    """A video."""
    CUSTOM = "custom"
    """Any other kind."""

    @classmethod
    def of_file(cls, name: str, mime_type: str) -> Self:
        """Return the kind that the server derives for a file: from its extension, or from its MIME type.

        A workflow rejects a file that is declared as another kind (recording: `err_wf_file_type_mismatch`).
        """
        for kind, extensions in _KINDS.items():
            if extension_of(name) in extensions:
                return cls(kind)
        for part, kind in _KINDS_BY_MIME.items():
            if part in mime_type:
                return cls(kind)
        return cls("custom")


_KINDS: Final = {
    "image": {"jpg", "jpeg", "png", "webp", "gif", "svg"},
    # The published API description swaps "webm" and "mpga".
    "video": {"mp4", "mov", "mpeg", "webm"},
    "audio": {"mp3", "m4a", "wav", "amr", "mpga"},
    # The second line needs a server with the Unstructured extractor, such as Dify Cloud.
    "document": {"txt", "markdown", "md", "mdx", "pdf", "html", "htm", "xlsx", "xls", "docx", "csv", "vtt"}
    | {"properties", "doc", "eml", "msg", "ppt", "pptx", "xml", "epub"},
}

_KINDS_BY_MIME: Final = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "text": "document",
    "pdf": "document",
}


def extension_of(name: str) -> str:
    """Return a file's extension as the server reads it: lowercase, without the dot."""
    return PurePosixPath(name).suffix.removeprefix(".").lower()


class TransferMethod(OpenEnum):
    """How a file was passed to Dify. Requests use the first two values; only the server sets the others."""

    REMOTE_URL = "remote_url"
    """By a URL, from which the server downloads it."""
    LOCAL_FILE = "local_file"
    """By an upload."""
    TOOL_FILE = "tool_file"
    """Produced by a tool or a model of the app."""
    DATASOURCE_FILE = "datasource_file"
    """Provided by a data source of a knowledge pipeline."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RunFile(Model):
    """A file that a run or a message produced or passed on."""

    _shown_first = ("filename", "type")

    id: str | None = None
    """The id of the file in its message or run."""
    type: FileType = FileType.CUSTOM
    """The kind of file."""
    transfer_method: TransferMethod = TransferMethod.LOCAL_FILE
    """How the file was passed to Dify."""
    filename: str | None = None
    """The file's name."""
    extension: str | None = None
    """The file's extension: with the dot (`.png`) in runs, without it in uploads."""
    mime_type: str | None = None
    """The file's MIME type."""
    size: int = -1
    """Size in bytes; -1 if the server does not know it."""
    url: str | None = None
    """Signed URL, valid for a short time; relative if the operator configured no public URL for files."""
    remote_url: str | None = None
    """The URL that the server fetched the file from."""
    related_id: str | None = None
    """The upload's id, or in a `message_end` the id of the file in its message."""
    upload_file_id: str | None = None
    """The upload's id, in a `message_end` (Dify 1.14 and newer)."""
    reference: str | None = None
    """The server's internal reference to the file."""


@attrs.define(kw_only=True, eq=False, repr=False)
class UploadedFile(Received):
    """An uploaded file. Pass it as an input of a run."""

    _shown_first = ("name", "id")

    id: str = ""
    """The upload's id."""
    name: str = ""
    """The file's name."""
    size: int = 0
    """Size in bytes."""
    extension: str | None = None
    """The file's extension, without the dot."""
    mime_type: str | None = None
    """The file's MIME type."""
    created_by: str | None = None
    """The server's id of the end user; only that end user can use the file."""
    created_at: datetime | None = None
    """When the file was uploaded."""
    source_url: str | None = attrs.field(default=None, metadata=wire("source_url", "url"))
    """Signed URL, valid for a short time. Sent as `url` if the server fetched the file itself."""
    preview_url: str | None = None
    """URL of a preview."""
    reference: str | None = None
    """The server's internal reference to the file."""
    original_url: str | None = None
    """The URL that the server fetched the file from."""
    user_id: str | None = None
    """The server's id of the end user."""
    tenant_id: str | None = None
    """The workspace's id."""
    conversation_id: str | None = None
    """Id of the conversation that the file belongs to."""
    file_key: str | None = None
    """The file's key in the server's storage."""

    @property
    def type(self) -> FileType:
        """The kind of file, as the inputs of a workflow distinguish them."""
        return FileType.of_file(self.name, self.mime_type or "")


@attrs.define(kw_only=True, eq=False, repr=False)
class RemoteFileInfo(Received):
    """Type and size of the file at a URL, as the Dify server sees it."""

    file_type: str = ""
    """The file's MIME type."""
    file_length: int = -1
    """Size in bytes; -1 if the file's server does not send it."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RemoteFile(Received):
    """A file that the server fetched from a URL. Pass it as an input of a run."""

    _shown_first = ("name", "id")

    id: str = ""
    """The upload's id."""
    name: str = ""
    """The file's name."""
    size: int = 0
    """Size in bytes."""
    extension: str | None = None
    """The file's extension, without the dot."""
    url: str | None = None
    """Signed URL, valid for a short time."""
    mime_type: str | None = None
    """The file's MIME type."""
    created_by: str | None = None
    """The server's id of the end user."""
    created_at: datetime | None = None
    """When the server fetched the file."""

    @property
    def type(self) -> FileType:
        """The kind of file, as the inputs of a workflow distinguish them."""
        return FileType.of_file(self.name, self.mime_type or "")
