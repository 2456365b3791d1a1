"""Files of the end user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack, overload

import attrs

from dify_async._http.call_options import checked_options
from dify_async.errors import ConfigurationError
from dify_async.events import MessageFile
from dify_async.files import FileSource, InputFile
from dify_async.models import RunFile, UploadedFile
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions, CallOptions
from dify_async.resources._base import Resource
from dify_async.resources.downloads import fetch, fetch_link
from dify_async.resources.uploads import upload_of


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

        Only files that were sent with a message of this app, or came with one, can be read: not those of
        workflow runs (recording: `err_file_preview_not_in_message`); `download` fetches those.

        Args:
            file: The file, or the id of its upload.
            path: Where to write the file as it arrives, in constant memory, whatever its size. It is written
                once the file is complete: an interrupted download leaves what was there before.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: no message has such a file.
            Forbidden: the file belongs to another app.
            TooLarge: the file is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the path cannot be written.
        """
        request = self._api.build(operations.PREVIEW_FILE, options, ids={"file_id": _upload_id(file)})
        return await fetch(self._api, request, path)

    @overload
    async def download(
        self, file: RunFile | MessageFile, path: None = None, **options: Unpack[AppCallOptions]
    ) -> bytes: ...
    @overload
    async def download(
        self, file: RunFile | MessageFile, path: str | os.PathLike[str], **options: Unpack[AppCallOptions]
    ) -> Path: ...
    async def download(
        self,
        file: RunFile | MessageFile,
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[AppCallOptions],
    ) -> bytes | Path:
        """Return the content of a file among the outputs of a run, or write it to `path` and return the path.

        The file is fetched from its address, which is signed and valid for a short time. A relative address
        is one of the client's server. The API key and the client's headers are not sent.

        Args:
            file: From the outputs of a run, its `files`, or a message.
            path: Where to write the file as it arrives, in constant memory, whatever its size. It is written
                once the file is complete: an interrupted download leaves what was there before.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: the file is gone, or its address has expired.
            TooLarge: the file is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the file has no address, or the path cannot be written.
        """
        given: CallOptions = {name: value for name, value in options.items() if name != "user"}  # type: ignore[assignment]
        checked_options(given, operations.DOWNLOAD_FILE, takes_user=False)
        if not isinstance(file, RunFile | MessageFile) or not file.url:
            raise ConfigurationError(
                f"`file` must be a file of a run or message, with an address (url), got {file!r:.100}"
            )
        return await fetch_link(self._api, file.url, given, path)


def _upload_id(file: str | UploadedFile | RunFile) -> str:
    """Return the id that the upload of a file has."""
    if isinstance(file, RunFile):
        # In a `message_end`, `related_id` is the id of the file in its message (1.14 and newer).
        return file.upload_file_id or file.related_id or ""
    return file.id if isinstance(file, UploadedFile) else file
