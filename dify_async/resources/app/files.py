"""Files of the end user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack, overload
from urllib.parse import urljoin

import attrs
from yarl import URL

from dify_async._http.api import Api
from dify_async._http.request import Request
from dify_async.errors import ConfigurationError
from dify_async.events import MessageFile
from dify_async.files import FileSource, InputFile
from dify_async.models import RunFile, UploadedFile
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions, CallOptions
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
        return await self._content(self._api, request, path)

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
        anonymous = self._api.without_credentials()
        given: CallOptions = {name: value for name, value in options.items() if name != "user"}  # type: ignore[assignment]
        request = anonymous.build(operations.DOWNLOAD_FILE, given)
        if not isinstance(file, RunFile | MessageFile) or not file.url:
            raise ConfigurationError(
                f"`file` must be a file of a run or message, with an address (url), got {file!r:.100}"
            )
        address = urljoin(f"{request.origin}/", file.url)
        request.url = address if address.isascii() else str(URL(address))
        return await self._content(anonymous, request, path)

    async def _content(self, api: Api, request: Request, path: str | os.PathLike[str] | None) -> bytes | Path:
        target = Path(path) if path is not None else None
        response = await api.exchange(request, save_to=target)
        return response.body if target is None else target


def _upload_id(file: str | UploadedFile | RunFile) -> str:
    """Return the id that the upload of a file has."""
    if isinstance(file, RunFile):
        # In a `message_end`, `related_id` is the id of the file in its message (1.14 and newer).
        return file.upload_file_id or file.related_id or ""
    return file.id if isinstance(file, UploadedFile) else file
