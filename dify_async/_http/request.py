"""A request before it is sent, and a response that was read to its end."""

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
        """Return the parsed body. Raises `ValueError` if it is not JSON."""
        return parse_json(self.body)


@attrs.define(kw_only=True, eq=False)
class Request:
    """One call of an operation. It may take several attempts."""

    operation: Operation[Any]
    url: str = attrs.field(repr=False)
    """With its query, which may contain a signed address."""
    headers: dict[str, str] = attrs.field(repr=False)
    data: bytes | Form | None = attrs.field(repr=False)
    timeouts: Timeouts
    retry: Retry
    user: str | None = None
    """The end user it is for; files are uploaded, runs stopped and recovered as this user."""
    extra_headers: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    """Headers of this call, which its uploads and its stop send too."""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    """What no error shows if the server sends it back: passwords, tokens, headers of this call."""
    body: Json = attrs.field(default=None, repr=False)
    """What `data` is made from once its files are uploaded; None for a body without files."""
    files: list[InputFile] = attrs.Factory(list[InputFile])
    """Files in `body` that are yet to be uploaded."""
    attempts: int = 0
    """Number of times it was sent, including rejected attempts."""
    call: Call | None = None
    """What observers are told of it. None if there are none."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server: what precedes the path in `url`."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    def traced(self, error: ErrorT) -> ErrorT:
        """Return an error of this request with the trace id that was sent."""
        error.trace_id = sent_trace_id(self.headers) or error.trace_id
        return error

    @property
    def idempotent(self) -> bool:
        """Whether it is safe to send again when its outcome is unknown."""
        return self.operation.idempotent
