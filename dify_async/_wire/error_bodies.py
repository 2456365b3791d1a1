"""Read the code and message in the body of an error response: Dify's JSON, other JSON, or a web page."""

from __future__ import annotations

import re
from typing import Final

import attrs

from dify_async._text import printable, shortened
from dify_async._types import Json
from dify_async.models._base import as_object, parse_json

_SHOWN: Final = 200
"""Maximum length of a quoted code or message; `code` and `message` of an error are complete."""

_SEARCHED: Final = 4096
"""Number of bytes of a page that are searched for its title."""


_MESSAGES: Final = ("message", "error", "detail", "errmsg", "msg", "error_description", "title")
"""Keys of a message in JSON. Dify uses `message`, and `error` when segments are created (recording:
`err_ds_segment_create_empty`); gateways use the others."""


@attrs.frozen
class ErrorBody:
    """The content of an error response."""

    is_json: bool
    """True if the body is JSON. Dify itself sends JSON; proxies usually do not."""
    code: str | None = None
    """Dify's error code."""
    message: str = ""
    """The message, or the title of a page."""
    params: str | None = None
    """The invalid parameter."""

    def with_inner(self, inner: ErrorBody) -> ErrorBody:
        """Return the content of a nested error; the code and parameter of this one take precedence."""
        return attrs.evolve(
            inner,
            code=inner.code if self.code is None else self.code,
            params=inner.params if self.params is None else self.params,
        )

    def quoted(self, start: str) -> str:
        """Return `start` followed by the code and message, on one line."""
        return quoted(start, self.code, self.message)


def quoted(start: str, code: str | None, message: str) -> str:
    """Return `start` followed by the server's code and message, on one line."""
    code = shortened(printable(code or ""), _SHOWN)
    message = shortened(printable(message), _SHOWN)
    start = " ".join(filter(None, (start, code)))
    return ": ".join(filter(None, (start, message)))


def parse_error_body(body: bytes) -> ErrorBody:
    """Return the code and message in a body."""
    try:
        found = parse_json(body)
    except ValueError:
        return ErrorBody(is_json=False, message=_page_title(body))
    return error_body_from(found)


def error_body_from(value: Json) -> ErrorBody:
    """Return the code and message in parsed JSON."""
    fields = as_object(value)
    if fields is None:
        return ErrorBody(is_json=True, message="" if value is None else str(value))
    message = next((fields[name] for name in _MESSAGES if fields.get(name)), "")
    code, params = fields.get("code"), fields.get("params")
    content = ErrorBody(
        is_json=True,
        code=code if isinstance(code, str) else None,
        message=message if isinstance(message, str) else str(message),
        params=params if isinstance(params, str) else None,
    )
    if (inner := as_object(message)) is not None and any(map(inner.get, _MESSAGES)):
        return content.with_inner(error_body_from(inner))
    return content


def _page_title(body: bytes) -> str:
    text = body[:_SEARCHED].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title is not None:
        text = title[1]
    words = re.sub(r"<[^>]*>", " ", text)
    return " ".join(words.split())
