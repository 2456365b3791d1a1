"""Decode JSON to models and events with cattrs.

How the value of a field is converted:

- a missing key, or null: the field's default (`""`, `[]`, `{}`, 0, False) or None
- a number as a string, a time in seconds or as a string, a price as a string: the number, the aware
  `datetime`, the `Decimal`
- another primitive where a string is expected: its JSON text, except for ids and tokens
- a primitive that cannot be converted ("many" tokens, a number as an id, a year beyond 9999): the same as
  null
- an unknown value of an enum: a new member
- a container where a primitive is expected, or the reverse: `StructureError` with the path

So a field always has a value of its declared type; `.raw` has the original value.

Integers beyond 64 bits are exact. orjson parses them as floats, so if a float of that size is in a field for
integers or for any JSON, the payload is parsed again with Python's own parser. Therefore there are two
converters: the first one checks such fields, the second one receives exact numbers and does not check.

Decoding is the hot path of a stream. Plain cattrs calls a function per field; our hook for attrs classes is
one generated function per class (`codegen`).
"""

from __future__ import annotations

import functools
import json
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar, cast, get_args, get_origin

import attrs
import cattrs

from dify_async import _json
from dify_async._types import Json
from dify_async._wire.decoding.codegen import Hook, StructureError, hook_of_class
from dify_async._wire.error_bodies import error_body_from
from dify_async.events import BY_NAME, Event, UnknownEvent
from dify_async.models import Account, InputField, Page
from dify_async.models._base import (
    WIRE_KEYS,
    OpenEnum,
    Received,
    as_object,
    exact_json,
    is_inexact,
    load_json,
    parse_json,
)

AnswerT = TypeVar("AnswerT", bound="Received | list[Any]")

_log = logging.getLogger("dify_async.decode")

_MAX_DIGITS: Final = 4000
"""Of an integer in a string. Python does not convert more than 4,300 digits."""

_MAX_EXPONENT: Final = 100
"""Of a price. Sums of larger prices could overflow."""


class _Inexact(Exception):
    """A value may hold an integer that was rounded to a float."""


# Hooks for primitives. They are called if the inline check of a value fails, and return None for a primitive
# that cannot be converted.


def _primitive(value: Any, expected: str) -> Any:
    if value.__class__ in (dict, list):
        raise StructureError(expected, value)
    return value


def _string(value: Any, _: Any) -> str:
    value = _primitive(value, "a string")
    return value if isinstance(value, str) else json.dumps(value)


def _integer(value: Any, _: Any) -> int | None:
    if isinstance(value, str):
        # `int` also accepts "1_0" and "+1".
        is_number = value.removeprefix("-").isdecimal() and len(value) < _MAX_DIGITS
        return int(value) if is_number else None
    if isinstance(_primitive(value, "a number"), float):
        return int(value) if value.is_integer() else None
    return value if value.__class__ is int else None


