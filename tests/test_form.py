"""The form of an app: what it tells, and what it says of inputs."""

from __future__ import annotations

from typing import Any

import pytest

from dify_async import InputFile
from dify_async._wire.decoding.hooks import decode_model
from dify_async.models import AppParameters, InputField, UploadedFile
from dify_async.testing import Field, StoredFile
from dify_async.testing.engine.inputs import Inputs, InvalidInput
from tests import recordings

PNG = InputFile(b"", name="a.png")
MP3 = InputFile(b"", name="a.mp3")


def form(name: str = "get_parameters_wf_basic") -> AppParameters:
    return decode_model(AppParameters, recordings.load(name).body)


def test_the_form_tells_every_field() -> None:
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
    assert fields["doc"].name == "doc"


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "name is required"),
        ({"name": None}, "name is required"),
        ({"name": 5}, "name takes a text, not a number"),
        ({"name": True}, "name takes a text, not true or false"),
        ({"name": PNG}, "name takes a text, not a file"),
        ({"name": "A" * 60}, "name takes at most 48 characters, not 60"),
        ({"color": "purple"}, "color takes one of 'red', 'green', '蓝', not 'purple'"),
        ({"color": ""}, "color takes one of 'red', 'green', '蓝', not ''"),
        ({"count": "abc"}, "count takes a number, not 'abc'"),
        ({"count": "1e5"}, "count takes a number, not '1e5'"),
        ({"count": [1]}, "count takes a number, not a list"),
        ({"doc": "x"}, "doc takes a file, not a text"),
        ({"doc": [PNG]}, "doc takes a file, not a list"),
        ({"doc": MP3}, "doc takes files of other kinds: document, image, not audio"),
        ({"doc": {"type": "audio", "transfer_method": "local_file"}}, "doc takes files of other kinds: document, image, not audio"),
        ({"doc": InputFile(b"", name="a.zip")}, "doc takes files of other kinds: document, image, not zip"),
        ({"docs": PNG}, "docs takes a list of files, not a file"),
        ({"docs": [PNG] * 4}, "docs takes at most 3 files, not 4"),
        ({"docs": [PNG, "x"]}, "docs takes files, not a text"),
        ({"docs": [PNG, MP3]}, "docs takes files of other kinds: document, image, not audio"),
        ({"flag": {"a": 1}}, "flag takes true or false, not an object"),
        ({"flag": [PNG]}, "flag takes true or false, not a list"),
        ({"obj": [1]}, "obj takes a JSON object, not a list"),
        ({"obj": "x"}, "obj takes a JSON object, not 'x'"),
    ],
)  # fmt: skip
def test_it_says_what_the_server_would_refuse(inputs: dict[str, Any], problem: str) -> None:
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
def test_it_is_never_stricter_than_the_server(inputs: dict[str, Any]) -> None:
    assert form().check({"name": "A", **inputs}) == []


def test_it_tells_all_problems_at_once() -> None:
    assert len(form().check({"color": "x", "count": "y"})) == 3


def test_kinds_that_it_does_not_know_are_left_to_the_server() -> None:
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
        "f takes files of other kinds: json, zip, not bin"
    ]
    assert _file_field().check({"f": InputFile(b"", name="a.bin")}) == []


def test_ways_that_a_file_may_come() -> None:
    limited = _file_field(allowed_file_upload_methods=["local_file"])
    remote = InputFile.url("https://example.com/a.pdf")
    assert limited.check({"f": remote}) == ["f takes files by local_file, not by remote_url"]
    assert limited.check({"f": InputFile(b"", name="a.pdf")}) == []
    assert limited.check({"f": InputFile.url("https://example.com/a.png")}) == [], "not for pictures"


VALUES = ["", "red", "x" * 60, 0, 1.5, True, [], {}, [1], ["x"], {"a": 1}, "5", "1e5", "NaN", '{"a": 1}']


@pytest.mark.parametrize("kind", ["text-input", "paragraph", "select", "number", "checkbox", "json_object", "file", "file-list"])  # fmt: skip
@pytest.mark.parametrize("required", [True, False])
def test_it_agrees_with_a_server_that_follows_the_real_one(kind: str, required: bool) -> None:
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
