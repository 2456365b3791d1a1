"""Requests that a fake server received."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from dify_async.errors import ConfigurationError
from dify_async.testing.faults import matches


@attrs.frozen
class SeenRequest:
    """A request that the server received."""

    method: str
    """The HTTP method."""
    path: str
    """The path with its query."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """The headers; names are case-insensitive."""
    body: bytes
    """The body; empty for forms with files."""
    received_at: float = attrs.field(factory=time.monotonic, repr=False)
    """Time of arrival, by `time.monotonic`."""

    @property
    def query(self) -> dict[str, str]:
        """The query; for a repeated key, the last value."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def json(self) -> Any:
        """Return the body parsed as JSON.

        Raises:
            ConfigurationError: The body is not valid JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise ConfigurationError(
                f"the body of {self.method} {self.path} must be JSON, got {self.body[:80]!r}"
            ) from None


class Requests(list[SeenRequest]):
    """Requests in order of arrival."""

    def to(self, on: str) -> list[SeenRequest]:
        """Return the requests to an operation.

        Args:
            on: Part of the method and path, such as `/files/upload` or `POST /workflows/run`.
        """
        return [one for one in self if matches(on, one.method, urlsplit(one.path).path)]
