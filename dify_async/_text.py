"""Helpers for text: escape and shorten text from a server, and name the types of JSON values."""

from __future__ import annotations

import re
from typing import Any, Final, TypeGuard

ALWAYS_ESCAPED: Final = r"\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""For patterns: DEL and C1, characters that change the direction of text, and lone surrogates."""

UNPRINTABLE: Final = rf"\x00-\x1f\u2028\u2029{ALWAYS_ESCAPED}"
"""For patterns: all control characters and line breaks, and those of `ALWAYS_ESCAPED`."""

_UNPRINTABLE: Final = re.compile(f"[{UNPRINTABLE}]")
_UNPRINTABLE_IN_LINES: Final = re.compile(rf"[\x00-\x08\x0b-\x1f{ALWAYS_ESCAPED}]")
"""The same without tabs and line breaks."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")

_JSON_TYPES: Final[dict[type, str]] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def is_unicode(value: object) -> TypeGuard[str]:
    """Return True for a str that can be encoded as UTF-8: one without lone surrogates."""
    return isinstance(value, str) and not _SURROGATES.search(value)


def printable(text: str) -> str:
    """Return `text` on one line, with control characters escaped.

    Error messages and log lines quote text from the server, which must not add lines to a log or control a
    terminal.
    """
    return _UNPRINTABLE.sub(_escaped, " ".join(text.split()))


def printable_lines(text: str) -> str:
    """Return `text` with control characters escaped, except tabs and line breaks."""
    return _UNPRINTABLE_IN_LINES.sub(_escaped, text.replace("\r\n", "\n"))


def has_control_characters(text: str) -> bool:
    """Return True if a text contains ASCII control characters, which no header can contain."""
    return any(ord(char) < 32 or ord(char) == 127 for char in text)


def shortened(text: str, length: int) -> str:
    """Return at most the first `length` characters of `text`, and "..." if it is longer."""
    return text if len(text) <= length else f"{text[:length]}..."


def json_type(value: Any) -> str:
    """Return the name of a JSON value's type with its article, such as "an object"."""
    return next((name for kind, name in _JSON_TYPES.items() if isinstance(value, kind)), "an object")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
