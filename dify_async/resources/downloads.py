"""Downloads: the content of a file, as bytes or written to disk."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urljoin

from yarl import URL

from dify_async._http.api import Api
from dify_async._http.request import Request
from dify_async.operations import app as operations
from dify_async.options import CallOptions


async def fetch(api: Api, request: Request, path: str | os.PathLike[str] | None) -> bytes | Path:
    """Return the body of a response, or write it to `path` and return the path."""
    target = Path(path) if path is not None else None
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
    address = urljoin(f"{request.origin}/", url)
    request.url = address if address.isascii() else str(URL(address))
    return await fetch(anonymous, request, path)
