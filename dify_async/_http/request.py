"""Requests, and responses that were read completely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from dify_async._http.uploads import Form
from dify_async._types import Json
from dify_async._wire.operation import Operation
from dify_async.errors import DifyError
from dify_async.files import InputFile
from dify_async.models._base import parse_json
from dify_async.observer import Call
from dify_async.settings import Retry, Timeouts

ErrorT = TypeVar("ErrorT", bound=DifyError)


def sent_trace_id(headers: Mapping[str, str]) -> str | None:
    """Return the trace id among the headers of a request."""
    return next((str(value) for name, value in headers.items() if name.lower() == "x-trace-id"), None)


@attrs.frozen
class Response:
    """A 2xx response, as `client.request(...)` returns it."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The headers; names are case-insensitive."""
    body: bytes = attrs.field(repr=False)
    """The body, decompressed."""

    def json(self) -> Json:
        """Return the parsed body. Raises `ValueError` if it is not valid JSON."""
        return parse_json(self.body)


@attrs.define(kw_only=True, eq=False)
class Request:
    """One call of an operation. It may take several attempts."""

    operation: Operation[Any]
    url: str = attrs.field(repr=False)
    """The URL with its query, which may contain a signed URL."""
    headers: dict[str, str] = attrs.field(repr=False)
    data: bytes | Form | None = attrs.field(repr=False)
    timeouts: Timeouts
    retry: Retry
    user: str | None = None
    """The end user: files are uploaded, and runs stopped and recovered, as this user."""
    extra_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    """Headers of this call; also sent with its uploads and its stop request."""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    """Values that are masked in errors if the server sends them back: passwords, tokens, headers of this
    call."""
    body: Json = attrs.field(default=None, repr=False)
    """The body before its files are uploaded. None for a body without files."""
    files: list[InputFile] = attrs.Factory(list[InputFile])
    """Files in `body` that are not uploaded yet."""
    attempts: int = 0
    """Number of times the request was sent, including rejected attempts."""
    call: Call | None = None
    """The call as observers see it. None if there are no observers."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server: the part of `url` before the path."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    def traced(self, error: ErrorT) -> ErrorT:
        """Add the trace id of the request to an error, and return it."""
        error.trace_id = sent_trace_id(self.headers) or error.trace_id
        return error

    @property
    def idempotent(self) -> bool:
        """True if the request is safe to retry when its outcome is unknown."""
        return self.operation.idempotent
