"""Convert the outputs of a run to an object of the caller's class."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from math import isfinite
from typing import Any, Final, TypeVar

from cattrs import transform_error
from cattrs.preconf.json import make_converter

from dify_async._base_errors import DecodeError
from dify_async._types import Json

T = TypeVar("T")

_LONGEST_NUMBER: Final = 4300
"""Maximum number of digits of an integer, as in Python's own conversions of text, which larger ones block."""


def structured(outputs: Mapping[str, Json], kind: type[T], raw: bytes) -> T:
    """Return outputs as an object of a class; `raw` is what they came in, for an error.

    Raises:
        DecodeError: The outputs do not fit the class.
    """
    if not isinstance(kind, type):
        raise TypeError(f"`kind` must be a class, got {kind!r:.100}")
    validate: Any = getattr(kind, "model_validate", None)
    try:
        found: T = validate(outputs) if validate is not None else _converter().structure(outputs, kind)
    except Exception as exc:
        problems = _problems(exc)
        error = DecodeError(f"the outputs do not fit {kind.__name__}: {'; '.join(problems)}", raw=raw)
        raise error from exc
    return found


def _problems(exc: Exception) -> list[str]:
    """Return a sentence about each value that does not fit, with its path and without the value."""
    errors: Any = getattr(exc, "errors", None)
    if callable(errors):  # pydantic's
        found: Any = errors()
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found]
    return [one.replace(" @ $.", ": ", 1) for one in transform_error(exc)]


@cache
def _converter() -> Any:
    """Return a converter that does not guess: it accepts what is the same value in another form."""
    converter = make_converter()
    for kind, hook in {str: _str, int: _int, float: _float, bool: _bool, Decimal: _decimal}.items():
        converter.register_structure_hook(kind, hook)
    return converter


def _str(value: Json, _: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004 - of the data
    return value


def _bool(value: Json, _: object) -> bool:
    text = value.strip().lower() if isinstance(value, str) else value
    if text in ("true", True):
        return True
    if text in ("false", False):
        return False
    raise ValueError("not a boolean")


def _int(value: Json, _: object) -> int:
    number = _decimal(value, _)
    if number.adjusted() >= _LONGEST_NUMBER:
        raise ValueError("too large")
    if number != number.to_integral_value():
        raise ValueError("not an integer")
    return int(number)


def _float(value: Json, _: object) -> float:
    number = float(_decimal(value, _))
    if not isfinite(number):
        raise ValueError("too large")
    return number


def _decimal(value: Json, _: object) -> Decimal:
    try:
        number = Decimal(value if isinstance(value, str | int) else repr(value))
    except (InvalidOperation, ValueError):
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError("not a number")
    return number
