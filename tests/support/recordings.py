"""Recorded traffic of real servers, in the folder of the same name: Dify 1.14.2, and 1.16.1 for `116_*`.

The model, the speech engine and the code sandbox behind that server were stand-ins, so texts, usage numbers
and audio are invented; everything else is Dify's own. Keys were removed before recording.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs

FOLDER = Path(__file__).parents[1] / "recordings"


@attrs.frozen(kw_only=True)
class Recording:
    """A request and its response."""

    name: str
    method: str
    path: str
    """With the query, from `/v1` or `/api` on."""
    request_body: Any
    """Parsed JSON; None where there was none; `{"raw_b64": ...}` where it was broken on purpose."""
    status: int
    headers: dict[str, str]
    """By lower-case name: the few that clients look at."""
    ended: str | None
    """How the body ended: `last-chunk`, `length`, `eof` (cut off), `nobody`; `client-closed` and None where
    the client did not wait for its end."""
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")

    @property
    def is_stream(self) -> bool:
        """Return True if the body contains events."""
        return self.body.startswith((b"data:", b"event:"))


@cache
def load(name: str) -> Recording:
    """Return one recording."""
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    request, response = found["request"], found["response"]
    return Recording(
        name=found["name"],
        method=request["method"],
        path=request["path"],
        request_body=request["body"],
        status=response["status"],
        headers=response["headers"],
        ended=response["ended"],
        body=response["body"].encode(),
    )


def large_stream(name: str) -> list[bytes]:
    """Return the HTTP chunks of a stream that is too large for a plain file."""
    response = json.loads(gzip.decompress((FOLDER / "large" / f"{name}.json.gz").read_bytes()))["response"]
    body = BytesIO(response["body"].encode())
    return [body.read(size) for size in response["chunk_sizes"]]


def matching(prefix: str) -> list[Recording]:
    """Return all recordings whose names begin with `prefix`, sorted by name."""
    return [load(path.stem) for path in sorted(FOLDER.glob(f"{prefix}*.json"))]


def streams() -> list[Recording]:
    """Return all recordings of event streams."""
    return [recording for recording in matching("") if recording.is_stream]
