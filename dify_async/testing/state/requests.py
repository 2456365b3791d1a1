"""Requests that a fake server received."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs


@attrs.frozen
class SeenRequest:
    """A request that the server received."""

    method: str
    """The HTTP method."""
    path: str
    """The path with its query."""
    headers: dict[str, str] = attrs.field(repr=False)
    """The headers as they were sent."""
    body: bytes
    """The body; empty for forms with files."""
    received_at: float = attrs.field(factory=time.monotonic, repr=False)
    """Time of arrival, by `time.monotonic`."""

    def json(self) -> Any:
        """Return the body parsed as JSON."""
        return json.loads(self.body)
