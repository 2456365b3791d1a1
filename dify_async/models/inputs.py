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
    """Type of the field: `text-input`, `paragraph`, `select`, `number`, `checkbox`, `file`, `file-list`,
    `json_object`, ..."""
    variable: str = ""
    """Name of the input: the key in `inputs`."""
    label: str = ""
    """The label that people see."""
    required: bool = False
    """True if a run needs a value."""
    default: Json = None
    """Initial value of the field. None if it has none."""
    options: list[Json] = attrs.Factory(list[Json])
    """The values that a `select` accepts."""
    max_length: int | None = None
    """Maximum number of characters of a text, or of files of a file list. None for no limit."""
    description: str | None = None
    """Help text."""
    hide: bool | None = None
    """True if the web page does not show the field."""
    allowed_file_types: list[str] = attrs.Factory(list[str])
    """Accepted kinds of files: `image`, `document`, `audio`, `video`, `custom`."""
    allowed_file_extensions: list[str] = attrs.Factory(list[str])
    """Accepted extensions, if `custom` is among the kinds."""
    allowed_file_upload_methods: list[str] = attrs.Factory(list[str])
    """Accepted transfer methods: `local_file`, `remote_url`."""
    json_schema: Json = None
    """JSON schema of a `json_object`. None if it has none."""
