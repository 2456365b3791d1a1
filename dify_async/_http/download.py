"""Write the body of a response to a file: completely, or not at all."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from dify_async._http.response import IncomingResponse
from dify_async._local_files import CANNOT_OPEN, reason_of
from dify_async.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")


async def save_body(response: IncomingResponse, path: Path) -> int:
    """Write a body to `path` as it arrives, in constant memory. Return its number of bytes.

    The data is written to a temporary file in the same folder, which is renamed when it is complete; an
    interrupted download does not change an existing file. As with `open(path, "wb")`, a symbolic link is
    followed, and an existing file keeps its permissions.

    Raises:
        ConfigurationError: the file cannot be written.
        TransportError: the connection broke.
    """
    file: IO[bytes] | None = None
    size = 0
    try:
        file = await _on_disk(path, _temporary_file, path)
        while data := await response.read_chunk():
            await _on_disk(path, file.write, data)
            size += len(data)
        await _on_disk(path, _finish, file, path)
    except BaseException:
        response.close()
        if file is not None:
            file.close()
            Path(file.name).unlink(missing_ok=True)  # noqa: ASYNC240 - must not wait if cancelled
        raise
    return size


def _temporary_file(path: Path) -> IO[bytes]:
    # Not derived from the file's name, which may already have the maximum length.
    return Path(os.path.realpath(path)).with_name(f".dify-{secrets.token_hex(8)}").open("xb")


def _finish(file: IO[bytes], path: Path) -> None:
    target = os.path.realpath(path)
    file.close()
    with suppress(FileNotFoundError):
        shutil.copymode(target, file.name)
    Path(file.name).replace(target)


async def _on_disk(path: Path, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *args, **kwargs)
    except CANNOT_OPEN as exc:  # An OSError would be reported as a broken connection.
        raise ConfigurationError(f"cannot write the file {str(path)!r}: {reason_of(exc)}") from exc
