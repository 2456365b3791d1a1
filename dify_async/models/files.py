"""Files: those that were uploaded, and those in the answers of a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, Self

import attrs

from dify_async.models._base import OpenEnum, Received, wire


class FileType(OpenEnum):
    """What kind of file it is, for a workflow that asks for one."""

    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    CUSTOM = "custom"

    @classmethod
    def of_file(cls, name: str, mime_type: str) -> Self:
        """Give the kind that a server finds for a file: by its extension, else by its declared type.

        A workflow refuses a file whose declared kind is another (recording: `err_wf_file_type_mismatch`).
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
    # "webm" and "mpga" stand the other way round in the published description.
    "video": {"mp4", "mov", "mpeg", "webm"},
    "audio": {"mp3", "m4a", "wav", "amr", "mpga"},
    # The second line counts only on servers with the Unstructured extractor, Dify's cloud among them.
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
    """Give a file's extension as a server reads it: small letters, without the dot."""
    return PurePosixPath(name).suffix.removeprefix(".").lower()


class TransferMethod(OpenEnum):
    """How a file came to Dify. Callers send the first two; the server itself makes the others."""

    REMOTE_URL = "remote_url"
    LOCAL_FILE = "local_file"
    TOOL_FILE = "tool_file"
    DATASOURCE_FILE = "datasource_file"


@attrs.define(kw_only=True)
class RunFile:
    """A file that a run or a message brought forth or passed on."""

    id: str | None = None
    type: FileType = FileType.CUSTOM
    transfer_method: TransferMethod = TransferMethod.LOCAL_FILE
    filename: str | None = None
    extension: str | None = None
    """With the dot (`.png`) in runs; uploads write it without."""
    mime_type: str | None = None
    size: int = -1
    """Bytes; -1 where the server does not know."""
    url: str | None = None
    """Signed and short-lived; relative where the operator set no public address for files."""
    remote_url: str | None = None
    related_id: str | None = attrs.field(default=None, metadata=wire("related_id", "upload_file_id"))
    reference: str | None = None


@attrs.define(kw_only=True)
class UploadedFile(Received):
    """A file that was uploaded. It goes into the inputs of a run as it is."""

    id: str = ""
    name: str = ""
    size: int = 0
    """Bytes."""
    extension: str | None = None
    """Without the dot."""
    mime_type: str | None = None
    created_by: str | None = None
    """The server's own id of the end user, who alone can use the file."""
    created_at: datetime | None = None
    source_url: str | None = attrs.field(default=None, metadata=wire("source_url", "url"))
    """Signed and short-lived; the server's name for it is another where it fetched the file itself."""
    preview_url: str | None = None
    reference: str | None = None
    original_url: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    conversation_id: str | None = None
    file_key: str | None = None

    @property
    def type(self) -> FileType:
        """What kind of file it is, for a workflow that asks for one."""
        return FileType.of_file(self.name, self.mime_type or "")


@attrs.define(kw_only=True)
class RemoteFileInfo(Received):
    """What is at an address, as the server sees it."""

    file_type: str = ""
    """Its MIME type."""
    file_length: int = -1
    """Bytes; -1 where it does not tell."""


@attrs.define(kw_only=True)
class RemoteFile(Received):
    """A file that the server fetched from an address. It goes into the inputs of a run as it is."""

    id: str = ""
    name: str = ""
    size: int = 0
    """Bytes."""
    extension: str | None = None
    url: str | None = None
    """Signed and short-lived."""
    mime_type: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None

    @property
    def type(self) -> FileType:
        """What kind of file it is, for a workflow that asks for one."""
        return FileType.of_file(self.name, self.mime_type or "")
