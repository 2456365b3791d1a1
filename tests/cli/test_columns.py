"""Mapping of columns to inputs, and conversion of cells to values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile
from dify_async.cli.columns import inputs_of, matched, read_columns
from dify_async.errors import ConfigurationError
from dify_async.models import AppParameters, InputField

FORM = AppParameters(
    user_input_form=[
        InputField(kind="text-input", variable="city", label="City name", required=True),
        InputField(kind="number", variable="days", label="Days"),
        InputField(kind="checkbox", variable="long", label="Long"),
        InputField(kind="json_object", variable="options", label="Options"),
        InputField(kind="file", variable="doc", label="Document", allowed_file_types=["document"]),
        InputField(kind="file-list", variable="pics", label="Pictures", allowed_file_types=["image"]),
    ]
)


def test_columns_are_matched_by_name_label_or_option() -> None:
    assert matched(["city", "days", "note"], FORM.form, {}) == {"city": "city", "days": "days"}
    assert matched(["Days", "City name"], FORM.form, {}) == {"city": "City name", "days": "Days"}
    assert matched(["city", "town"], FORM.form, {"city": "town"}) == {"city": "town"}


def test_names_take_precedence_over_labels() -> None:
    form = AppParameters(
        user_input_form=[InputField(variable="a", label="b"), InputField(variable="b", label="B")]
    )
    assert matched(["b"], form.form, {}) == {"b": "b"}


@pytest.mark.parametrize(
    ("columns", "given", "sentence"),
    [
        (["City", "days"], {}, "the required input 'city'; columns: City, days. Pass --column city=City"),
        (["a", "b"], {}, "Pass --column city=COLUMN to use a column with a different name"),
        (["city"], {"town": "city"}, "the app has no input 'town'; inputs: city, days"),
        (["city"], {"days": "Days"}, "there is no column 'Days'; columns: city"),
    ],
)
def test_columns_that_do_not_match_the_form(columns: list[str], given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        matched(columns, FORM.form, given)
    assert sentence in str(caught.value)


def test_options_for_columns() -> None:
    assert read_columns(["city=City", "n=a=b"]) == {"city": "City", "n": "a=b"}
    for wrong in ("city", "=City", "city="):
        with pytest.raises(ConfigurationError, match="INPUT=COLUMN"):
            read_columns([wrong])


def comparable(value: Any) -> Any:
    """Return a value with files replaced by the attributes that identify them."""
    if isinstance(value, InputFile):
        return (value.address or str(value.source), str(value.type))
    return [comparable(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("city", "007", "007"),
        ("city", 7, 7),
        ("days", "3", 3),
        ("days", " 2.5 ", 2.5),
        ("days", "soon", "soon"),
        ("days", "nan", "nan"),
        ("days", 4, 4),
        ("days", "9" * 400, "9" * 400),
        ("long", "TRUE", True),
        ("long", "no", False),
        ("long", "maybe", "maybe"),
        ("options", '{"a": [1]}', {"a": [1]}),
        ("options", "{", "{"),
        ("options", {"a": 1}, {"a": 1}),
        ("doc", "q3.pdf", ("folder/q3.pdf", "document")),
        ("doc", "/tmp/q3.pdf", ("/tmp/q3.pdf", "document")),
        ("doc", "https://example.com/q3.pdf", ("https://example.com/q3.pdf", "document")),
        ("doc", "https://example.com/?id=5", ("https://example.com/?id=5", "document")),
        ("doc", "https://", "https://"),
        ("doc", " q3.pdf ", ("folder/q3.pdf", "document")),
        ("doc", "HTTPS://example.com/q3.pdf", ("HTTPS://example.com/q3.pdf", "document")),
        ("doc", "a\0b", "a\0b"),
        ("doc", "/", "/"),
        ("doc", {"transfer_method": "remote_url"}, {"transfer_method": "remote_url"}),
        ("pics", "a.png; b.png;", [("folder/a.png", "image"), ("folder/b.png", "image")]),
        ("pics", ["a.png", None], [("folder/a.png", "image")]),
        ("pics", "https://example.com/x", [("https://example.com/x", "image")]),
    ],
)
def test_cells_are_converted_to_values(name: str, cell: Any, value: Any) -> None:
    inputs = inputs_of({"column": cell}, {name: "column"}, FORM.form, Path("folder"))
    assert comparable(inputs[name]) == value


def test_empty_cells_are_omitted() -> None:
    columns = {"city": "a", "days": "b", "doc": "c", "long": "e"}
    assert inputs_of({"a": "x", "b": "", "d": "y", "e": " "}, columns, FORM.form, Path()) == {"city": "x"}
