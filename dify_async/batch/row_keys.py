"""Derive the key of a row in a journal from its content."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from typing import Final

from dify_async._scalars import fields_of
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models.files import UploadedFile

_KEY_LENGTH: Final = 32


class RowKeys:
    """The keys of the rows of one batch, in order.

    Args:
        user: The end user of the runs. Equal rows of different end users have different keys.
    """

    def __init__(self, user: str | None) -> None:
        self._user = user
        self._seen: Counter[str] = Counter()

    def next_key(self, row: Json) -> str:
        """Return the key of the next row. Equal rows have different keys.

        Raises:
            ConfigurationError: A file in the row cannot be recognized in a later batch.
        """
        try:
            text = json.dumps([self._user, row], sort_keys=True, default=_in_key)
        except ConfigurationError:
            raise
        except (TypeError, ValueError, RecursionError):
            text = ""  # Such a row cannot be sent either, so its outcome will be an error.
        key = hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]
        self._seen[key] += 1
        return key if self._seen[key] == 1 else f"{key}-{self._seen[key]}"


def _in_key(value: object) -> Json:
    """Return JSON for a value that is not JSON."""
    if isinstance(value, UploadedFile):
        return value.id
    if isinstance(value, InputFile):
        return [value.name, value.address or _source_id(value)]
    fields = fields_of(value)
    return str(value) if fields is None else fields


def _source_id(file: InputFile) -> str:
    source = file.source
    if isinstance(source, io.BytesIO):
        source = source.getvalue()
    if isinstance(source, bytes | bytearray):
        return hashlib.sha256(source).hexdigest()
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name: object = getattr(source, "name", None)  # An int if the file was opened by its descriptor.
    if not isinstance(name, str):
        raise ConfigurationError(
            f"the file {file.name!r} cannot be recognized in a later batch: with a journal, pass its path or "
            "its bytes"
        )
    return name
