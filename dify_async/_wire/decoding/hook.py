"""The type of decoders, and the errors that they raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from dify_async._text import json_type

Hook: TypeAlias = Callable[[Any, Any], Any]
"""A function that cattrs calls with a value and a type, and that returns an object of that type."""


class StructureError(Exception):
    """JSON does not have the structure of its type."""

    def __init__(self, expected: str, value: object, path: str = "", words: str = "") -> None:
        super().__init__(expected, value, path, words)
        self.expected = expected
        self.value = value
        self.path = path
        """Path of the field, separated by dots; `[]` for an entry of a list."""
        self.words = words
        """The server's code and message, if the JSON is an error."""

    def within(self, name: str) -> StructureError:
        """Return the same error with `name` in front of its path."""
        return StructureError(self.expected, self.value, f"{name}.{self.path}" if self.path else name)

    def __str__(self) -> str:
        text = f"{self.path or 'the JSON'} must be {self.expected}, got {json_type(self.value)}"
        return f"{text}; the server says: {self.words}" if self.words else text


class InexactNumber(Exception):
    """A value may hold an integer that was rounded to a float."""
