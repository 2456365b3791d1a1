"""Keep secrets out of texts: keys, passwords, tokens, and the values of custom headers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from multidict import CIMultiDict

_SHORTEST: Final = 6
"""Shorter secrets are not masked: they occur in ordinary words."""

_MASK: Final = "***"


class Secret(str):
    """A str that is not shown by `repr`, nor by tools that print local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Redactor:
    """Mask secrets in what a server sent back: as they are, percent-encoded, or escaped as JSON."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                plain = str(secret)
                spellings |= {plain, quote(plain), quote(plain, safe=""), quote_plus(plain)}
                spellings |= {json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]}
        # The longest first, for one may be a part of another.
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
