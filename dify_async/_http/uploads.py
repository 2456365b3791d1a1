"""Request bodies: multipart forms with files, and a timeout while the server stops reading a body."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO, Any, Final

import aiohttp
import attrs
from aiohttp.abc import AbstractStreamWriter

from dify_async._local_files import CANNOT_OPEN, reason_of
from dify_async._text import has_control_characters, is_unicode
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile

_PIECE: Final = 2**16
"""Number of bytes that are read from a file, or written to a connection, at once."""


LARGE: Final = _PIECE
"""Size of a body above which writing it may have to wait for the server."""


class BodyNotAccepted(Exception):
    """The server did not read more of a request body within the timeout."""


@attrs.frozen
class Form:
    """A multipart form with at most one file."""

    fields: dict[str, str]
    file: InputFile | None

    @classmethod
    def of(cls, fields: Mapping[Any, Any], file: InputFile | None) -> Form:
        """Return a form; raise `ConfigurationError` for invalid fields or an invalid file."""
        if not isinstance(fields, Mapping) or not all(map(is_unicode, (*fields, *fields.values()))):
            raise ConfigurationError("`form` must be a mapping of names to values, all of them valid str")
        if any(map(has_control_characters, fields)):
            raise ConfigurationError("the names in `form` must have no control characters")
        if file is not None and not isinstance(file, InputFile):
            raise ConfigurationError(f"`file` must be an InputFile, got {type(file).__name__}")
        return cls(dict(fields), file)


def json_body(data: bytes, seconds: float) -> aiohttp.Payload:
    """Return a JSON body that is too large to be buffered, with a timeout for each write."""
    return _TimedBody(aiohttp.BytesIOPayload(io.BytesIO(data), content_type="application/json"), seconds)


@asynccontextmanager
async def form_body(form: Form, seconds: float) -> AsyncGenerator[aiohttp.Payload, None]:
    """Yield the body of a form, which is valid only inside the block.

    Args:
        form: The fields and the file. The file is opened here, and read while it is sent.
        seconds: How long the server may stop reading the body.

    Raises:
        ConfigurationError: the file cannot be read, or cannot be read a second time.
    """
    # Without this, aiohttp writes characters outside ASCII as %XX, and Dify stores the name in this form.
    body = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in form.fields.items():
        if len(value) <= _PIECE:
            body.add_field(name, value)
        else:  # aiohttp warns about long strings, which it writes at once.
            body.add_field(name, io.BytesIO(value.encode()), content_type="text/plain; charset=utf-8")
    file = form.file
    if file is None:
        yield _TimedBody(body(), seconds)
        return
    content = await _content(file)
    failures: list[Exception] = []
    part: object = content
    if isinstance(content, AsyncIterator):
        part = _with_failures(content, failures)
    elif not isinstance(content, io.BytesIO):
        # Without this payload, aiohttp writes the file's name on disk into a header, where it may be invalid.
        part = aiohttp.BufferedReaderPayload(content, filename=None, content_type=file.mime_type)
    try:
        body.add_field("file", part, filename=file.name, content_type=file.mime_type)
        yield _TimedBody(body(), seconds)
    except Exception:
        if failures:
            raise failures[0] from None
        raise
    finally:
        if not isinstance(content, AsyncIterator):
            content.close()


async def _content(file: InputFile) -> IO[bytes] | AsyncIterator[bytes]:
    """Return the content from its start: as an open file, whose size is known, or in pieces."""
    source = file.source
    if isinstance(source, (bytes, bytearray)):
        return io.BytesIO(source)
    if isinstance(source, (str, os.PathLike)):
        try:
            return await asyncio.to_thread(open, source, "rb")
        except CANNOT_OPEN as exc:
            path = os.fspath(source)
            raise ConfigurationError(f"cannot read the file {path!r}: {reason_of(exc)}") from exc
    if file.spent:
        raise ConfigurationError(
            f"the source of {file.name!r} was read already and cannot be read again: for another end user or "
            "another attempt, pass a path, bytes or a seekable file"
        )
    if isinstance(source, AsyncIterable):
        return _pieces_of_iterable(file, source)
    assert source is not None
    if getattr(source, "closed", False):
        raise ConfigurationError(f"the file {file.name!r} is closed: keep it open until its run has started")
    return _pieces_of_file(file, source)


async def _pieces_of_iterable(file: InputFile, source: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    pieces = aiter(source)
    file.spent = pieces is source
    async for piece in pieces:
        yield piece


async def _pieces_of_file(file: InputFile, source: IO[bytes]) -> AsyncIterator[bytes]:
    # In pieces, because aiohttp would close the caller's file.
    if file.start is not None:
        await asyncio.to_thread(source.seek, file.start)
    file.spent = file.start is None
    while piece := await asyncio.to_thread(source.read, _PIECE):
        yield piece


async def _with_failures(pieces: AsyncIterator[bytes], failures: list[Exception]) -> AsyncIterator[bytes]:
    """Store exceptions of the caller's source, which aiohttp would report as a broken connection."""
    try:
        async for piece in pieces:
            yield _checked_piece(piece)
    except Exception as exc:
        failures.append(exc)
        raise


def _checked_piece(piece: object) -> bytes:
    if not isinstance(piece, (bytes, bytearray)):
        raise ConfigurationError(f"the source of a file must yield bytes, got {type(piece).__name__}")
    return bytes(piece)


class _TimedBody(aiohttp.Payload):
    """A body with a timeout for each write."""

    def __init__(self, body: aiohttp.Payload, seconds: float) -> None:
        super().__init__(body, headers=body.headers)
        self._body = body
        self._seconds = seconds
        self._autoclose = True  # The sources are closed by the code that opened them.

    @property
    def size(self) -> int | None:
        return self._body.size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return await self._body.as_bytes(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self._body.write_with_length(_TimedWriter(writer, self._seconds), content_length)


class _TimedWriter(AbstractStreamWriter):
    """A writer with a timeout for each piece."""

    def __init__(self, writer: AbstractStreamWriter, seconds: float) -> None:
        self._writer = writer
        self._seconds = seconds

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        pieces = memoryview(chunk).cast("B")
        for start in range(0, len(pieces), _PIECE):
            try:
                async with asyncio.timeout(self._seconds):
                    await self._writer.write(bytes(pieces[start : start + _PIECE]))
            except TimeoutError:
                raise BodyNotAccepted from None

    async def write_eof(self, chunk: bytes = b"") -> None:
        await self._writer.write_eof(chunk)

    async def drain(self) -> None:
        await self._writer.drain()

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        self._writer.enable_compression(encoding, strategy)

    def enable_chunking(self) -> None:
        self._writer.enable_chunking()

    async def write_headers(self, status_line: str, headers: Any) -> None:
        await self._writer.write_headers(status_line, headers)
