"""The type of JSON values."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A JSON value: str, number, bool, None, or a list or dict of such values. Its structure depends on the app,
so the type is not narrower."""
