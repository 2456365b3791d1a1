"""The part of orjson that this package uses, by Python's own json: the same results, slower."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final, NoReturn, cast

import attrs

from dify_async._scalars import is_dict
from dify_async._types import Json

OPT_INDENT_2: Final = 1
"""Option of `dumps`: indent by two spaces."""

_DEEPEST: Final = 254
"""Levels of nesting that are written, as in orjson."""


@attrs.frozen
class Fragment:
    """JSON that is written as it is."""

    contents: str


def loads(data: bytes | str) -> Json:
    """Parse JSON.

    Raises:
        ValueError: `data` is not valid JSON. NaN, infinities and lone surrogates are not.
    """
    try:
        value = json.loads(data, parse_constant=_no_constant)
        if b"\\u" in data if isinstance(data, bytes) else "\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # Fails for a lone surrogate.
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
    return value


def dumps(value: Any, default: Callable[[Any], Any] | None = None, option: int | None = None) -> bytes:
    """Return the JSON of a value; NaN and infinities are null. `default` converts values of other types.

    Raises:
        TypeError: A value is not valid in JSON, an integer has more than 64 bits, or a string is not valid
            Unicode.
    """
    try:
        text = "".join(_pieces(value, default, 0))
        if option:
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
        return text.encode()
    except UnicodeEncodeError:
        raise TypeError("str is not valid UTF-8: surrogates not allowed") from None


def _pieces(value: Any, default: Callable[[Any], Any] | None, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise TypeError("Recursion limit reached")
    match value:
        case None | True | False:
            yield json.dumps(value)
        case Fragment(contents=contents):
            yield contents
        case enum.Enum():
            yield from _pieces(value.value, default, depth)
        case str():
            yield json.dumps(str(value), ensure_ascii=False)
        case int():
            if not -(2**63) <= value < 2**64:
                raise TypeError("Integer exceeds 64-bit range")
            yield int.__repr__(value)
        case float():
            yield float.__repr__(value) if math.isfinite(value) else "null"
        case list() | tuple():
            yield "["
            for index, item in enumerate(cast("Sequence[Any]", value)):
                yield "," if index else ""
                yield from _pieces(item, default, depth + 1)
            yield "]"
        case _ if is_dict(value):
            yield from _members(value, default, depth)
        case datetime() | date() | time():
            yield json.dumps(value.isoformat())
        case uuid.UUID():
            yield json.dumps(str(value))
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            yield from _members(fields, default, depth)
        case _:
            if default is None:
                raise TypeError(f"Type is not JSON serializable: {type(value).__name__}")
            yield from _pieces(default(value), default, depth + 1)


def _members(members: dict[Any, Any], default: Callable[[Any], Any] | None, depth: int) -> Iterator[str]:
    yield "{"
    for index, (name, value) in enumerate(members.items()):
        if not isinstance(name, str):
            raise TypeError("Dict key must be str")
        yield "," if index else ""
        yield json.dumps(str(name), ensure_ascii=False)
        yield ":"
        yield from _pieces(value, default, depth + 1)
    yield "}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not valid JSON")
