"""The body of an answer on its way to a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

import aiohttp

from dify_async.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")


def saved_as(path: Path) -> Callable[[aiohttp.ClientResponse], Awaitable[bytes]]:
    """Give what reads a body into a file, in constant memory.

    The file has its name when all of it has come, and not before: a break leaves what was there.
    """

    async def take(answer: aiohttp.ClientResponse) -> bytes:
        part: IO[bytes] | None = None
        try:
            part = await _on_disk(path, _file_beside, path)
            while data := await answer.content.readany():
                await _on_disk(path, part.write, data)
            await _on_disk(path, part.close)
            await _on_disk(path, Path(part.name).replace, path)
        except BaseException:
            answer.close()
            if part is not None:
                part.close()
                Path(part.name).unlink(missing_ok=True)  # noqa: ASYNC240 - no time to wait when cancelled
            raise
        return b""

    return take


def _file_beside(path: Path) -> IO[bytes]:
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)


async def _on_disk(path: Path, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(do, *args, **kwargs)
    except OSError as exc:
        # As it is, it would be taken for a broken connection.
        raise ConfigurationError(f"the file {str(path)!r} cannot be written: {exc.strerror}") from exc
