"""Encode a request body as JSON, and find the files in it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from dify_async import _json
from dify_async._scalars import entries, fields_of, is_dict, is_finite, non_finite_number, plain
from dify_async._types import Json
from dify_async.files import InputFile
from dify_async.models.files import FileType, RemoteFile, UploadedFile

_MAX_DEPTH: Final = 254
"""Maximum depth of nesting that orjson serializes."""

_FILES: Final = (InputFile, UploadedFile, RemoteFile)


def encode_body(body: Json, uploaded: Mapping[InputFile, UploadedFile]) -> tuple[bytes, list[InputFile]]:
    """Return the JSON of a body, and the files in it that must be uploaded before it can be sent.

    numpy scalars are sent as their Python values, `Decimal` as a number with all digits, and integers of any
    size exactly.

    Raises:
        TypeError: A value cannot be sent as JSON; the message has its path.
    """
    missing: list[InputFile] = []

    def default(value: Any) -> Any:
        if isinstance(value, (UploadedFile, RemoteFile)):
            return _local_file(value.type, value.id)
        if isinstance(value, InputFile):
            if value.address is not None:
                return {"type": value.type, "transfer_method": "remote_url", "url": value.address}
            if value in uploaded:
                return _local_file(value.type, uploaded[value].id)
            missing.append(value)
            return None
        fields = fields_of(value)
        return _scalar(value) if fields is None else fields

    try:
        data = _json.dumps(body, default=default)
    except TypeError:
        # Rare: an invalid value, or an integer beyond 64 bits. `_prepared` finds out which.
        missing.clear()
        data = _json.dumps(_prepared(body, "", _MAX_DEPTH), default=default)
    # orjson writes NaN and infinity as null.
    problem = non_finite_number(body, "") if b"null" in data else None
    if problem is not None:
        raise TypeError(problem)
    return data, missing


def _local_file(kind: FileType, upload_file_id: str) -> Json:
    return {"type": kind, "transfer_method": "local_file", "upload_file_id": upload_file_id}


def _scalar(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _json.Fragment(str(value)) if value.is_finite() else None
    found = plain(value)
    if type(found) is type(value):
        raise TypeError
    return found


def _prepared(value: Any, path: str, depth: int) -> Any:
    """Return a copy that orjson serializes exactly; raise `TypeError` with the path of an invalid value."""
    if depth == 0:
        raise TypeError(f"{path[:60]}... must be nested at most {_MAX_DEPTH} levels deep")
    if isinstance(value, _FILES):
        return value
    value = fields_of(value) or value
    inner = entries(value, path)
    if inner is not None:
        copies = [_prepared(one, place, depth - 1) for one, place in inner]
        if not is_dict(value):
            return copies
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the keys of {path or 'the body'} must be str, got {type(key).__name__}")
        return dict(zip(map(str, value), copies, strict=True))
    value = plain(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return _json.Fragment(_digits(value, path))
    if is_finite(value):
        _check(value, path, _scalar)
    return value


def _digits(value: int, path: str) -> str:
    try:
        return str(value)
    except ValueError:
        raise TypeError(f"{path} must be a number of at most 4,300 digits") from None


def _check(value: Any, path: str, default: Callable[[Any], Any]) -> None:
    try:
        _json.dumps(value, default=default)
    except TypeError:
        if isinstance(value, str):
            raise TypeError(f"{path} must be valid Unicode, got a lone surrogate") from None
        text = f"{path} must be a JSON value, got {type(value).__name__}"
        if isinstance(value, (bytes, bytearray, os.PathLike, io.IOBase)):
            text = f"{text}: pass a file as InputFile(...)"
        raise TypeError(text) from None
