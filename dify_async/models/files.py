"""Files in the answers of a run."""

from __future__ import annotations

import attrs

from dify_async.models._base import OpenEnum, wire


class FileType(OpenEnum):
    """What kind of file it is, for a workflow that asks for one."""

    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"
    CUSTOM = "custom"


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
