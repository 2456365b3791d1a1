"""Ids and times as Dify writes them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

NIL_ID: Final = str(uuid.UUID(int=0))
UUID_PATH: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""Pattern of an id in a path. Dify's routes match only such ids."""


def new_id() -> str:
    """Return a new random id."""
    return str(uuid.uuid4())


def id_of(name: str) -> str:
    """Return the id for a name, for example of an end user. The same name has the same id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def is_uuid(text: str) -> bool:
    """Return True if `text` is an id."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def iso(moment: float) -> str:
    """Return a time in ISO 8601, in UTC without an offset. Most operations use seconds instead."""
    return datetime.fromtimestamp(moment, UTC).replace(tzinfo=None).isoformat()
