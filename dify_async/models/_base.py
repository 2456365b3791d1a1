"""Base classes of all models: comparison, repr, the received JSON, open enums."""

from __future__ import annotations

import enum
import json
import operator
import reprlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, Generic, Self, TypeVar, cast

import attrs

from dify_async import _json
from dify_async._data import AS_JSON, Data
from dify_async._text import shortened
from dify_async._types import Json

__all__ = ["Page"]

WIRE_KEYS: Final = "wire_keys"
"""Metadata entry of an attrs field: the JSON keys it is read from, in order of preference."""

_REPR_LENGTH: Final = 300
"""Approximate maximum length of the fields in a repr; further fields are left out."""

_BEYOND_64_BITS: Final = 2.0**63
"""orjson parses integers beyond 64 bits as floats, whose absolute value is at least this."""


def wire(*keys: str) -> dict[str, tuple[str, ...]]:
    """Return metadata for an attrs field that is read from JSON keys other than its own name."""
    return {WIRE_KEYS: keys}


class OpenEnum(enum.StrEnum):
    """A string enum that accepts unknown values.

    Newer servers may send values that this version of the SDK does not know. Such a value becomes a new
    member: it compares equal to the string, can be pickled, and its `known` is False.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the member for a string. Same as calling the class, but faster for known values."""
        return cls._value2member_map_.get(text) or cls(text)  # type: ignore[return-value]

    @property
    def known(self) -> bool:
        """Return True if this version of the SDK knows the value."""
        return self._value_ in type(self)._value2member_map_

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value_,)  # Early releases of Python 3.11 would look it up by name.

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> dict[str, Any]:
        return {
            "type": "function-after",
            "function": {"type": "no-info", "function": cls},
            "schema": {"type": "str"},
            "serialization": AS_JSON,
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(core_schema), "examples": list(cls)}


class _ShortRepr(reprlib.Repr):
    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, enum.Enum):
            return repr(str(x))
        if isinstance(x, datetime):
            return x.isoformat()
        return super().repr1(x, level)


_short: Final = _ShortRepr()
_short.maxstring = _short.maxother = 80


class Model(Data):
    """Base of all models and events.

    They share one comparison and one repr: generated methods took half of the import time.
    """

    __slots__ = ()

    _shown_first: ClassVar[tuple[str, ...]] = ()
    """Fields that the repr always shows, before all others."""

    __hash__: ClassVar[None]  # type: ignore[assignment]  # Most models hold lists and dicts.

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        cls: Any = self.__class__
        compared = _compared(cls)
        return bool(compared(self) == compared(other))

    def __repr__(self) -> str:
        """Return the fields that differ from their defaults, shortened."""
        cls: Any = self.__class__
        parts: list[str] = []
        room = _REPR_LENGTH
        for name, default in _shown(cls):
            value = getattr(self, name)
            if name in cls._shown_first or value != default:
                part = f"{name}={shortened(_short.repr(value), _REPR_LENGTH // 2)}"
                room -= len(part)
                if room < 0 and parts:
                    parts.append("...")
                    break
                parts.append(part)
        return f"{cls.__name__}({', '.join(parts)})"


@cache
def _compared(cls: type) -> Callable[[object], Any]:
    names = [field.name for field in attrs.fields(cls) if field.eq]
    return operator.attrgetter(*names) if names else lambda _: None


@cache
def _shown(cls: Any) -> list[tuple[str, Any]]:
    shown: dict[str, Any] = dict.fromkeys(cls._shown_first)
    for field in attrs.fields(cls):
        default: Any = field.default
        if field.repr:
            shown[field.name] = default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]
    return list(shown.items())


@attrs.define(kw_only=True, eq=False, repr=False)
class Received(Model):
    """A model of a complete response or event; keeps the received JSON."""

    _payload: bytes = attrs.field(default=b"", init=False, repr=False, eq=False)

    @property
    def raw(self) -> Json:
        """The JSON as it was received, including fields that this SDK does not know.

        Parsed from the received bytes at each access. `{}` for an object that you created yourself; a str if
        the payload is not valid JSON.
        """
        if not self._payload:
            return {}
        try:
            return parse_json(self._payload)
        except ValueError:
            return self._payload.decode("utf-8", "replace")


ReceivedT = TypeVar("ReceivedT", bound=Received)


def with_raw_of(origin: Received | None, model: ReceivedT) -> ReceivedT:
    """Return `model`, with the `raw` of the object that it was made from."""
    if origin is not None:
        # Results are frozen classes.
        object.__setattr__(model, "_payload", origin._payload)  # pyright: ignore[reportPrivateUsage] - of this module
    return model


@attrs.define(kw_only=True, eq=False, repr=False)
class Settings(Model):
    """A model that requests contain as well: a field that is None is not sent."""


def sendable(value: Any) -> Any:
    """Return settings as the JSON that is sent, and all other values as they are."""
    if isinstance(value, Settings):
        fields = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
        return {name: sendable(one) for name, one in fields if one is not None}
    if isinstance(value, (list, tuple)):
        return [sendable(one) for one in cast(Sequence[Any], value)]
    return value


ItemT = TypeVar("ItemT")


@attrs.define(kw_only=True, eq=False, repr=False)
class Page(Received, Generic[ItemT]):
    """One page of a list."""

    data: list[ItemT] = attrs.Factory(list[ItemT])
    """The entries of this page."""
    has_more: bool = False
    """True if another page follows. Some lists of Dify set it on their last page too."""
    limit: int = 20
    """Maximum number of entries on a page."""
    page: int | None = None
    """Number of this page, starting at 1. None for lists without page numbers."""
    total: int | None = None
    """Number of entries on all pages. None if the server does not send it."""
    total_pages: int | None = None
    """Number of pages. Sent by lists of child chunks only, in place of `has_more`."""


def as_object(value: Json) -> dict[str, Json] | None:
    """Return `value` if it is a JSON object, otherwise None."""
    return value if value.__class__ is dict else None


def as_list(value: Json) -> list[Json] | None:
    """Return `value` if it is a JSON array, otherwise None."""
    return value if value.__class__ is list else None


def load_json(data: bytes) -> Json:
    """Parse JSON fast. Integers beyond 64 bits become floats (`is_inexact`).

    If orjson fails, Python's own parser is used: it reads the NaN, infinities and lone surrogates that
    Python's serializer writes, which produces Dify's blocking responses (recordings: `wf_*_blocking`).

    Raises:
        ValueError: `data` is not valid JSON.
    """
    try:
        return _json.loads(data)
    except ValueError:
        return _load_exactly(data)


def parse_json(data: bytes) -> Json:
    """Parse JSON; integers of any size stay exact.

    Raises:
        ValueError: `data` is not valid JSON.
    """
    value = load_json(data)
    return exact_json(data, value) if is_inexact(value) else value


def is_inexact(value: Json) -> bool:
    """Return True if a value parsed by `load_json` may hold an integer that was rounded to a float."""
    values = [value]
    for one in values:  # The list grows during the loop.
        kind = one.__class__
        if kind is str:
            continue
        if kind is dict:
            values += one.values()
        elif kind is list:
            values += one
        elif kind is float and not -_BEYOND_64_BITS < one < _BEYOND_64_BITS:
            return True
    return False


def exact_json(data: bytes, fallback: Json) -> Json:
    """Parse JSON with Python's own parser; return `fallback` if it cannot parse it."""
    try:
        return _load_exactly(data)
    except ValueError:
        return fallback


def _load_exactly(data: bytes) -> Json:
    try:
        return json.loads(data)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc
