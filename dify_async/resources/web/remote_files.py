"""Files at URLs, which the server fetches."""

from __future__ import annotations

from typing import Unpack

from dify_async.models.files import RemoteFile, RemoteFileInfo
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource


class RemoteFiles(Resource):
    """Files at URLs, which the server fetches."""

    async def info(self, url: str, **options: Unpack[CallOptions]) -> RemoteFileInfo:
        """Return the type and size of the file at a URL.

        Args:
            url: The URL, which the server must be able to reach.
            **options: See `CallOptions`.

        Raises:
            ServerError: there is no such file (500 on Dify 1.14).
        """
        return await self._api.call(operations.GET_REMOTE_FILE, options, ids={"url": url})

    async def upload(self, url: str, **options: Unpack[CallOptions]) -> RemoteFile:
        """Let the server fetch a file and store it like an upload.

        The returned object can be used in the inputs of a run.

        Args:
            url: The URL, which the server must be able to reach.
            **options: See `CallOptions`.

        Raises:
            BadRequest: the server cannot fetch the file.
            FileTooLarge: the file is larger than the server's limit.
        """
        return await self._api.call(operations.UPLOAD_REMOTE_FILE, options, json={"url": url})
