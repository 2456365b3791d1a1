"""A file as the body of a request: opened when it is sent, read while it is sent."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

import aiohttp
import attrs

from dify_async.errors import ConfigurationError
from dify_async.files import InputFile

_PART: Final = 2**16
"""Bytes of a file that are read at once."""


@attrs.frozen
class Form:
    """A multipart form, with one file or none."""

    fields: dict[str, str]
    file: InputFile | None


@asynccontextmanager
async def multipart(form: Form) -> AsyncGenerator[aiohttp.FormData, None]:
    """Give the body that a form makes, as long as it is being sent.

    Raises:
        ConfigurationError: the file cannot be read, or not a second time.
    """
    # aiohttp would write other letters than ASCII as %XX, and Dify would keep the name like that.
    body = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in form.fields.items():
        body.add_field(name, value)
    file = form.file
    if file is None:
        yield body
        return
    content = await _content(file)
    failures: list[Exception] = []
    part: object = content
    if isinstance(content, AsyncIterator):
        part = _watched(content, failures)
    elif not isinstance(content, io.BytesIO):
        # As it is, aiohttp would write the name on disk into a header first, which may be no text.
        part = aiohttp.BufferedReaderPayload(content, filename=None, content_type=file.mime_type)
    try:
        body.add_field("file", part, filename=file.name, content_type=file.mime_type)
        yield body
    except aiohttp.ClientError:
        if failures:
            raise failures[0] from None
        raise
    finally:
        if not isinstance(content, AsyncIterator):
            content.close()


async def _content(file: InputFile) -> IO[bytes] | AsyncIterator[bytes]:
    """Give the bytes from their start: as an open file of ours, whose size is known, or in parts."""
    source = file.source
    if isinstance(source, (bytes, bytearray)):
        return io.BytesIO(source)
    if isinstance(source, (str, os.PathLike)):
        try:
            return await asyncio.to_thread(open, source, "rb")
        except (OSError, ValueError) as exc:  # The latter of a path that can be none.
            path = os.fspath(source)
            reason = exc.strerror if isinstance(exc, OSError) else exc
            raise ConfigurationError(f"the file {path!r} cannot be read: {reason}") from exc
    if file.spent:
        raise ConfigurationError(
            f"the source of {file.name!r} was read already and cannot be read again; "
            "for another end user or another try, give a path, bytes or a file that can seek"
        )
    if isinstance(source, AsyncIterable):
        return _parts_of_iterable(file, source)
    assert source is not None
    if getattr(source, "closed", False):
        raise ConfigurationError(f"the file {file.name!r} is closed: it is read when its run starts")
    return _parts_of_file(file, source)


async def _parts_of_iterable(file: InputFile, source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    parts = aiter(source)
    file.spent = parts is source
    async for part in parts:
        yield part


async def _parts_of_file(file: InputFile, source: IO[bytes]) -> AsyncIterator[bytes]:
    # The caller's own file, in parts: aiohttp would close it.
    if file.start is not None:
        await asyncio.to_thread(source.seek, file.start)
    file.spent = file.start is None
    while part := await asyncio.to_thread(source.read, _PART):
        yield part


async def _watched(parts: AsyncIterator[bytes], failures: list[Exception]) -> AsyncIterator[bytes]:
    """Keep what goes wrong in the caller's own source: aiohttp would call it a broken connection."""
    try:
        async for part in parts:
            yield _checked_part(part)
    except Exception as exc:
        failures.append(exc)
        raise


def _checked_part(part: object) -> bytes:
    if not isinstance(part, (bytes, bytearray)):
        raise ConfigurationError(f"the source of a file gives bytes, not {type(part).__name__}")
    return bytes(part)
