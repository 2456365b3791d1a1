"""Decode response bodies to models, and the data of events to events."""

from __future__ import annotations

import functools
import logging
from typing import Any, Final, TypeVar, cast, get_origin

import attrs

from dify_async import _json
from dify_async._types import Json
from dify_async._wire.decoding.hook import Hook, InexactNumber, StructureError
from dify_async._wire.error_bodies import error_body_from
from dify_async.events import BY_NAME, Event, UnknownEvent
from dify_async.models._base import WIRE_KEYS, Received, as_object, exact_json, load_json

AnswerT = TypeVar("AnswerT", bound="Received | list[Any]")

_log = logging.getLogger("dify_async.decode")


@functools.cache
def _hook(kind: Any) -> Hook:
    """Return the function that decodes `kind`. It raises `InexactNumber` for a rounded integer."""
    # Imported at the first response: cattrs takes several milliseconds to import.
    from dify_async._wire.decoding.converters import checking  # noqa: PLC0415

    return checking.get_structure_hook(kind)


@functools.cache
def _exact_hook(kind: Any) -> Hook:
    """Return the function that decodes `kind` from JSON whose numbers are exact."""
    from dify_async._wire.decoding.converters import exact  # noqa: PLC0415

    return exact.get_structure_hook(kind)


def decode_model(kind: type[AnswerT], payload: bytes) -> AnswerT:
    """Decode the JSON body of a response as a model, a `Page[Model]` or a `list[Model]`.

    Raises:
        ValueError: The body is not valid JSON.
        StructureError: The JSON does not have the expected structure.
    """
    answer: Any = None
    try:
        data = _json.loads(payload)
        answer = _hook(cast(Any, kind))(data, kind)
        # A body without any value needs a closer look.
        is_valid = data.__class__ is not dict or any(map(data.get, _keys_of(cast(Any, kind))))
    except (ValueError, StructureError, InexactNumber):
        is_valid = False
    if not is_valid:
        answer = _decode_slowly(kind, payload)
    if answer.__class__ is not list:
        answer._payload = payload
    found: AnswerT = answer
    return found


def _decode_slowly(kind: type, payload: bytes) -> Any:
    """Decode JSON that orjson cannot parse or that is inexact, or raise an error that says what is wrong."""
    data = load_json(payload)
    try:
        answer = _structured(kind, data, payload)
    except StructureError as error:
        # A gateway may reject a request with status 200 and its own JSON.
        words = error_body_from(data).quoted("") if as_object(data) is not None else ""
        raise StructureError(error.expected, error.value, error.path, words) from None
    if (rejection := _rejection(kind, data)) is not None:
        raise rejection
    return answer


def _structured(kind: type, data: Any, payload: bytes) -> Any:
    """Return an object of type `kind`; `data` is the parsed payload."""
    try:
        return _hook(kind)(data, kind)
    except InexactNumber:
        return _exact_hook(kind)(exact_json(payload, data), kind)


@functools.cache
def _keys_of(kind: Any) -> tuple[str, ...]:
    """Return the JSON keys of a model's fields; empty for other types."""
    origin = get_origin(kind) or kind
    if not attrs.has(origin):
        return ()
    return tuple(
        key for field in attrs.fields(origin) for key in field.metadata.get(WIRE_KEYS, (field.name,))
    )


def _rejection(kind: Any, data: Json) -> StructureError | None:
    """Return an error for an object that has a message, but no field of the model.

    Otherwise the JSON of a gateway that rejects a request with status 200 would become a model with default
    values only.
    """
    fields = as_object(data)
    if fields is None or any(fields.get(key) is not None for key in _keys_of(kind)):
        return None
    words = error_body_from(data).quoted("")
    return StructureError("a response of Dify", data, words=words) if words else None


def decode_event(payload: bytes) -> Event | None:
    """Decode the data of an event; None for a ping.

    An event that is unknown, or does not have the expected structure, becomes an `UnknownEvent`.
    """
    if not payload:
        return None
    event: Any
    data: Any
    try:
        data = _json.loads(payload)
        event = _event_hooks[data["event"]](data, None)
    except (ValueError, TypeError, KeyError, StructureError, InexactNumber):
        data = None  # Freed before the payload is parsed again: it takes a multiple of the payload's memory.
    else:
        event._payload = payload
        known: Event = event
        return known
    return _rare_event(payload)


_event_hooks: Final[dict[str, Hook]] = {}
"""Hooks of the events that were received before."""

_warned_about: Final[set[str]] = set()
"""Names of the events for which a warning was logged."""


def _rare_event(payload: bytes) -> Event | None:
    """Decode an event that is the first of its kind, or cannot be decoded as its kind."""
    event: Any = _event_of(payload)
    if event is not None:
        event._payload = payload
    found: Event | None = event
    return found


def _event_of(payload: bytes) -> Any:
    try:
        data = load_json(payload)
    except ValueError:
        return UnknownEvent(problem="not valid JSON")
    name: Any = (as_object(data) or {}).get("event")
    if not isinstance(name, str):
        return UnknownEvent(problem="the event has no name")
    if name == "ping":
        return None
    kind = BY_NAME.get(name)
    if kind is None:
        return _unknown_event(data, problem=None)
    _event_hooks.setdefault(name, _hook(cast(Any, kind)))
    try:
        return _structured(kind, data, payload)
    except StructureError as error:
        if name not in _warned_about:
            _warned_about.add(name)
            _log.warning("an event %r cannot be decoded, delivering it as UnknownEvent: %s", name, error)
        return _unknown_event(data, problem=str(error))


def _unknown_event(data: dict[str, Any], *, problem: str | None) -> UnknownEvent:
    try:
        event: UnknownEvent = _exact_hook(UnknownEvent)({**data, "problem": problem}, UnknownEvent)
    except StructureError:
        return UnknownEvent(event=data["event"], problem=problem)
    return event
