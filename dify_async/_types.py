"""The types of JSON values and of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

import attrs

Json: TypeAlias = Any
"""A JSON value: str, number, bool, None, or a list or dict of such values. Its structure depends on the app,
so the type is not narrower."""


class DataclassObject(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class PydanticObject(Protocol):
    """An instance of a pydantic model."""

    def model_dump(self, *, by_alias: bool | None = ...) -> dict[str, Any]:
        """Return its fields."""
        ...


Inputs: TypeAlias = Mapping[str, Json] | DataclassObject | attrs.AttrsInstance | PydanticObject
"""The inputs of a run: a mapping, or an object whose fields are named as the app's variables."""
