"""A request before it is sent, and an answer as it came."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from dify_async._core.identity import Credentials
from dify_async._core.multipart import Form
from dify_async._types import Json
from dify_async._wire.api_errors import Asked
from dify_async.files import InputFile
from dify_async.models._base import parse_json
from dify_async.settings import Timeouts


@attrs.frozen
class Response:
    """An answer as it came: what `client.request(...)` gives."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)

    def json(self) -> Json:
        """Parse the body; raise `ValueError` where it is no JSON."""
        return parse_json(self.body)


@attrs.frozen(kw_only=True)
class Options:
    """What every method takes besides its own arguments."""

    timeout: float | Timeouts | None = None
    extra_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    extra_body: Mapping[str, Json] | None = None


@attrs.define(kw_only=True)
class Request:
    """A request, ready to be sent."""

    asked: Asked
    method: str
    url: str = attrs.field(repr=False)
    """With its query, which may hold an address that is signed."""
    headers: dict[str, str] = attrs.field(repr=False)
    data: bytes | Form | None = attrs.field(repr=False)
    timeouts: Timeouts
    options: Options
    body: Json = attrs.field(default=None, repr=False)
    """What `data` was written from, kept for a body with files that are yet to be uploaded."""
    files: list[InputFile] = attrs.Factory(list[InputFile])
    """Those files: `Core.ready` uploads them."""
    credentials: Credentials = "own"
