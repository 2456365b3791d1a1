"""Files of the end user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack, overload

from dify_async.files import FileSource, InputFile
from dify_async.models.files import RunFile, UploadedFile
from dify_async.operations import files as operations
from dify_async.options import AppCallOptions
from dify_async.resources.downloads import Downloads, fetch
from dify_async.resources.uploads import upload_of


class Files(Downloads):
    """Upload files, and read the files of messages."""

    async def upload(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[AppCallOptions],
    ) -> UploadedFile:
        """Upload a file for the end user; no other end user can use it.

        The returned object can be used in the inputs of a run. It is not needed for an `InputFile` in the
        inputs of a run, which is uploaded automatically.

        A file on disk is read while it is sent, in constant memory; a file that you opened is read from its
        current position, and stays open. The upload is retried only if it certainly did not arrive.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name to store. Default: the name of the source; required for bytes and iterables. The
                server rejects names with slashes.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `AppCallOptions`.

        Raises:
            FileTooLarge: larger than the limit of the server (see `client.app.parameters()`; by default 15
                MiB, 10 MiB for images) or of a proxy in front of it.
            ConfigurationError: the file cannot be read, or has no name.
        """
        upload = upload_of(file, name, mime_type)
        return await self._api.call(operations.UPLOAD_FILE, options, file=upload)

    @overload
    async def preview(
        self, file: str | UploadedFile | RunFile, path: None = None, **options: Unpack[AppCallOptions]
    ) -> bytes: ...
    @overload
    async def preview(
        self,
        file: str | UploadedFile | RunFile,
        path: str | os.PathLike[str],
        **options: Unpack[AppCallOptions],
    ) -> Path: ...
    async def preview(
        self,
        file: str | UploadedFile | RunFile,
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[AppCallOptions],
    ) -> bytes | Path:
        """Return the content of a file of a message, or write it to `path` and return the path.

        Only files of this app's messages can be read (recording: `err_file_preview_not_in_message`); use
        `download` for files of workflow runs.

        Args:
            file: The file, or the id of its upload.
            path: Where to write the file, in constant memory. An existing file is replaced only when the
                download is complete.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: no message has such a file.
            Forbidden: the file belongs to another app.
            TooLarge: the file is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the path cannot be written to.
        """
        request = self._api.build(operations.PREVIEW_FILE, options, ids={"file_id": _upload_id(file)})
        return await fetch(self._api, request, path)


def _upload_id(file: str | UploadedFile | RunFile) -> str:
    """Return the id of a file's upload."""
    if isinstance(file, RunFile):
        # In a `message_end`, `related_id` is the id of the file in its message (1.14 and newer).
        return file.upload_file_id or file.related_id or ""
    return file.id if isinstance(file, UploadedFile) else file
