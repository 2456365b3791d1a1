"""Files as inputs of runs: their source, name, MIME type and kind."""

from __future__ import annotations

import functools
import inspect
import io
import mimetypes
import os
from collections.abc import AsyncIterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self, TypeAlias
from urllib.parse import unquote, urlsplit

from dify_async._text import has_control_characters
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models.files import FileType, RemoteFile, UploadedFile, extension_of

FileSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | IO[bytes] | AsyncIterable[bytes]"
"""A path, bytes, a file opened in binary mode, or an async iterable of bytes."""

FileInputs: TypeAlias = Sequence["InputFile | UploadedFile | RemoteFile | Mapping[str, Json] | None"]
"""The `files` of a run. None in the list is ignored."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_MIME_TYPES: Final = {
    "amr": "audio/amr",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "epub": "application/epub+zip",
    "m4a": "audio/mp4",
    "markdown": "text/markdown",
    "md": "text/markdown",
    "mdx": "text/markdown",
    "mpga": "audio/mpeg",
    "msg": "application/vnd.ms-outlook",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "properties": "text/plain",
    "vtt": "text/vtt",
    "wav": "audio/wav",
    "webp": "image/webp",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}
"""By extension: MIME types that not every version of Python knows."""


class InputFile:
    """A file as an input of a run, uploaded when the run starts.

    ```python
    inputs = {"report": InputFile("q3.pdf"), "pictures": [InputFile(png, name="a.png")]}
    ```

    Each `InputFile` is uploaded once per client and end user, even if several runs use it. It is uploaded as
    the end user of the run, because Dify does not let another end user use it. A file on disk is read while
    it is sent, in constant memory.

    Args:
        source: A path, bytes, a file opened in binary mode, or an async iterable of bytes. An open file is
            read from its current position and stays open. A source that cannot be read twice can be uploaded
            for one end user only.
        name: The file's name, which the app sees; its extension decides `type`. Default: the name of the
            source. Required for bytes and iterables, which have no name.
        mime_type: The declared MIME type. Default: by extension, or `application/octet-stream`.
        type: `image`, `document`, `audio`, `video` or `custom`. Default: the kind that the server derives
            from the extension and the MIME type; the server rejects any other kind. Servers without the
            Unstructured extractor accept doc, eml, epub, msg, ppt and pptx as `custom`.

    Raises:
        ConfigurationError: The source is invalid, or has no name.
    """

    name: str
    """The file's name."""
    mime_type: str
    """The declared MIME type."""
    type: FileType
    """The kind of file."""
    source: FileSource | None
    """The source of an upload. None for a URL."""
    address: str | None
    """The URL that the server fetches the file from. None for an upload."""
    start: int | None = None
    """Initial position of a file object that can be read again. None for other sources."""
    spent: bool = False
    """True once a source that cannot be read twice was read."""

    def __init__(
        self,
        source: FileSource,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        type: FileType | str | None = None,  # noqa: A002 - Dify's word
    ) -> None:
        _check_source(source)
        self.source, self.address = source, None
        self.name = _checked_name(name if name is not None else _own_name(source))
        self.mime_type = _checked_mime_type(mime_type or _mime_type_of(self.name))
        self.type = FileType.of_file(self.name, self.mime_type) if type is None else _checked_type(type)
        self.start = _start(source)

    @classmethod
    def url(cls, url: str, *, type: FileType | str | None = None) -> Self:  # noqa: A002 - Dify's word
        """Return a file that the server fetches from a URL; nothing is uploaded.

        Args:
            url: The URL. The server must be able to reach it.
            type: The kind of file. Default: by the extension in the URL.

        Raises:
            ConfigurationError: The URL is not http or https, or its kind of file is unknown.
        """
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:  # A bracket that is not closed.
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("the URL of a file must start with https:// or http:// and a host")
        name = unquote(parts.path).rpartition("/")[2]
        mime_type = _mime_type_of(name)
        if type is None:
            type = FileType.of_file(name, mime_type)  # noqa: A001
            if type is FileType.CUSTOM:
                raise ConfigurationError(
                    f"the URL of {name or 'the file'!r} does not show the kind of file: "
                    'pass type="image", "document", "audio", "video" or "custom"'
                )
        file = cls.__new__(cls)
        file.source, file.address = None, url
        file.name, file.mime_type, file.type = name, mime_type, _checked_type(type)
        return file

    def __repr__(self) -> str:
        # Source and URL are omitted: they may be large, or contain a signature.
        return f"InputFile({self.name!r}, type={self.type.value!r})"


