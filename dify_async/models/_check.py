"""Whether a server would take a value for a field of its form.

The rules are those of Dify 1.14, which looks at declared fields alone. Where they are not the same in all
versions, or depend on the server's settings, the value is left to the server.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

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
    """Say in plain words why the server would refuse a value; None where it would not.

    `None` stands for a value that is not given.
    """
    if field.kind not in _KINDS:
        return None
    if value is None:
        return f"{field.variable} is required" if field.required else None
    problem = _problem(field, value)
    return f"{field.variable} {problem}" if problem is not None else None


def _problem(field: InputField, value: Any) -> str | None:
    if field.kind in _TEXTS and not isinstance(value, str):
        return f"takes a text, not {_kind_of(value)}"
    match field.kind:
        case "select" if value not in field.options:
            return f"takes one of {', '.join(map(repr, field.options))}, not {value!r}"
        case "text-input" | "paragraph" if field.max_length and len(value) > field.max_length:
            return f"takes at most {field.max_length} characters, not {len(value)}"
        case "number":
            return None if _is_number(value) else f"takes a number, not {_shown(value)}"
        case "checkbox":
            return f"takes true or false, not {_kind_of(value)}" if _has_objects(value) else None
        case "json_object":
            return None if _is_object(value) else f"takes a JSON object, not {_shown(value)}"
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
        return f"takes a list of files, not {_kind_of(value)}"
    files = [item for item in items if item is not None]
    if field.max_length and len(files) > field.max_length:
        return f"takes at most {field.max_length} files, not {len(files)}"
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
        one = "a file" if field.kind == "file" else "files"
        return f"takes {one}, not {_kind_of(value)}"
    allowed = field.allowed_file_types
    if kind == FileType.CUSTOM:
        extensions = {one.lower().removeprefix(".") for one in field.allowed_file_extensions}
        is_listed = extension in extensions if extensions else FileType.CUSTOM in allowed or not allowed
        if extension and not is_listed:
            return f"takes files of other kinds: {', '.join(sorted(extensions) or allowed)}, not {extension}"
    elif kind is not None and allowed and kind not in allowed:
        return f"takes files of other kinds: {', '.join(allowed)}, not {kind}"
    methods = field.allowed_file_upload_methods
    # The server looks at how a picture came in another setting, which it does not tell.
    if methods and method is not None and method not in methods and kind != FileType.IMAGE:
        return f"takes files by {', '.join(methods)}, not by {method}"
    return None


def _is_number(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, (int, float))
    text = value.strip()
    try:
        _ = float(text) if "." in text else int(text or "0")
    except ValueError:
        return False
    return True


def _is_object(value: Any) -> bool:
    if isinstance(value, str):
        # Some versions want it as text, others refuse that.
        try:
            value = parse_json(value.encode()) if value else {}
        except ValueError:
            return False
    return not value or as_object(value) is not None


def _has_objects(value: Any) -> bool:
    return any(isinstance(one, (dict, _File)) for one in as_list(value) or [value])


def _kind_of(value: Any) -> str:
    for kind, name in _NAMES.items():
        if isinstance(value, kind):
            return name
    return "an object"


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else _kind_of(value)


_NAMES: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    _File: "a file",
}
