"""The fields of all events and models, found by walking through their classes."""

from __future__ import annotations

import enum
import inspect
import json
import types
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin

import attrs

from dify_async._data import field_types
from dify_async._wire.blocking import BlockingRun
from dify_async._wire.decoding.codegen import origin_of
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async._wire.sse import EventParser
from dify_async.events import BY_NAME, Event
from dify_async.models import InputField
from dify_async.models._base import WIRE_KEYS, Received
from tests.support.recordings import streams

OF_OLD_SERVERS = ["parallel_branch_finished", "parallel_branch_started"]
"""What they sent once, and what has no class any more."""


def payload(value: object) -> bytes:
    return json.dumps(value).encode()


def event_of(value: object) -> Event:
    event = decode_event(payload(value))
    assert event is not None
    return event


@attrs.frozen
class Place:
    """A field of an event or model, or of an object nested in it."""

    root: type[Received]
    way: tuple[tuple[str, str, bool], ...]
    """To the object with the field: attribute, JSON key, and whether a list lies between."""
    name: str
    key: str
    kind: Any
    nullable: bool
    default: Any
    owner: type
    """The class that has it."""

    def __str__(self) -> str:
        return ".".join([self.root.__name__, *(attribute for attribute, _, _ in self.way), self.name])

    @property
    def path(self) -> str:
        """The field's path in the message of a decoding error."""
        steps = [f"{attribute}.[]" if listed else attribute for attribute, _, listed in self.way]
        return ".".join([*steps, self.name])

    def json(self, *value: object) -> dict[str, Any]:
        """Return JSON with the value in the field, or without the field if there is no value."""
        found: dict[str, Any] = dict.fromkeys([self.key], *value) if value else {}
        if self.owner is InputField:
            found = {"select": found}
        for _, key, listed in reversed(self.way):
            found = {key: [found] if listed else found}
        if issubclass(origin_of(self.root), Event):
            found = {"event": self.root.event, "data": {}} | found
        return found if self.root is not BlockingRun else {"data": {}} | found

    def read(self, whole: object) -> Any:
        """Return the value of the field in the decoded object."""
        for attribute, _, listed in self.way:
            whole = getattr(whole, attribute)
            whole = whole[0] if listed else whole
        return getattr(whole, self.name)

    def decoded(self, *value: object) -> Any:
        """Decode JSON with the value in the field, and return the decoded field."""
        return self.read(decoded(self.root, self.json(*value)))


def plain(kind: Any) -> tuple[Any, bool]:
    """Return the type without None, and whether it included None."""
    if get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind):
        (inner,) = (part for part in get_args(kind) if part is not type(None))
        return inner, True
    return kind, False


def decoded(kind: type[Received], value: object) -> Any:
    return decode_model(kind, payload(value)) if not issubclass(origin_of(kind), Event) else event_of(value)


@cache
def places(root: type[Received]) -> tuple[Place, ...]:
    """Yield all fields of a class and of its nested classes."""

    def walk(kind: type, way: tuple[tuple[str, str, bool], ...]) -> Iterator[Place]:
        hints = field_types(kind)
        for field in attrs.fields(origin_of(kind)):
            if not field.init or hints[field.name] is Any or (kind is InputField and field.name == "kind"):
                continue
            inner, nullable = plain(hints[field.name])
            default = field.default
            default = default.factory() if isinstance(default, attrs.Factory) else default
            key = field.metadata.get(WIRE_KEYS, (field.name,))[0]
            yield Place(root, way, field.name, key, inner, nullable, default, kind)
            listed = get_origin(inner) is list
            item = get_args(inner)[0] if listed else inner
            if attrs.has(item):
                yield from walk(item, (*way, (field.name, key, listed)))

    return tuple(walk(root, ()))


def is_enum(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, enum.Enum)


def is_primitive(kind: Any) -> bool:
    return kind in {str, int, float, bool, datetime, Decimal} or is_enum(kind)


def recorded_events() -> list[Event]:
    """Return one recorded event of each name, and invented ones for the others."""
    found = {name: event_of({"event": name, "data": {}, "new": 1}) for name in [*BY_NAME, *OF_OLD_SERVERS]}
    for stream in streams():
        for data in EventParser(2**20).feed(stream.body):
            event = decode_event(data)
            if event is not None:
                found[event.event] = event
    return list(found.values())
