"""Files of the end user of a web app."""

from __future__ import annotations

from typing import Unpack

from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile
from dify_async.models.files import UploadedFile
from dify_async.operations import files as operations
from dify_async.options import CallOptions
from dify_async.resources.downloads import Downloads
from dify_async.resources.uploads import input_file


class WebFiles(Downloads):
    """Upload files for inputs and messages, and download files of answers and runs."""

    async def upload(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[CallOptions],
    ) -> UploadedFile:
        """Upload a file for the end user; no other end user can use it.

        Args:
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name to store. Default: the name of the source; required for bytes and iterables.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `CallOptions`.

        Raises:
            FileTooLarge: larger than the limit of the server, or of a proxy in front of it.
            ConfigurationError: the file cannot be read, or has no name.
        """
        given = input_file(file, name, mime_type)
        if given.source is None:
            raise ConfigurationError(
                "`file` must have content to upload, got an InputFile.url: use remote_files.upload(url)"
            )
        return await self._api.call(operations.UPLOAD_FILE, options, file=given)
