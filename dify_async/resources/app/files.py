"""Files of the end user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

import attrs

from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile
from dify_async.models import UploadedFile
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource
from dify_async.resources.run_bodies import input_file


@attrs.frozen
class Files(Resource):
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

        The returned object can be used in the inputs of a run. A run uploads each `InputFile` in its inputs
        by itself, so this is for files that are needed separately.

        A file on disk is read while it is sent, in constant memory; a file that you opened is read from its
        current position, and stays open. It is sent again only if it certainly did not arrive.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name to store. Default: that of the source; bytes and iterables need one. The server
                rejects slashes in it.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `AppCallOptions`.

        Raises:
            FileTooLarge: larger than the limit of the server (see `client.app.parameters()`; by default 15
                MiB, 10 MiB for images) or of a proxy in front of it.
            ConfigurationError: the file cannot be read, or has no name.
        """
        given = input_file(file, name, mime_type)
        if given.source is None:
            raise ConfigurationError(
                "an InputFile.url is fetched by the server itself, it cannot be uploaded"
            )
        return await self._api.call(operations.UPLOAD_FILE, options, file=given)

    async def preview(self, file_id: str, **options: Unpack[AppCallOptions]) -> bytes:
        """Return the content of a file of a message.

        Only files that were sent with a message of this app, or came with one, can be read: not those of
        workflow runs (recording: `err_file_preview_not_in_message`), whose outputs contain links.

        Args:
            file_id: The id from its upload, or `RunFile.related_id`.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: no message has such a file.
            Forbidden: the file belongs to another app.
            TooLarge: the file is larger than the client's `max_event_bytes`: use `download`.
        """
        return await self._api.call(operations.PREVIEW_FILE, options, ids={"file_id": file_id})

    async def download(
        self, file_id: str, path: str | os.PathLike[str], **options: Unpack[AppCallOptions]
    ) -> Path:
        """Write a file of a message to disk as it arrives, in constant memory, and return the path.

        The path is written once the file is complete; an interrupted download leaves what was there before.

        Args:
            file_id: The id from its upload, or `RunFile.related_id`.
            path: Where to write it; an existing file is replaced.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: no message has such a file.
            Forbidden: the file belongs to another app.
            ConfigurationError: the path cannot be written.
        """
        target = Path(path)
        await self._api.download(operations.PREVIEW_FILE, options, target, ids={"file_id": file_id})
        return target
