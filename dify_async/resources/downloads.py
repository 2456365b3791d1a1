"""Downloads: the content of a file, as bytes or written to disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack, cast, overload
from urllib.parse import urljoin

from yarl import URL

from dify_async._http.api import Api
from dify_async._http.call_options import checked_options
from dify_async._http.request import Request
from dify_async._local_files import checked_path
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.events import MessageFile
from dify_async.models.files import RunFile
from dify_async.operations import files as operations
from dify_async.options import AppCallOptions, CallOptions
from dify_async.resources._base import Resource


async def fetch(api: Api, request: Request, path: str | os.PathLike[str] | None) -> bytes | Path:
    """Return the body of a response, or write it to `path` and return the path."""
    target = checked_path(path, "path") if path is not None else None
    response = await api.exchange(request, save_to=target)
    return response.body if target is None else target


async def fetch_link(
    api: Api, url: str, options: CallOptions, path: str | os.PathLike[str] | None
) -> bytes | Path:
    """Return the file at a URL that the server sent, or write it to `path` and return the path.

    A relative URL is resolved against the client's server. The API key and the client's headers are not sent.
    """
    anonymous = api.without_credentials()
    request = anonymous.build(operations.DOWNLOAD_FILE, options)
    try:
        address = urljoin(f"{request.origin}/", url)
        request.url = address if address.isascii() else str(URL(address))
    except ValueError:
        raise ConfigurationError("the URL of the file is not valid") from None
    if not address.lower().startswith(("http://", "https://")):
        raise ConfigurationError("the URL of the file must begin with https:// or http://")
    return await fetch(anonymous, request, path)


class Downloads(Resource):
    """Download the files of runs and messages."""

    @overload
    async def download(
        self,
        file: RunFile | MessageFile | Mapping[str, Json],
        path: None = None,
        **options: Unpack[AppCallOptions],
    ) -> bytes: ...
    @overload
    async def download(
        self,
        file: RunFile | MessageFile | Mapping[str, Json],
        path: str | os.PathLike[str],
        **options: Unpack[AppCallOptions],
    ) -> Path: ...
    async def download(
        self,
        file: RunFile | MessageFile | Mapping[str, Json],
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[AppCallOptions],
    ) -> bytes | Path:
        """Return the content of a file among the outputs of a run, or write it to `path` and return the path.

        The file is fetched from its URL, which is signed and valid for a short time. A relative URL is
        resolved against the client's server. The API key and the client's headers are not sent.

        Args:
            file: A file of a result, an event or a stored message, or an object among the outputs of a run.
            path: Where to write the file, in constant memory. An existing file is replaced only when the
                download is complete.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: the file was deleted, or its URL has expired.
            TooLarge: the file is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the file has no URL, or the path cannot be written to.
        """
        given = {**options}
        checked_options(given, operations.DOWNLOAD_FILE, takes_user=self._api.auth.sends_user)
        given.pop("user", None)
        url: object = file.get("url") if isinstance(file, Mapping) else getattr(file, "url", None)
        if not isinstance(url, str) or not url:
            raise ConfigurationError(
                f"`file` must be a file of a run or message that has a url, got {file!r:.100}"
            )
        return await fetch_link(self._api, url, cast(CallOptions, given), path)
