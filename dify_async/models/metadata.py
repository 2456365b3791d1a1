"""The metadata of documents: fields of a knowledge base, and the values of its documents."""

from __future__ import annotations

import attrs

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received, Settings

__all__ = [
    "BuiltInFields",
    "DocumentMetadata",
    "MetadataField",
    "MetadataFields",
    "MetadataType",
    "MetadataValue",
]


class MetadataType(OpenEnum):
    """The type of a metadata field."""

    STRING = "string"
    """A string."""
    NUMBER = "number"
    """An integer or a float."""
    TIME = "time"
    """A time, as a Unix timestamp in seconds."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MetadataField(Received):
    """A metadata field of a knowledge base."""

    _shown_first = ("name", "type")

    id: str = ""
    """The field's id. Empty for a built-in field."""
    name: str = ""
    """Its name."""
    type: MetadataType = MetadataType.STRING
    """The type of its values."""
    count: int | None = None
    """Number of documents that have a value. By `metadata.fields` only."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MetadataFields(Received):
    """The metadata fields of a knowledge base."""

    doc_metadata: list[MetadataField] = attrs.Factory(list[MetadataField])
    """Its own fields."""
    built_in_field_enabled: bool = False
    """Whether documents have the built-in fields too."""


@attrs.define(kw_only=True, eq=False, repr=False)
class BuiltInFields(Received):
    """The built-in metadata fields, which the server fills in."""

    fields: list[MetadataField] = attrs.Factory(list[MetadataField])
    """The fields."""


@attrs.define(kw_only=True, eq=False, repr=False)
class MetadataValue(Settings):
    """The value of a metadata field in one document. In requests it needs `id`, `name` and `value`."""

    _shown_first = ("name", "value")

    id: str | None = None
    """The field's id; `built-in` for built-in fields."""
    name: str | None = None
    """The field's name."""
    type: str | None = None
    """The type of the value: `string`, `number` or `time`. Not needed in requests."""
    value: Json = None
    """A str or a number; times are seconds since 1970."""


@attrs.define(kw_only=True, eq=False, repr=False)
class DocumentMetadata(Settings):
    """New metadata of one document."""

    document_id: str | None = None
    """The document's id. Required."""
    metadata_list: list[MetadataValue] | None = None
    """The values. Required."""
    partial_update: bool | None = None
    """True keeps the values of other fields; the server's default removes them."""
