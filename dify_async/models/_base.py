"""What every model shares: the bytes it came from, enums that stay open, and the names of wire keys."""

from __future__ import annotations

import enum
import json
from typing import Final, Generic, Self, TypeVar

import attrs
import orjson

from dify_async._types import Json

WIRE_KEYS: Final = "wire_keys"
"""The metadata entry of an attrs field that names the JSON keys it is read from, best first."""


def wire(*keys: str) -> dict[str, tuple[str, ...]]:
    """Give an attrs field the JSON keys it is read from, where they are not its own name."""
    return {WIRE_KEYS: keys}


class OpenEnum(enum.StrEnum):
    """An enum of texts that accepts texts it does not know yet.

    Newer servers send values that this version has not heard of. Such a text becomes a member of its own:
    it compares equal to the text, it pickles, and its `known` is False.
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
        """Give the member for a text; the same as calling the class, and faster for those that are known."""
        return cls._value2member_map_.get(text) or cls(text)  # type: ignore[return-value]

    @property
    def known(self) -> bool:
        """Whether this version of the SDK knows the value."""
        return self._value_ in type(self)._value2member_map_

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value_,)  # Early releases of Python 3.11 would look for its name.


@attrs.define(kw_only=True)
class Received:
    """Something that came from the server, with what it was on the wire."""

    _payload: bytes = attrs.field(default=b"", init=False, repr=False, eq=False)

    @property
    def raw(self) -> Json:
        """What came over the wire, fields that this SDK does not know included.

        Parsed anew at each access from the bytes that were received. An object that you made yourself has
        `{}`; a payload that is no JSON at all is given as text.
        """
        if not self._payload:
            return {}
        try:
            return parse_json(self._payload)
        except ValueError:
            return self._payload.decode("utf-8", "replace")

    def received_as(self, origin: Received | None) -> Self:
        """Take the `raw` of what this was made of."""
        if origin is not None:
            object.__setattr__(self, "_payload", origin._payload)  # Results are frozen.
        return self


ItemT = TypeVar("ItemT")


@attrs.define(kw_only=True)
class Page(Received, Generic[ItemT]):
    """One page of a list."""

    data: list[ItemT] = attrs.Factory(list[ItemT])
    has_more: bool = False
    """Whether another page follows. Some lists of Dify say so of their last page too."""
    limit: int = 20
    """Entries a page."""
    page: int | None = None
    """Which page this is, from 1, where the list has numbers."""
    total: int | None = None
    """Entries in all, where the list tells."""


def as_object(value: Json) -> dict[str, Json] | None:
    """Give a JSON object as such, None for all other values."""
    return value if value.__class__ is dict else None


def as_list(value: Json) -> list[Json] | None:
    """Give a JSON list as such, None for all other values."""
    return value if value.__class__ is list else None


def parse_json(data: bytes) -> Json:
    """Parse JSON text; raise `ValueError` where it is none.

    Python's own parser reads what orjson does not: the NaN, infinities and lone surrogates that Python's
    serialiser writes, which makes Dify's answers in one piece (recordings: `wf_*_blocking`).
    """
    try:
        return orjson.loads(data)
    except ValueError:
        try:
            return json.loads(data)
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc
