"""The input form of an app, and the validation of inputs."""

from __future__ import annotations

from typing import Any

import pytest

from dify_async import InputFile
from dify_async._wire.decoding.decode import decode_model
from dify_async.models import AppParameters, InputField, UploadedFile
from dify_async.testing import Field, StoredFile
from dify_async.testing.engine.inputs import Inputs, InvalidInput
from tests.support import recordings

PNG = InputFile(b"", name="a.png")
MP3 = InputFile(b"", name="a.mp3")


def form(name: str = "get_parameters_wf_basic") -> AppParameters:
    return decode_model(AppParameters, recordings.load(name).body)


def test_the_form_has_every_field() -> None:
    fields = form().form
    assert {name: field.kind for name, field in fields.items()} == {
        "name": "text-input",
        "bio": "paragraph",
        "color": "select",
        "count": "number",
        "doc": "file",
        "docs": "file-list",
        "flag": "checkbox",
        "obj": "json_object",
    }
    assert (fields["name"].required, fields["name"].max_length, fields["name"].label) == (True, 48, "name")
    assert fields["color"].options == ["red", "green", "蓝"]
    assert fields["docs"].max_length == 3
    assert fields["doc"].allowed_file_types == ["document", "image"]
    assert fields["doc"].allowed_file_upload_methods == ["local_file", "remote_url"]
    assert form("get_parameters_chat").form["who"].default == "world"


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "name is required"),
        ({"name": None}, "name is required"),
        ({"name": 5}, "name must be a string, got a number"),
        ({"name": True}, "name must be a string, got a boolean"),
        ({"name": PNG}, "name must be a string, got a file"),
        ({"name": "A" * 60}, "name must have at most 48 characters, got 60"),
        ({"color": "purple"}, "color must be one of 'red', 'green', '蓝', got 'purple'"),
        ({"color": ""}, "color must be one of 'red', 'green', '蓝', got ''"),
        ({"count": "abc"}, "count must be a number, got 'abc'"),
        ({"count": "1e5"}, "count must be a number, got '1e5'"),
        ({"count": [1]}, "count must be a number, got an array"),
        ({"doc": "x"}, "doc must be a file, got a string: pass InputFile(...)"),
        ({"doc": [PNG]}, "doc must be a file, got an array: pass InputFile(...)"),
        ({"doc": MP3}, "doc must be a file of kind document or image, got audio"),
        ({"doc": {"type": "audio", "transfer_method": "local_file"}}, "doc must be a file of kind document or image, got audio"),
        ({"doc": InputFile(b"", name="a.zip")}, "doc must be a file of kind document or image, got zip"),
        ({"docs": PNG}, "docs must be a list of files, got a file"),
        ({"docs": [PNG] * 4}, "docs must have at most 3 files, got 4"),
        ({"docs": [PNG, "x"]}, "docs must contain files, got a string: pass InputFile(...)"),
        ({"docs": [PNG, MP3]}, "docs must be a file of kind document or image, got audio"),
        ({"flag": {"a": 1}}, "flag must be true or false, got an object"),
        ({"flag": [PNG]}, "flag must be true or false, got an array"),
        ({"obj": [1]}, "obj must be a JSON object, got an array"),
        ({"obj": "x"}, "obj must be a JSON object, got 'x'"),
    ],
)  # fmt: skip
def test_the_check_finds_values_that_the_server_would_reject(inputs: dict[str, Any], problem: str) -> None:
    given = inputs if "name" in problem.split(maxsplit=1)[0] else {"name": "A", **inputs}
    assert form().check(given) == [problem]


@pytest.mark.parametrize(
    "inputs",
    [
        {"name": ""},
        {"name": "蓝" * 48},
        {"bio": "", "unknown": object()},
        {"count": 5},
        {"count": 5.5},
        {"count": " 7 "},
        {"count": "1.5e3"},
        {"count": ""},
        {"count": True},
        {"flag": "maybe"},
        {"flag": 1},
        {"obj": {}},
        {"obj": ""},
        {"obj": '{"a": 1}'},
        {"doc": PNG},
        {"doc": ""},
        {"doc": UploadedFile(id="x", name="a.pdf")},
        {"doc": InputFile.url("https://example.com/a.png")},
        {"doc": {"transfer_method": "local_file", "upload_file_id": "x"}},
        {"docs": []},
        {"docs": ""},
        {"docs": [PNG, None]},
        {"docs": [PNG] * 3},
        dict.fromkeys(("bio", "color", "count", "doc", "docs", "flag", "obj")),
    ],
)
def test_the_check_is_not_stricter_than_the_server(inputs: dict[str, Any]) -> None:
    assert form().check({"name": "A", **inputs}) == []


def test_the_check_reports_all_problems_at_once() -> None:
    assert len(form().check({"color": "x", "count": "y"})) == 3


def test_unknown_kinds_of_fields_are_left_to_the_server() -> None:
    parameters = AppParameters(
        user_input_form=[
            InputField(kind="external_data_tool", variable="a", required=True),
            InputField(kind="hologram", variable="b", required=True, max_length=1),
        ]
    )
    assert parameters.check({"b": "long"}) == []


def _file_field(**limits: Any) -> AppParameters:
    return AppParameters(user_input_form=[InputField(kind="file", variable="f", **limits)])


def test_extensions_of_custom_files() -> None:
    limited = _file_field(allowed_file_types=["custom"], allowed_file_extensions=[".JSON", "zip"])
    assert limited.check({"f": InputFile(b"", name="a.json")}) == []
    assert limited.check({"f": InputFile(b"", name="a.ZIP")}) == []
    assert limited.check({"f": InputFile(b"", name="a.bin")}) == [
        "f must be a file of kind json or zip, got bin"
    ]
    assert _file_field().check({"f": InputFile(b"", name="a.bin")}) == []


def test_transfer_methods_of_files() -> None:
    limited = _file_field(allowed_file_upload_methods=["local_file"])
    remote = InputFile.url("https://example.com/a.pdf")
    assert limited.check({"f": remote}) == ["f must be sent as local_file, got remote_url"]
    assert limited.check({"f": InputFile(b"", name="a.pdf")}) == []
    assert limited.check({"f": InputFile.url("https://example.com/a.png")}) == [], "not for images"


VALUES = ["", "red", "x" * 60, 0, 1.5, True, [], {}, [1], ["x"], {"a": 1}, "5", "1e5", "NaN", '{"a": 1}']


@pytest.mark.parametrize("kind", ["text-input", "paragraph", "select", "number", "checkbox", "json_object", "file", "file-list"])  # fmt: skip
@pytest.mark.parametrize("required", [True, False])
def test_the_check_agrees_with_the_fake_server(kind: str, required: bool) -> None:
    limits: dict[str, Any] = {"options": ["red"], "max_length": 48, "required": required}
    parameters = AppParameters(user_input_form=[InputField(kind=kind, variable="v", **limits)])
    stored: dict[str, StoredFile] = {}
    server = Inputs([Field("v", kind, **limits)], stored, "ada", "http://dify.test/v1")
    for value in [None, *VALUES]:
        try:
            server.validated({"v": value} if value is not None else {})
            is_taken = True
        except InvalidInput:
            is_taken = False
        problems = parameters.check({"v": value} if value is not None else {})
        if is_taken:
            assert problems == [], value
        elif not _left_to_the_server(kind, value):
            assert len(problems) == 1, value


def _left_to_the_server(kind: str, value: Any) -> bool:
    # JSON as text depends on the version; whether an object is a file, on the file.
    return (kind == "json_object" and isinstance(value, str)) or (kind == "file" and isinstance(value, dict))
