"""JSON to attrs objects: one cattrs converter that never guesses and never coerces.

What the wire may bring, and what becomes of it:

- a key that is missing, or null: the field's empty value (`""`, `[]`, `{}`, 0, False) or None
- a number in digits, a time in seconds or in mail-style text, a price as text: the number, the aware
  `datetime`, the `Decimal`
- a primitive of another type than expected: passed through as it is
- a text that an enum does not know: a member of its own
- a container where a primitive belongs, or the other way round: `StructureError`, with the path to it

Decoding is the hot path of a stream. Stock cattrs calls a function per field; our hook for attrs classes is
one function per class, which `generate.py` writes.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar, get_args, get_origin

import attrs
import cattrs
import orjson

from dify_async._wire.decoding.codegen import Hook, StructureError, hook_of_class
from dify_async.events import BY_NAME, Event, UnknownEvent
from dify_async.models import Account, InputField, Page
from dify_async.models._base import OpenEnum, Received, as_object, parse_json

AnswerT = TypeVar("AnswerT", bound="Received | list[Any]")

_log = logging.getLogger("dify_async")


# Hooks for single values. They are called only where the value is there and not plainly right.


def _primitive(value: Any, expected: str) -> Any:
    if value.__class__ in (dict, list):
        raise StructureError(expected, value)
    return value


def _text(value: Any, _: Any) -> Any:
    return _primitive(value, "a text")


def _integer(value: Any, _: Any) -> Any:
    if isinstance(value, str):
        # Not all that `int` reads is a number to others, and not all digits are few enough for it.
        is_number = value.removeprefix("-").isdecimal() and len(value) < 20
        return int(value) if is_number else value
    return _primitive(value, "a number")


def _number(value: Any, _: Any) -> Any:
    if not isinstance(value, str):
        return _primitive(value, "a number")
    try:
        number = float(value)
    except ValueError:
        return value
    # Python also reads "1_0" and "infinity".
    return number if math.isfinite(number) and "_" not in value else value


def _boolean(value: Any, _: Any) -> Any:
    return _primitive(value, "true or false")


def _time(value: Any, _: Any) -> Any:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        return _time_of_text(value) if isinstance(value, str) else _primitive(value, "a time")
    except (ValueError, OverflowError, OSError):
        return value


def _time_of_text(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = parsedate_to_datetime(text)
    # Both forms may lack a zone ("-0000", plain ISO 8601); Dify means UTC by that.
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _decimal(value: Any, _: Any) -> Any:
    try:
        price = Decimal(str(_primitive(value, "a price")))
    except InvalidOperation:
        return value
    return price if price.is_finite() else value  # A signalling NaN cannot even be compared.


def _open_enum(value: Any, kind: type[OpenEnum]) -> Any:
    return kind.of(value) if isinstance(value, str) else _primitive(value, "a text")


def _mapping(value: Any, _: Any) -> Any:
    # The run detail writes its inputs, and on old servers its outputs, as JSON text.
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = parse_json(value.encode("utf-8", "surrogatepass")) if value else None
        if value is None:
            return {}
    found = as_object(value)
    if found is None:
        raise StructureError("an object", value)
    return found


# Hooks for compound types, made by factories


def _list(kind: Any) -> Hook:
    (inner,) = get_args(kind)
    hook = converter.get_structure_hook(inner)

    def structure(value: Any, _: Any) -> Any:
        if value.__class__ is not list:
            raise StructureError("a list", value)
        if inner is Any:
            return value
        try:
            return [hook(item, inner) for item in value if item is not None]
        except StructureError as misfit:
            raise misfit.within("[]") from None

    return structure


def _attrs_class(kind: type) -> Hook:
    return hook_of_class(kind, converter.get_structure_hook, apart=frozenset({Account, InputField}))


def _page(kind: type[Page[Any]]) -> Hook:
    # Short lists come as a bare array: all of them on one page.
    hook = _attrs_class(kind)

    def structure(value: Any, _: Any) -> Any:
        return hook({"data": value} if value.__class__ is list else value, kind)

    return structure


def _account(kind: type[Account]) -> Hook:
    hook = _attrs_class(kind)

    def structure(value: Any, _: Any) -> Any:
        return hook({"name": value} if isinstance(value, str) else value, kind)

    return structure


def _input_field(kind: type[InputField]) -> Hook:
    # On the wire a field is an object with one key, its kind: {"select": {"variable": ..., ...}}.
    # One that is flat names its kind itself.
    hook = _attrs_class(kind)

    def structure(value: Any, _: Any) -> Any:
        fields = _mapping(value, None)
        if "variable" in fields:
            return hook({**fields, "kind": fields.get("type")}, kind)
        for control, body in fields.items():
            return hook({**_mapping(body or {}, None), "kind": control}, kind)
        return kind()

    return structure


def _is(wanted: Any) -> Callable[[Any], bool]:
    return lambda kind: kind == wanted


def _is_of(container: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is container


converter: Final = cattrs.Converter(detailed_validation=False)
"""Ours alone: any library may change the process-wide one."""

_HOOKS: Final[dict[Any, Hook]] = {
    str: _text,
    OpenEnum: _open_enum,  # After `str`, which its members are too: the nearest class counts.
    int: _integer,
    float: _number,
    bool: _boolean,
    datetime: _time,
    Decimal: _decimal,
}
for _kind, _hook in _HOOKS.items():
    converter.register_structure_hook(_kind, _hook)
converter.register_structure_hook_func(_is_of(dict), _mapping)
converter.register_structure_hook_factory(attrs.has, _attrs_class)
converter.register_structure_hook_factory(_is(Account), _account)
converter.register_structure_hook_factory(_is(InputField), _input_field)
converter.register_structure_hook_factory(_is_of(list), _list)
converter.register_structure_hook_factory(_is_of(Page), _page)


# The two ways in


def decode_model(kind: type[AnswerT], payload: bytes) -> AnswerT:
    """Structure the JSON body of a response as a model, a `Page[Model]` or a `list[Model]`.

    Raises:
        ValueError: The body is not valid JSON.
        StructureError: The JSON does not have the expected structure.
    """
    hook = converter.get_structure_hook(kind)
    answer: Any = hook(parse_json(payload), kind)
    if isinstance(answer, Received):
        answer._payload = payload
    found: AnswerT = answer
    return found


def decode_event(payload: bytes) -> Event | None:
    """Make an event out of its data; None for a ping. What does not fit becomes an `UnknownEvent`."""
    if not payload:
        return None
    event: Any
    try:
        data = orjson.loads(payload)
        event = _event_hooks[data["event"]](data, None)
    except (ValueError, TypeError, KeyError, StructureError):
        event = _rare_event(payload)
    if event is not None:
        event._payload = payload
    found: Event | None = event
    return found


_event_hooks: Final[dict[str, Hook]] = {}
"""The hooks of the events that have come so far."""

_misfits_told: Final[set[str]] = set()


def _rare_event(payload: bytes) -> Any:
    """Decode what is not of a kind that has come before, or does not fit it."""
    try:
        data = parse_json(payload)
    except ValueError:
        return UnknownEvent(problem="it is no JSON")
    name: Any = (as_object(data) or {}).get("event")
    if not isinstance(name, str):
        return UnknownEvent(problem="it has no event name")
    if name == "ping":
        return None
    kind = BY_NAME.get(name)
    if kind is None:
        return _unknown_event(data, problem=None)
    hook = _event_hooks.setdefault(name, converter.get_structure_hook(kind))
    try:
        return hook(data, None)
    except StructureError as misfit:
        if name not in _misfits_told:
            _misfits_told.add(name)
            _log.warning(
                "the event %r is not what it should be, so it is delivered as it is: %s", name, misfit
            )
        return _unknown_event(data, problem=str(misfit))


def _unknown_event(data: dict[str, Any], *, problem: str | None) -> UnknownEvent:
    try:
        event: UnknownEvent = converter.structure({**data, "problem": problem}, UnknownEvent)
    except StructureError:
        return UnknownEvent(event=data["event"], problem=problem)
    return event