def _number(value: Any, _: Any) -> float | None:
    # `float` also accepts "1_0", "infinity" and booleans.
    if isinstance(_primitive(value, "a number"), bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _boolean(value: Any, _: Any) -> bool | None:
    known = {True: True, False: False, "true": True, "false": False}
    return known.get(_primitive(value, "a boolean"))


def _time(value: Any, _: Any) -> datetime | None:
    try:
        if isinstance(_primitive(value, "a time"), bool):
            return None
        return _time_of_text(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _time_of_text(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = parsedate_to_datetime(text)
    # Both formats may have no time zone ("-0000", plain ISO 8601); Dify uses UTC.
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _decimal(value: Any, _: Any) -> Decimal | None:
    try:
        price = Decimal(value if value.__class__ is str else str(_primitive(value, "a price")))
    except InvalidOperation:
        return None
    is_usable = price.is_finite() and abs(price.adjusted()) <= _MAX_EXPONENT
    return price if is_usable else None


def _open_enum(value: Any, kind: type[OpenEnum]) -> OpenEnum:
    return kind.of(_string(value, kind))


# Hooks for JSON of any structure


def _mapping(value: Any) -> dict[str, Any]:
    """Return an object, also if it is sent as JSON text; the numbers in such text are exact already."""
    # The record of a run has its inputs, and on old servers its outputs, as JSON text.
    if isinstance(value, str):
        try:
            value = parse_json(value.encode("utf-8", "surrogatepass")) if value else {}
        except ValueError:
            raise StructureError("an object", value) from None
        if value is None:
            return {}
    if value.__class__ is not dict:
        raise StructureError("an object", value)
    found: dict[str, Any] = value
    return found


# The converters


def _is(wanted: Any) -> Callable[[Any], bool]:
    return lambda kind: kind == wanted


def _is_of(container: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is container


def _converter(rejects: Callable[[Any], bool]) -> cattrs.Converter:
    """Return a converter that raises `_Inexact` for JSON values for which `rejects` returns True."""
    # Not the global converter, which any library may change.
    converter = cattrs.Converter(detailed_validation=False)

    def any_json(value: Any, _: Any) -> Any:
        if rejects(value):
            raise _Inexact
        return value

    def of_class(kind: type) -> Hook:
        return hook_of_class(kind, converter.get_structure_hook, apart=frozenset({Account, InputField}))

    def of_list(kind: Any) -> Hook:
        (inner,) = get_args(kind)
        hook = converter.get_structure_hook(inner)

        def structure(value: Any, _: Any) -> Any:
            if value.__class__ is not list:
                raise StructureError("an array", value)
            if inner is Any:
                return any_json(value, inner)
            try:
                items = [hook(item, inner) for item in value if item is not None]
            except StructureError as error:
                raise error.within("[]") from None
            return [item for item in items if item is not None]

        return structure

    def of_mapping(value: Any, _: Any) -> Any:
        if value.__class__ is not dict:
            return _mapping(value)
        if rejects(value):
            raise _Inexact
        return value

    def of_page(kind: type[Page[Any]]) -> Hook:
        # Some lists are sent as a bare array: a single page with all entries.
        hook = of_class(kind)

        def structure(value: Any, _: Any) -> Any:
            return hook({"data": value} if value.__class__ is list else value, kind)

        return structure

    def of_account(kind: type[Account]) -> Hook:
        hook = of_class(kind)
        return lambda value, _: hook({"name": value} if isinstance(value, str) else value, kind)

    def of_input_field(kind: type[InputField]) -> Hook:
        # A field is sent as an object with one key, its kind: {"select": {"variable": ..., ...}}.
        # In a flat object, the kind is in `type`.
        hook = of_class(kind)

        def structure(value: Any, _: Any) -> Any:
            fields = _mapping(value)
            if "variable" in fields:
                return hook({**fields, "kind": fields.get("type")}, kind)
            for control, body in fields.items():
                return hook({**_mapping(body or {}), "kind": control}, kind)
            return kind()

        return structure

    hooks: dict[Any, Hook] = {
        str: lambda value, kind: _string(any_json(value, kind), kind),
        OpenEnum: _open_enum,  # After `str`, of which it is a subclass: the most specific class wins.
        int: lambda value, kind: _integer(any_json(value, kind), kind),
        float: _number,
        bool: _boolean,
        datetime: _time,
        Decimal: _decimal,
    }
    for kind, hook in hooks.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(_is(Any), any_json)
    converter.register_structure_hook_func(_is_of(dict), of_mapping)
    converter.register_structure_hook_factory(attrs.has, of_class)
    converter.register_structure_hook_factory(_is(Account), of_account)
    converter.register_structure_hook_factory(_is(InputField), of_input_field)
    converter.register_structure_hook_factory(_is_of(list), of_list)
    converter.register_structure_hook_factory(_is_of(Page), of_page)
    return converter


_checking: Final = _converter(is_inexact)
_exact: Final = _converter(lambda _: False)


def _structured(kind: type, data: Any, payload: bytes) -> Any:
    """Return an object of type `kind`; `data` is the parsed payload."""
    try:
        return _checking.get_structure_hook(kind)(data, kind)
    except _Inexact:
        return _exact.get_structure_hook(kind)(exact_json(payload, data), kind)


# The two entry points


def decode_model(kind: type[AnswerT], payload: bytes) -> AnswerT:
    """Decode the JSON body of a response as a model, a `Page[Model]` or a `list[Model]`.

    Raises:
        ValueError: The body is not valid JSON.
        StructureError: The JSON does not have the expected structure.
    """
    answer: Any = None
    try:
        data = _json.loads(payload)
        answer = _checking.get_structure_hook(kind)(data, kind)
        # A body without any value needs a closer look.
        is_valid = data.__class__ is not dict or any(map(data.get, _keys_of(cast(Any, kind))))
    except (ValueError, StructureError, _Inexact):
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
    except (ValueError, TypeError, KeyError, StructureError, _Inexact):
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
    _event_hooks.setdefault(name, _checking.get_structure_hook(kind))
    try:
        return _structured(kind, data, payload)
    except StructureError as error:
        if name not in _warned_about:
            _warned_about.add(name)
            _log.warning("an event %r cannot be decoded, delivering it as UnknownEvent: %s", name, error)
        return _unknown_event(data, problem=str(error))


def _unknown_event(data: dict[str, Any], *, problem: str | None) -> UnknownEvent:
    try:
        event: UnknownEvent = _exact.structure({**data, "problem": problem}, UnknownEvent)
    except StructureError:
        return UnknownEvent(event=data["event"], problem=problem)
    return event
