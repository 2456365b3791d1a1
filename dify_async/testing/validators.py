"""Validators for the values of scripts and faults."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from dify_async.errors import ConfigurationError

Validator: TypeAlias = Callable[[Any, Any, Any], None]
"""A validator of attrs: called with the instance, the attribute and the value."""


def one_of(*allowed: str) -> Validator:
    """Return a validator that accepts these strings."""

    def check(_: object, attribute: attrs.Attribute[str], value: object) -> None:
        if value not in allowed:
            choices = " or ".join(map(repr, allowed)) if len(allowed) < 4 else f"one of {allowed}"
            raise ConfigurationError(f"`{attribute.name}` must be {choices}, got {value!r}")

    return check


def count(lowest: int = 0) -> Validator:
    """Return a validator that accepts an int of `lowest` or more."""

    def check(_: object, attribute: attrs.Attribute[int], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise ConfigurationError(f"`{attribute.name}` must be an int of {lowest} or more, got {value!r}")

    return check


def seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    """Accept a number of 0 or more."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < math.inf:  # type: ignore[operator]
        raise ConfigurationError(f"`{attribute.name}` must be a number of 0 or more, got {value!r}")
