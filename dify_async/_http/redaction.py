"""Mask secrets in text: keys, passwords, tokens, and the values of custom headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote, quote_plus

from multidict import CIMultiDict

_SHORTEST: Final = 6
"""Minimum length of masked secrets: shorter ones occur in ordinary words."""

_SECRET_SETTINGS: Final = {"api_key", "passport", "login_token", "base_url", "headers", "proxy"}
_MASK: Final = "***"
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")

T = TypeVar("T")


class Secret(str):
    """A str that is shown neither by `repr` nor by tools that print local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def hidden(value: T) -> T:
    """Return a str as a `Secret`, and a mapping with `Secret` values; other values are returned unchanged.

    For arguments, which tools that print the local variables of a traceback also show.
    """
    found: Any = value
    if isinstance(value, str):
        found = Secret(value)
    elif isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value)
        found = {name: hidden(one) for name, one in items.items()}
    return found  # type: ignore[no-any-return]


def hidden_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a client; settings that may contain secrets are returned as `Secret`."""
    return {name: hidden(value) if name in _SECRET_SETTINGS else value for name, value in settings.items()}


class Redactor:
    """Masks secrets in responses of a server: unchanged, percent-encoded or JSON-escaped."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                plain = str(secret)
                encoded = {quote(plain), quote(plain, safe=""), quote_plus(plain)}
                spellings |= {plain, *encoded, *(_ESCAPE.sub(_lower, text) for text in encoded)}
                escaped = {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
                spellings |= {*escaped, *(text.replace("/", "\\/") for text in escaped)}
        # The longest first, because one may be a part of another.
        self._spellings = sorted(map(Secret, spellings), key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text with each secret masked."""
        for secret in self._spellings:
            text = text.replace(secret, _MASK)
        return text

    def data(self, data: bytes) -> bytes:
        """Return the bytes with each secret masked."""
        for secret in self._spellings:
            data = data.replace(secret.encode("utf-8", "surrogatepass"), _MASK.encode())
        return data

    def headers(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        """Return the headers with each secret masked."""
        return CIMultiDict((name, self.text(value)) for name, value in headers.items())


def _lower(found: re.Match[str]) -> str:
    return found[0].lower()
