"""Recordings: responses of a real server that a fake server replays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import attrs

from dify_async._types import Json
from dify_async._wire.sse import EventParser
from dify_async.errors import ConfigurationError
from dify_async.events import Event
from dify_async.models._base import as_list, as_object
from dify_async.testing.faults import Fault

_STREAM: Final = "text/event-stream; charset=utf-8"
_EXPECTED: Final = (
    "`recording` must be the bytes or the file of an event stream, a file of JSON Lines or of a recorded "
    "response, or a list of events"
)

Recorded: TypeAlias = "bytes | str | PathLike[str] | Iterable[Event | Mapping[str, Json]]"
"""A recording: bytes as they were received, the path of a file, or events."""


@attrs.frozen(kw_only=True, repr=False)
class Replay(Fault):
    """The server responds with a recording. Created by `FakeDify.replay`."""

    name: str = ""
    """Name of the file."""
    status: int = 200
    """Status of the response."""
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": _STREAM})
    """Headers of the response."""
    body: bytes
    """Body of the response, byte for byte."""
    is_cut: bool = False
    """True if the connection breaks after the last byte of the body."""

    @classmethod
    def of(cls, recording: Recorded, *, on: str | None = None, times: int = 1) -> Self:
        """Read a recording.

        Raises:
            ConfigurationError: `recording` is not a recording, or its file cannot be read.
        """
        if isinstance(recording, bytes):
            return cls(body=recording, on=on, times=times)
        if not isinstance(recording, str | PathLike):
            return cls(body=_stream(recording), on=on, times=times)
        path = Path(recording)
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise ConfigurationError(f"`recording` cannot be read: {exc}") from None
        found = _parsed(content)
        if found is None:
            return cls(name=path.name, body=content, on=on, times=times)
        if isinstance(found, list):
            return cls(name=path.name, body=_stream(found), on=on, times=times)
        return cls(name=path.name, on=on, times=times, **_response(found))

    @property
    def events(self) -> list[dict[str, Json]]:
        """The events of its stream, without pings."""
        parser = EventParser(len(self.body) + 1)
        found = [as_object(_json(data)) for data in [*parser.feed(self.body), *parser.close()] if data]
        return [event for event in found if event is not None]

    def __repr__(self) -> str:
        return f"Replay({self.name or f'{len(self.body)} bytes'})"


def _json(text: bytes | str) -> Any:
    """Parse JSON; return None for anything else."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _parsed(content: bytes) -> list[Any] | dict[str, Any] | None:
    """Return the JSON of a file: one object, or the list of its lines. None for an event stream."""
    if content.lstrip()[:1] not in (b"{", b"["):
        return None
    whole = _json(content)
    items, fields = as_list(whole), as_object(whole)
    if items is not None:
        return items
    if fields is not None and "response" in fields:
        return fields
    return [_json(line) for line in content.splitlines() if line.strip()]


def _response(recording: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recorded response."""
    response = as_object(recording["response"]) or {}
    body = response.get("body")
    if not isinstance(body, str):
        raise ConfigurationError(_EXPECTED + ", got a response without a `body`")
    return {
        "status": response.get("status", 200),
        "headers": {"Content-Type": _STREAM} if "headers" not in response else dict(response["headers"]),
        "body": body.encode(),
        "is_cut": response.get("ended") == "eof",
    }


def _stream(events: Iterable[object]) -> bytes:
    """Return the bytes of a stream of events."""
    lines: list[bytes] = []
    for event in events:
        fields = as_object(event.raw if isinstance(event, Event) else event)
        if fields is None or "event" not in fields:
            raise ConfigurationError(f"{_EXPECTED}, got {type(event).__name__} among its events")
        lines.append(b"data: " + json.dumps(fields, ensure_ascii=False).encode() + b"\n\n")
    return b"".join(lines)
