"""The type of JSON values."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A JSON value: str, number, bool, None, or a list or dict of such. What Dify's users put in is known to them
alone, so it is not narrowed further."""
