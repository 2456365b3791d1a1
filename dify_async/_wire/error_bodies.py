"""The code and message in the body of an error response: Dify's JSON, other JSON, or a page of a proxy."""

from __future__ import annotations

import re
from typing import Final

import attrs

from dify_async._text import printable, shortened
from dify_async._types import Json
from dify_async.models._base import as_object, parse_json

_SHOWN: Final = 200
"""Characters of a code or message that are quoted; `code` and `message` of an error are complete."""

_SEARCHED: Final = 4096
"""Bytes of a page that are searched for its title."""


_MESSAGES: Final = ("message", "error", "detail", "errmsg", "msg", "error_description", "title")
"""Where JSON has its message. Creating segments answers {"error": "..."} (recording:
`err_ds_segment_create_empty`); the others are those of gateways."""


@attrs.frozen
class ServerWords:
    """What an error response says."""

    is_json: bool
    """True if the body is JSON. Dify itself answers in JSON; proxies mostly do not."""
    code: str | None = None
    """Dify's error code."""
    message: str = ""
    """The message, or the title of a page."""
    params: str | None = None
    """The parameter that is wrong."""

    def or_else(self, inner: ServerWords) -> ServerWords:
        """Return the words of an object inside this one, with what only this one has."""
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


def read_words(body: bytes) -> ServerWords:
    """Read the code and message in a body."""
    try:
        found = parse_json(body)
    except ValueError:
        return ServerWords(is_json=False, message=_page_title(body))
    return words_of(found)


def words_of(value: Json) -> ServerWords:
    """Read the code and message in parsed JSON."""
    fields = as_object(value)
    if fields is None:
        return ServerWords(is_json=True, message="" if value is None else str(value))
    message = next((fields[name] for name in _MESSAGES if fields.get(name)), "")
    code, params = fields.get("code"), fields.get("params")
    words = ServerWords(
        is_json=True,
        code=code if isinstance(code, str) else None,
        message=message if isinstance(message, str) else str(message),
        params=params if isinstance(params, str) else None,
    )
    if (inner := as_object(message)) is not None and any(map(inner.get, _MESSAGES)):
        return words.or_else(words_of(inner))
    return words


def _page_title(body: bytes) -> str:
    text = body[:_SEARCHED].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title is not None:
        text = title[1]
    words = re.sub(r"<[^>]*>", " ", text)
    return " ".join(words.split())
