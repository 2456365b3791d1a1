"""Values of inputs that are not plain JSON: objects, times, numpy scalars, `Decimal`, NaN and infinity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeGuard, cast

import attrs


def plain(value: Any) -> Any:
    """Return a time as ISO 8601, a numpy scalar as its Python value; other values are returned unchanged.

    numpy is not a dependency: its scalars are recognized by their attributes.
    """
    if isinstance(value, (date, time)):  # `datetime` is a `date`, and the timestamps of pandas are both.
        return value.isoformat()
    if getattr(value, "shape", None) == () and hasattr(value, "dtype") and hasattr(value, "item"):
        return value.item()
    return value


def is_finite(value: Any) -> bool:
    """Return False for NaN and infinity, True for all other values."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return math.isfinite(value) if isinstance(value, float) else True


def is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    """Return True for a dict."""
    return isinstance(value, dict)


def is_sequence(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Return True for a list or tuple."""
    return isinstance(value, (list, tuple))


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return a mapping as a dict, or the public fields of a dataclass, attrs or pydantic object.

    Returns None for other values. pydantic is not a dependency: its models are recognized by their method.
    """
    if isinstance(value, Mapping):
        return {**value}
    kind = cast(Any, type(value))
    if hasattr(kind, "model_dump"):
        dumped: dict[str, Any] = value.model_dump(by_alias=True)
        return dumped
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
    elif attrs.has(kind):
        names = [field.name for field in attrs.fields(kind)]
    else:
        return None
    return {name: getattr(value, name) for name in names if not name.startswith("_")}


def entries(value: Any, path: str) -> Iterator[tuple[Any, str]] | None:
    """Return the entries of an object, array or dataclass with their paths; None for other values."""
    if is_dict(value):
        return ((one, f"{path}.{key}" if path else str(key)) for key, one in value.items())
    if is_sequence(value):
        return ((one, f"{path}[{index}]") for index, one in enumerate(value))
    fields = fields_of(value)
    return entries(fields, path) if fields is not None else None


def non_finite_number(value: Any, path: str) -> str | None:
    """Return an error message for the first NaN or infinity in a value; None if there is none."""
    waiting = [(value, path)]
    while waiting:
        one, one_path = waiting.pop()
        inner = entries(one, one_path)
        if inner is not None:
            waiting += reversed(list(inner))
        elif not is_finite(plain(one)):
            return f"{one_path} must be a finite number, got {plain(one)}: JSON has no NaN or infinity"
    return None
