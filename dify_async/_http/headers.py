"""Validate custom headers."""

from __future__ import annotations

import re
from typing import Final

from dify_async._http.redaction import Secret, hidden
from dify_async.errors import ConfigurationError

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: a token
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def checked_headers(headers: object, name: str = "headers") -> dict[str, str]:
    """Return headers as a dict of secrets. Errors show only names."""
    try:
        headers = items = hidden(dict(headers or {}))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"`{name}` must be a mapping of header names to values, got {type(headers).__name__}"
        ) from None
    checked: dict[str, str] = {}
    for key, value in items.items():
        if not isinstance(key, str) or not _HEADER_NAME.fullmatch(key):
            raise ConfigurationError(
                f"a header name must consist of letters, digits and '-', got {key!r:.100}"
            )
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise ConfigurationError(
                f"the header {key!r} must be a str without line breaks and control characters"
            )
        checked[key] = Secret(text)
    return checked
