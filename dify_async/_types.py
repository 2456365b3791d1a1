"""The two types that every layer shares: JSON values and the mark of an argument left out."""

from __future__ import annotations

import enum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A JSON value: text, number, boolean, None, or a list or dict of such. What Dify's users put in is theirs
to know, so it is not narrowed further."""


class Omit(enum.Enum):
    """The type of `OMIT`: "do not send this field at all", where `None` would be sent as null."""

    OMIT = "OMIT"

    def __repr__(self) -> str:
        return "OMIT"

    def __bool__(self) -> bool:
        return False


OMIT: Final = Omit.OMIT
