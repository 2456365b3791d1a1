"""Files: uploads, and the files among the outputs of a run."""

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
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    CUSTOM = "custom"

    @classmethod
    def of_file(cls, name: str, mime_type: str) -> Self:
        """Return the kind that the server derives for a file: from its extension, else from its MIME type.

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
    # The published description has "webm" and "mpga" the other way round.
    "video": {"mp4", "mov", "mpeg", "webm"},
    "audio": {"mp3", "m4a", "wav", "amr", "mpga"},
    # The second line needs a server with the Unstructured extractor, such as Dify's cloud.
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
    """How a file got to Dify. Requests use the first two; the others are set by the server."""

    REMOTE_URL = "remote_url"
    LOCAL_FILE = "local_file"
    TOOL_FILE = "tool_file"
    DATASOURCE_FILE = "datasource_file"


@attrs.define(kw_only=True, eq=False, repr=False)
class RunFile(Model):
    """A file that a run or a message produced or passed on."""

    _shown_first = ("filename", "type")

    id: str | None = None
    """The id of the file in its message or run."""
    type: FileType = FileType.CUSTOM
    """The kind of file."""
    transfer_method: TransferMethod = TransferMethod.LOCAL_FILE
    """How the file got to Dify."""
    filename: str | None = None
    """Its name."""
    extension: str | None = None
    """With the dot (`.png`) in runs; without it in uploads."""
    mime_type: str | None = None
    """Its MIME type."""
    size: int = -1
    """Bytes; -1 if the server does not know."""
    url: str | None = None
    """Signed and valid for a short time; relative if the operator set no public address for files."""
    remote_url: str | None = None
    """The address that the server fetched it from."""
    related_id: str | None = None
    """The upload's id, or in a `message_end` the id of the file in its message."""
    upload_file_id: str | None = None
    """The upload's id, in a `message_end` (Dify 1.14 and newer)."""
    reference: str | None = None
    """The server's own reference to the file."""


@attrs.define(kw_only=True, eq=False, repr=False)
class UploadedFile(Received):
    """An uploaded file. Pass it as an input of a run."""

    _shown_first = ("name", "id")

    id: str = ""
    """The upload's id."""
    name: str = ""
    """Its name."""
    size: int = 0
    """Bytes."""
    extension: str | None = None
    """Without the dot."""
    mime_type: str | None = None
    """Its MIME type."""
    created_by: str | None = None
    """The server's own id of the end user; only that end user can use the file."""
    created_at: datetime | None = None
    """When it was uploaded."""
    source_url: str | None = attrs.field(default=None, metadata=wire("source_url", "url"))
    """Signed and valid for a short time. The server calls it `url` if it fetched the file itself."""
    preview_url: str | None = None
    """URL of a preview."""
    reference: str | None = None
    """The server's own reference to the file."""
    original_url: str | None = None
    """The address that the server fetched it from."""
    user_id: str | None = None
    """The server's own id of the end user."""
    tenant_id: str | None = None
    """The workspace's id."""
    conversation_id: str | None = None
    """The conversation that it belongs to."""
    file_key: str | None = None
    """The key in the server's storage."""

    @property
    def type(self) -> FileType:
        """The kind of file, as the inputs of a workflow distinguish them."""
        return FileType.of_file(self.name, self.mime_type or "")


@attrs.define(kw_only=True, eq=False, repr=False)
class RemoteFileInfo(Received):
    """The file at an address, as the server sees it."""

    file_type: str = ""
    """Its MIME type."""
    file_length: int = -1
    """Bytes; -1 if the other server does not send it."""


@attrs.define(kw_only=True, eq=False, repr=False)
class RemoteFile(Received):
    """A file that the server fetched from an address. Pass it as an input of a run."""

    _shown_first = ("name", "id")

    id: str = ""
    """The upload's id."""
    name: str = ""
    """Its name."""
    size: int = 0
    """Bytes."""
    extension: str | None = None
    """Without the dot."""
    url: str | None = None
    """Signed and valid for a short time."""
    mime_type: str | None = None
    """Its MIME type."""
    created_by: str | None = None
    """The server's own id of the end user."""
    created_at: datetime | None = None
    """When it was fetched."""

    @property
    def type(self) -> FileType:
        """The kind of file, as the inputs of a workflow distinguish them."""
        return FileType.of_file(self.name, self.mime_type or "")
