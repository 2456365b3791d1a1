"""Files on their way to Dify: where their bytes come from, and what they are declared as."""

from __future__ import annotations

import inspect
import io
import mimetypes
import os
from collections.abc import AsyncIterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self, TypeAlias
from urllib.parse import unquote, urlsplit

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models import FileType, RemoteFile, UploadedFile
from dify_async.models.files import extension_of

FileSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | IO[bytes] | AsyncIterable[bytes]"
"""A path, the bytes themselves, a file opened for bytes, or an asynchronous iterable of bytes."""

FileInputs: TypeAlias = Sequence["InputFile | UploadedFile | RemoteFile | Mapping[str, Json]"]
"""What a run takes as `files`."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_MIME_TYPES: Final = mimetypes.MimeTypes()
"""Our own, so that the same file is declared the same by every version of Python."""
for _extension, _mime_type in {
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
}.items():
    _MIME_TYPES.add_type(_mime_type, f".{_extension}")


class InputFile:
    """A file as an input of a run, uploaded when the run starts.

    ```python
    await client.workflows.run({"report": InputFile("q3.pdf"), "pictures": [InputFile("a.png"), other]})
    ```

    One object is uploaded once by a client for each end user that uses it, however many runs it goes into,
    and always as the end user of the run: no other could use it. A file on disk is read while it is sent,
    in constant memory.

    Args:
        source: A path, the bytes themselves, a file opened for bytes, or an asynchronous iterable of bytes.
            A file is read from where it stands, and stays open. What cannot be read twice can be uploaded
            for one end user only.
        name: The file's name, which the app sees; its extension decides `type`. Default: the source's own
            name. Bytes and iterables have none, so they need one.
        mime_type: What the file is declared as. Default: by extension, or `application/octet-stream`.
        type: `image`, `document`, `audio`, `video` or `custom`. Default: what the server itself finds by
            extension and MIME type; it refuses another. Servers without the Unstructured extractor take
            doc, eml, epub, msg, ppt and pptx for `custom`.

    Raises:
        ConfigurationError: the source is none, or has no name.
    """

    name: str
    mime_type: str
    type: FileType
    source: FileSource | None
    """None for an address."""
    address: str | None
    """Where the server itself fetches the file; None for one that is uploaded."""
    start: int | None = None
    """Where a file that can be read again begins."""
    spent: bool = False
    """Whether reading has begun of what cannot be read twice."""

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
        self.type = FileType.of_file(self.name, self.mime_type) if type is None else FileType(type)
        self.start = _start(source)

    @classmethod
    def url(cls, url: str, *, type: FileType | str | None = None) -> Self:  # noqa: A002 - Dify's word
        """Give a file that the server fetches itself; nothing is uploaded.

        Args:
            url: Its address, which the server must be able to reach.
            type: As for a file. Default: by the extension in the address.

        Raises:
            ConfigurationError: it is no http or https address, or does not tell what kind of file it is.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigurationError("the address of a file begins with https:// or http:// and a host")
        name = unquote(parts.path).rpartition("/")[2]
        mime_type = _mime_type_of(name)
        if type is None:
            type = FileType.of_file(name, mime_type)  # noqa: A001
            if type is FileType.CUSTOM:
                raise ConfigurationError(
                    f"the address of {name or 'the file'!r} does not tell what kind of file it is: "
                    'give type="image", "document", "audio", "video" or "custom"'
                )
        file = cls.__new__(cls)
        file.source, file.address = None, url
        file.name, file.mime_type, file.type = name, mime_type, FileType(type)
        return file

    def __repr__(self) -> str:
        # Without source and address: they may be large, or signed.
        return f"InputFile({self.name!r}, type={self.type.value!r})"


def _check_source(source: object) -> None:
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise ConfigurationError("an address goes in as InputFile.url(...)")
    if isinstance(source, io.TextIOBase):
        raise ConfigurationError('the file is opened as text: open it with mode "rb"')
    if isinstance(source, (str, os.PathLike, bytes, bytearray, AsyncIterable)):
        return
    read = getattr(source, "read", None)
    if inspect.iscoroutinefunction(read):
        raise ConfigurationError("the file's read() is asynchronous: give the file behind it (upload.file)")
    if not callable(read):
        raise ConfigurationError(
            "a file is a path, bytes, a file opened for bytes, or an asynchronous iterable of bytes, "
            f"not {type(source).__name__}"
        )


def _own_name(source: FileSource) -> str:
    if isinstance(source, (str, os.PathLike)):
        source = Path(os.fspath(source))
    # The name is a number where a file was opened by its descriptor.
    found: object = getattr(source, "name", None)
    if not isinstance(found, str):
        raise ConfigurationError('the file has no name, so give one: InputFile(..., name="report.pdf")')
    # Names on disk may be no UTF-8; Python writes such bytes as lone surrogates, which none can send.
    return os.fsencode(Path(found).name).decode("utf-8", "replace")


def _checked_name(name: str) -> str:
    if not name or not isinstance(name, str) or any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        raise ConfigurationError(f"the name of a file is a text without control characters, not {name!r}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"the name of a file is Unicode text, which {name!r} is not") from None
    return name


def _checked_mime_type(mime_type: str) -> str:
    kind, slash, rest = mime_type.partition("/")
    if not (kind and slash and rest) or not mime_type.isascii() or not mime_type.isprintable():
        raise ConfigurationError(f"a MIME type is a text such as image/png, not {mime_type!r}")
    return mime_type


def _mime_type_of(name: str) -> str:
    guess, _ = _MIME_TYPES.guess_type(f"file.{extension_of(name)}", strict=False)
    return guess or "application/octet-stream"


def _start(source: Any) -> int | None:
    if isinstance(source, (str, os.PathLike, bytes, bytearray, AsyncIterable)):
        return None
    try:
        # Answers of HTTP libraries tell their place, and cannot go back to it.
        place: int | None = source.tell() if source.seekable() else None
    except (OSError, AttributeError):
        return None
    return place
