"""Validate a value against a field of the app's input form.

The rules are those of Dify 1.14, which checks only declared fields. Values that some versions or settings of
the server accept are not reported.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Protocol, runtime_checkable

from dify_async._scalars import fields_of, non_finite_number, plain
from dify_async._text import json_type
from dify_async._types import Json
from dify_async.models._base import as_list, as_object, parse_json
from dify_async.models.files import FileType, extension_of
from dify_async.models.inputs import InputField

_TEXTS: Final = {"text-input", "paragraph", "select"}
_KINDS: Final = {*_TEXTS, "number", "checkbox", "file", "file-list", "json_object"}


@runtime_checkable
class _File(Protocol):
    """An `InputFile`, an `UploadedFile` or a `RemoteFile`."""

    name: str
    """The file's name."""

    @property
    def type(self) -> FileType: ...


def problem_with(field: InputField, value: Json) -> str | None:
    """Return a sentence that says why the server would reject a value; None if it would accept it.

    None as `value` means that the input is missing.
    """
    if value is None and field.kind in _KINDS:
        return f"{field.variable} is required" if field.required else None
    problem = non_finite_number(value, field.variable)
    if problem is not None or field.kind not in _KINDS:
        return problem
    problem = _problem(field, plain(value))
    return f"{field.variable} {problem}" if problem is not None else None


def _problem(field: InputField, value: Any) -> str | None:
    if field.kind in _TEXTS and not isinstance(value, str):
        return f"must be a string, got {_kind_of(value)}"
    match field.kind:
        case "select" if value not in field.options:
            return f"must be one of {', '.join(map(repr, field.options))}, got {str(value)!r}"
        case "text-input" | "paragraph" if field.max_length and len(value) > field.max_length:
            return f"must have at most {field.max_length} characters, got {len(value)}"
        case "number":
            return None if _is_number(value) else f"must be a number, got {_shown(value)}"
        case "checkbox":
            return f"must be true or false, got {_kind_of(value)}" if _has_objects(value) else None
        case "json_object":
            return None if _is_object(value) else f"must be a JSON object, got {_shown(value)}"
        case "file":
            return _problem_with_file(field, value)
        case "file-list":
            return _problem_with_files(field, value)
        case _:
            return None


def _problem_with_files(field: InputField, value: Any) -> str | None:
    if value == "" and not field.required:
        return None
    items = as_list(value)
    if items is None:
        return f"must be a list of files, got {_kind_of(value)}"
    files = [item for item in items if item is not None]
    if field.max_length and len(files) > field.max_length:
        return f"must have at most {field.max_length} files, got {len(files)}"
    for file in files:
        problem = _problem_with_file(field, file)
        if problem is not None:
            return problem
    return None


def _problem_with_file(field: InputField, value: Any) -> str | None:
    if value == "" and not field.required:
        return None
    if isinstance(value, _File):
        is_address = getattr(value, "address", None) is not None
        kind: Json = str(value.type)
        extension = extension_of(value.name)
        method: Json = "remote_url" if is_address else "local_file"
    elif (fields := as_object(value)) is not None:
        kind, extension, method = fields.get("type"), "", fields.get("transfer_method")
    else:
        one = "be a file" if field.kind == "file" else "contain files"
        return f"must {one}, got {_kind_of(value)}: pass InputFile(...)"
    allowed = field.allowed_file_types
    if kind == FileType.CUSTOM:
        extensions = {one.lower().removeprefix(".") for one in field.allowed_file_extensions}
        is_listed = extension in extensions if extensions else FileType.CUSTOM in allowed or not allowed
        if extension and not is_listed:
            return f"must be a file of kind {' or '.join(sorted(extensions) or allowed)}, got {extension}"
    elif kind is not None and allowed and kind not in allowed:
        return f"must be a file of kind {' or '.join(allowed)}, got {kind}"
    methods = field.allowed_file_upload_methods
    # For images the server uses another setting, which it does not send.
    if methods and method is not None and method not in methods and kind != FileType.IMAGE:
        return f"must be sent as {' or '.join(methods)}, got {method}"
    return None


def _is_number(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, (int, float, Decimal))
    text = value.strip()
    try:
        _ = float(text) if "." in text else int(text or "0")
    except ValueError:
        return False
    return True


def _is_object(value: Any) -> bool:
    if isinstance(value, str):
        # Some versions require a string, others reject it.
        try:
            value = parse_json(value.encode()) if value else {}
        except ValueError:
            return False
    return not value or fields_of(value) is not None


def _has_objects(value: Any) -> bool:
    return any(isinstance(one, (dict, _File)) for one in as_list(value) or [value])


def _kind_of(value: Any) -> str:
    return "a file" if isinstance(value, _File) else json_type(value)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else _kind_of(value)
