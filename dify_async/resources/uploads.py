"""Files that are uploaded by themselves."""

from __future__ import annotations

from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile


def input_file(file: FileSource | InputFile, name: str | None, mime_type: str | None) -> InputFile:
    """Return a file that is uploaded by itself."""
    if not isinstance(file, InputFile):
        return InputFile(file, name=name, mime_type=mime_type)
    if name is not None or mime_type is not None:
        raise ConfigurationError("pass `name` and `mime_type` to the InputFile itself")
    return file


def upload_of(file: FileSource | InputFile, name: str | None, mime_type: str | None) -> InputFile:
    """Return a file whose content is uploaded; raise `ConfigurationError` for the address of one."""
    given = input_file(file, name, mime_type)
    if given.source is None:
        raise ConfigurationError("an InputFile.url is fetched by the server itself, it cannot be uploaded")
    return given
