"""The fields of an app's input form."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import Model

__all__ = ["InputField"]


@attrs.define(kw_only=True, eq=False, repr=False)
class InputField(Model):
    """One field of the app's input form."""

    kind: str = ""
    """`text-input`, `paragraph`, `select`, `number`, `checkbox`, `file`, `file-list`, `json_object`, ..."""
    variable: str = ""
    """Its name: the key in `inputs`."""
    label: str = ""
    """Its name for people."""
    required: bool = False
    """True if a run needs a value."""
    default: Json = None
    """The value that the form starts with."""
    options: list[Json] = attrs.Factory(list[Json])
    """The values that a `select` accepts."""
    max_length: int | None = None
    """Maximum number of characters of a text, or of files of a file list."""
    description: str | None = None
    """Help text."""
    hide: bool | None = None
    """True if the web page does not show the field."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """`image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Accepted extensions, if `custom` is among the types."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """`local_file`, `remote_url`."""
    json_schema: Json = None
    """JSON schema of a `json_object`."""
