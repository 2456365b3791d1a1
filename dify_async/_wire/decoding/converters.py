"""Converters from JSON to models and events, with cattrs.

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

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final, get_args, get_origin

import attrs
import cattrs

from dify_async._wire.decoding.codegen import hook_of_class
from dify_async._wire.decoding.hook import Hook, InexactNumber, StructureError
from dify_async.models._base import OpenEnum, Page, is_inexact, parse_json
from dify_async.models.inputs import InputField
from dify_async.models.users import Account

_MAX_DIGITS: Final = 4000
"""Of an integer in a string. Python does not convert more than 4,300 digits."""

_MAX_EXPONENT: Final = 100
"""Of a price. Sums of larger prices could overflow."""


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
    """Return a converter that raises `InexactNumber` for JSON values for which `rejects` returns True."""
    # Not the global converter, which any library may change.
    converter = cattrs.Converter(detailed_validation=False)

    def any_json(value: Any, _: Any) -> Any:
        if rejects(value):
            raise InexactNumber
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
            raise InexactNumber
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


checking: Final = _converter(is_inexact)
"""Raises `InexactNumber` for a value that may contain a rounded integer."""

exact: Final = _converter(lambda _: False)
"""For values that contain no rounded integers."""
