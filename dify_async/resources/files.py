"""Files of the end user."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.download import saved_as
from dify_async._core.request import Options, Request
from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile
from dify_async.models import UploadedFile
from dify_async.resources._asking import given_file
from dify_async.settings import Timeouts


@attrs.frozen
class Files:
    """Upload files, and read those of messages again."""

    _core: Core

    async def upload(
        self,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> UploadedFile:
        """Upload a file for the end user, who alone can use it then.

        What comes back can stand in the inputs of a run as it is. A run uploads an `InputFile` of its own
        accord, so this is for files that are needed apart from one.

        A file on disk is read while it is sent, in constant memory; a file that you opened is read from
        where it stands, and stays open. It is sent again only where it certainly did not arrive.

        Args:
            file: A path, bytes, a file opened for bytes, an asynchronous iterable of bytes, or an
                `InputFile`.
            name: The name to store. Default: the source's own; bytes and iterables need one. The server
                refuses slashes in it.
            mime_type: What the file is declared as. Default: by its extension.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            FileTooLarge: over the limit of the server (`client.app.parameters()` tells it; 15 MiB, 10 for
                pictures, as installed) or of a proxy before it.
            ConfigurationError: the file cannot be read, or has no name.
        """
        given = given_file(file, name, mime_type)
        if given.source is None:
            raise ConfigurationError("an InputFile.url is fetched by the server itself, and not uploaded")
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.call(operations.UPLOAD_FILE, file=given, options=options)

    async def preview(
        self,
        file_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Read a file of a message again.

        Only files that were sent with a message of this app, or came with one, can be read: not those of
        workflow runs (recording: `err_file_preview_not_in_message`), whose outputs hold links.

        Args:
            file_id: The id from its upload, or `RunFile.related_id`.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such file in any message.
            Forbidden: it is of another app.
            TooLarge: it is larger than `max_event_bytes` of the client: use `save_preview`.
        """
        request = self._preview(file_id, Options(timeout=timeout, extra_headers=extra_headers))
        response = await self._core.exchange(request, idempotent=True)
        return response.body

    async def save_preview(
        self,
        file_id: str,
        path: str | os.PathLike[str],
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Path:
        """Write a file of a message to disk while it comes, in constant memory, whatever its size.

        The path is written when all of it has come, and only then.

        Args:
            file_id: The id from its upload, or `RunFile.related_id`.
            path: Where to write it; what is there is replaced.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Returns:
            The path.

        Raises:
            NotFound: there is no such file in any message.
            Forbidden: it is of another app.
            ConfigurationError: the path cannot be written.
        """
        request = self._preview(file_id, Options(timeout=timeout, extra_headers=extra_headers))
        target = Path(path)
        await self._core.exchange(request, idempotent=True, take=saved_as(target))
        return target

    def _preview(self, file_id: str, options: Options) -> Request:
        return self._core.prepare(operations.PREVIEW_FILE, ids={"file_id": file_id}, options=options)
