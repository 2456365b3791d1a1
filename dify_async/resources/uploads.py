"""Files that are uploaded separately, not as part of a run."""

from __future__ import annotations

from dify_async.errors import ConfigurationError
from dify_async.files import FileSource, InputFile


def input_file(file: FileSource | InputFile, name: str | None, mime_type: str | None) -> InputFile:
    """Return `file` as an `InputFile` with the given name and MIME type."""
    if not isinstance(file, InputFile):
        return InputFile(file, name=name, mime_type=mime_type)
    if name is not None or mime_type is not None:
        raise ConfigurationError(
            "`name` and `mime_type` must be None for an InputFile: pass them to InputFile"
        )
    return file


def upload_of(file: FileSource | InputFile, name: str | None, mime_type: str | None) -> InputFile:
    """Return a file whose content is uploaded; raise `ConfigurationError` for an `InputFile.url`."""
    given = input_file(file, name, mime_type)
    if given.source is None:
        raise ConfigurationError(
            "`file` must have content to upload, got an InputFile.url: pass it in the inputs of a run, where "
            "the server fetches it"
        )
    return given
