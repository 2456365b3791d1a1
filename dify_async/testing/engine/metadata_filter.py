"""Filters of a search on the metadata of documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dify_async._types import Json
from dify_async.models._base import as_list


def _is_equal(found: Json, value: Json) -> bool:
    return str(found) == value if isinstance(value, str) else _number(found) == _number(value)


def _is_listed(found: Json, value: Json) -> bool:
    if isinstance(value, str):
        return str(found) in [entry.strip() for entry in value.split(",")]
    return found in (as_list(value) or [value])


def _number(value: Json) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")  # Compares as False.


COMPARISONS: Final[Mapping[str, Callable[[Json, Json], bool]]] = {
    "contains": lambda found, value: str(value) in str(found),
    "not contains": lambda found, value: str(value) not in str(found),
    "start with": lambda found, value: str(found).startswith(str(value)),
    "end with": lambda found, value: str(found).endswith(str(value)),
    "is": _is_equal,
    "is not": lambda found, value: not _is_equal(found, value),
    "=": _is_equal,
    "≠": lambda found, value: not _is_equal(found, value),
    "in": _is_listed,
    "not in": lambda found, value: not _is_listed(found, value),
    "<": lambda found, value: _number(found) < _number(value),
    "before": lambda found, value: _number(found) < _number(value),
    "≤": lambda found, value: _number(found) <= _number(value),
    ">": lambda found, value: _number(found) > _number(value),
    "after": lambda found, value: _number(found) > _number(value),
    "≥": lambda found, value: _number(found) >= _number(value),
    "empty": lambda _found, _value: False,
    "not empty": lambda _found, _value: True,
}
"""Comparisons of conditions, called with the value of a document, which is not None, and of the condition."""


def is_included(metadata: Mapping[str, Json], filtering: Mapping[str, Any]) -> bool:
    """Return True if a document is searched.

    Args:
        metadata: The values of the document by name.
        filtering: The `metadata_filtering_conditions` of a search.
    """
    conditions: list[dict[str, Any]] = filtering.get("conditions") or []
    results = [_is_true(condition, metadata) for condition in conditions if _has_effect(condition)]
    if not results:
        return True
    return any(results) if filtering.get("logical_operator") == "or" else all(results)


def _has_effect(condition: dict[str, Any]) -> bool:
    """Return False for a condition without a value, which the server ignores."""
    return condition.get("value") is not None or condition["comparison_operator"] in {"empty", "not empty"}


def _is_true(condition: dict[str, Any], metadata: Mapping[str, Json]) -> bool:
    found = metadata.get(condition["name"])
    operator: str = condition["comparison_operator"]
    if found is None:  # The server compares in SQL, where no comparison with NULL is true.
        return operator == "empty"
    return COMPARISONS[operator](found, condition.get("value"))