def _check_source(source: object) -> None:
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise ConfigurationError("a file must be a path, got a URL: pass InputFile.url(...)")
    if isinstance(source, io.TextIOBase):
        raise ConfigurationError(
            'a file must be opened in binary mode, got a text file: open it with mode "rb"'
        )
    if isinstance(source, (str, os.PathLike, bytes, bytearray, AsyncIterable)):
        return
    read = getattr(source, "read", None)
    if inspect.iscoroutinefunction(read):
        raise ConfigurationError(
            "a file must have a read() that is not async: pass the underlying file (for example upload.file)"
        )
    if not callable(read):
        raise ConfigurationError(
            "a file must be a path, bytes, a file opened in binary mode, or an async iterable of bytes, "
            f"got {type(source).__name__}"
        )


def _own_name(source: FileSource) -> str:
    if isinstance(source, (str, os.PathLike)):
        source = Path(os.fspath(source))
    # The name is a number if the file was opened by its descriptor.
    found: object = getattr(source, "name", None)
    if not isinstance(found, str):
        raise ConfigurationError('the file has no name: pass one as InputFile(..., name="report.pdf")')
    # Names on disk may not be UTF-8; Python represents such bytes as lone surrogates, which cannot be sent.
    try:
        return os.fsencode(Path(found).name).decode("utf-8", "replace")
    except UnicodeEncodeError:
        raise ConfigurationError(f"the path of a file must be valid Unicode, got {found!r:.100}") from None


def _checked_name(name: str) -> str:
    if not name or not isinstance(name, str) or has_control_characters(name):
        raise ConfigurationError(
            f"the name of a file must be a non-empty string without control characters, got {name!r}"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"the name of a file must be valid Unicode, got {name!r}") from None
    return name


def _checked_type(type: object) -> FileType:  # noqa: A002 - Dify's word
    if not isinstance(type, str):
        raise ConfigurationError(f"the kind of a file must be a str such as 'document', got {type!r:.100}")
    return FileType(type)


def _checked_mime_type(mime_type: object) -> str:
    if not isinstance(mime_type, str):
        raise ConfigurationError(f"a MIME type must be a string such as image/png, got {mime_type!r:.100}")
    kind, slash, rest = mime_type.partition("/")
    if not (kind and slash and rest) or not mime_type.isascii() or not mime_type.isprintable():
        raise ConfigurationError(f"a MIME type must be a string such as image/png, got {mime_type!r}")
    return mime_type


def _mime_type_of(name: str) -> str:
    guess, _ = _mime_types().guess_type(f"file.{extension_of(name)}", strict=False)
    return guess or "application/octet-stream"


@functools.cache
def _mime_types() -> mimetypes.MimeTypes:
    """Return a table of our own: a file gets the same MIME type on every machine and version of Python."""
    table = mimetypes.MimeTypes()
    for extension, mime_type in _MIME_TYPES.items():
        table.add_type(mime_type, f".{extension}")
    return table


def _start(source: Any) -> int | None:
    if isinstance(source, (str, os.PathLike, bytes, bytearray, AsyncIterable)):
        return None
    try:
        # Responses of HTTP libraries have a position, but cannot seek back to it.
        position: int | None = source.tell() if source.seekable() else None
    except (OSError, AttributeError):
        return None
    return position
