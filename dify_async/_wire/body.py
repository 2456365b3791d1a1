"""The JSON of a request, and the files in it: where one stands, the body says how the server gets it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import orjson

from dify_async._types import Json
from dify_async.files import InputFile
from dify_async.models import FileType, RemoteFile, UploadedFile


def written(body: Json, uploaded: Mapping[InputFile, UploadedFile]) -> tuple[bytes, list[InputFile]]:
    """Give the JSON of a body, and the files in it that have yet to be uploaded before it can be sent.

    Raises:
        TypeError: something in it is no JSON.
    """
    missing: list[InputFile] = []

    def met(value: Any) -> Json:
        if isinstance(value, (UploadedFile, RemoteFile)):
            return _local(value.type, value.id)
        if not isinstance(value, InputFile):
            raise TypeError(_no_json(value))
        if value.address is not None:
            return {"type": value.type, "transfer_method": "remote_url", "url": value.address}
        if value not in uploaded:
            missing.append(value)
            return None
        return _local(value.type, uploaded[value].id)

    try:
        return orjson.dumps(body, default=met), missing
    except TypeError as exc:
        # orjson puts our own sentence behind one of its own.
        raise TypeError(str(exc.__cause__ or exc)) from None


def _local(kind: FileType, upload_file_id: str) -> Json:
    return {"type": kind, "transfer_method": "local_file", "upload_file_id": upload_file_id}


def _no_json(value: object) -> str:
    text = f"{type(value).__name__} is no JSON value"
    is_file = isinstance(value, (bytes, bytearray, os.PathLike, io.IOBase))
    return f"{text}; a file goes in as InputFile(...)" if is_file else text
