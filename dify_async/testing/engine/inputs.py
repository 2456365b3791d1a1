"""Validate the inputs of a run against the app's form, with Dify's messages, and resolve their files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from dify_async._types import Json
from dify_async.models._base import as_list, as_object
from dify_async.models.files import FileType, extension_of
from dify_async.testing.scenario import Field
from dify_async.testing.state.files import StoredFile

_MISMATCH: Final = "Detected file type does not match the specified type. Please verify the file."


class InvalidInput(Exception):
    """An input does not match the form. The message is the same as Dify's."""


@attrs.frozen
class Inputs:
    """The app's form, and the files that its end users have uploaded."""

    form: Sequence[Field]
    files: Mapping[str, StoredFile]
    user: str
    origin: str
    """The server's URL, for links to files."""
    strict: bool = True
    """True if a file must be of its declared kind."""

    def validated(self, inputs: Mapping[str, Any]) -> dict[str, Json]:
        """Return the inputs as a run stores them; raise `InvalidInput` for values that Dify rejects."""
        if not self.form:
            return {name: self._with_files(value) for name, value in inputs.items()}
        return {field.variable: self._validated(field, inputs.get(field.variable)) for field in self.form}

    def _validated(self, field: Field, value: Any) -> Json:
        name = f"{field.variable} in input form"
        match field.kind:
            case _ if value is None:
                if field.required:
                    raise InvalidInput(f"{field.variable} is required in input form")
            case "file" | "file-list" if value == "" and not field.required:
                return None
            case "text-input" | "paragraph" | "select" if not isinstance(value, str):
                raise InvalidInput(f"(type '{field.kind}') {name} must be a string")
            case "select" if value not in field.options:
                raise InvalidInput(f"{name} must be one of the following: {list(field.options)}")
            case "text-input" | "paragraph" if field.max_length and len(value) > field.max_length:
                raise InvalidInput(f"{name} must be less than {field.max_length} characters")
            case "number":
                return _number(value, name)
            case "file":
                mapping = as_object(value)
                if mapping is None:
                    raise InvalidInput(f"{name} must be a file")
                return self._file(field, mapping, strict=True)
            case "file-list":
                mappings = as_list(value)
                if mappings is None or None in map(as_object, mappings):
                    raise InvalidInput(f"{name} must be a list of files")
                if field.max_length and len(mappings) > field.max_length:
                    raise InvalidInput(f"{name} must be less than {field.max_length} files")
                return [self._file(field, mapping, strict=False) for mapping in mappings]
            case "checkbox" if any(as_object(one) is not None for one in as_list(value) or [value]):
                raise InvalidInput(f"Invalid input type for {[field.variable]}")
            case "json_object" if value and as_object(value) is None:
                raise InvalidInput(f"{name} must be a dict")
            case _:
                pass
        return value

    def file(self, mapping: Any) -> Json:
        """Return a file that was sent in addition to the inputs, as a run stores it."""
        return self._file(Field("files", "file"), mapping, strict=True)

    def _with_files(self, value: Any) -> Json:
        # Without a form all inputs are accepted, and files are recognized by their fields.
        if (items := as_list(value)) is not None:
            return [self._with_files(item) for item in items]
        is_file = "transfer_method" in (as_object(value) or {})
        return self.file(value) if is_file else value

    def _file(self, field: Field, mapping: dict[str, Any], *, strict: bool) -> Json:
        method = mapping.get("transfer_method")
        if not method:
            raise InvalidInput("transfer_method is required in file mapping")
        if method == "local_file":
            stored = self.files.get(str(mapping.get("upload_file_id")))
            if stored is None or stored.user != self.user:
                raise InvalidInput("Invalid upload file")
            name, mime_type, size, found = stored.name, stored.mime_type, len(stored.content), stored.type
        elif method == "remote_url":
            url = mapping.get("url")
            if not url:
                raise InvalidInput("Invalid file url")
            name, mime_type, size = str(url).partition("?")[0].rpartition("/")[2], "", -1
            found = str(FileType.of_file(name, ""))
            stored = None
        else:
            raise InvalidInput(f"Invalid file transfer method: {method}")
        declared = mapping.get("type", "custom")
        if strict and self.strict and declared not in {found, "custom"}:
            raise InvalidInput(_MISMATCH)
        extension = f".{extension_of(name)}"
        allowed = field.allowed_file_types
        is_listed = declared != "custom" or extension in field.allowed_file_extensions
        if allowed and (declared not in {*allowed, "custom"} or not is_listed):
            raise InvalidInput(f"File validation failed for file: {name}")
        return {
            "dify_model_identity": "__dify__file__",
            "id": None,
            "type": declared if declared != "custom" else found,
            "transfer_method": method,
            "remote_url": "" if stored is not None else mapping["url"],
            "reference": _reference(stored.id) if stored is not None else None,
            "filename": name,
            "extension": extension,
            "mime_type": mime_type,
            "size": size,
            "related_id": stored.id if stored is not None else None,
            "url": mapping["url"] if stored is None else stored.url(self.origin),
        }


def _reference(file_id: str) -> str:
    record = json.dumps({"record_id": file_id}, separators=(",", ":"))
    return f"dify-file-ref:{base64.b64encode(record.encode()).decode()}"


def _number(value: Any, name: str) -> Json:
    if not isinstance(value, str):
        if not isinstance(value, (int, float)):
            raise InvalidInput(f"expected value type int, float or str, got {type(value)}, value: {value}")
        return value
    if not value.strip():
        return None
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        raise InvalidInput(f"{name} must be a valid number") from None
