"""The JSON of a request: exact numbers, numpy scalars, and invalid values, which are rejected with their path."""

from __future__ import annotations

import dataclasses
import json
import math
from decimal import Decimal
from typing import Any

import pytest

from dify_async import InputFile
from dify_async._wire.body import encode_body
from dify_async.models import AppParameters, InputField, UploadedFile


class Scalar:
    """Imitates a scalar of numpy."""

    shape = ()
    dtype = "any"

    def __init__(self, value: Any) -> None:
        self._value = value

    def item(self) -> Any:
        return self._value

    def __repr__(self) -> str:
        return f"Scalar({self._value})"


class FloatScalar(float):
    """Like `numpy.float64`, which is also a float."""

    shape = ()
    dtype = "float64"

    def item(self) -> float:
        return float(self)


class TextScalar(str):
    """Like `numpy.str_`, which is also a str."""

    __slots__ = ()
    shape = ()
    dtype = "<U4"

    def item(self) -> str:
        return str(self)


@dataclasses.dataclass
class Point:
    x: Any


def sent(inputs: Any) -> str:
    data, _ = encode_body({"inputs": inputs}, {})
    return data.decode().removeprefix('{"inputs":').removesuffix("}")


@pytest.mark.parametrize(
    ("value", "json_text"),
    [
        (2**63, "9223372036854775808"),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (10**400 + 1, str(10**400 + 1)),
        (Decimal("0.1"), "0.1"),
        (Decimal("123456789012345678901234567890.123456789"), "123456789012345678901234567890.123456789"),
        (Decimal("1E+5"), "1E+5"),
        (Decimal(7), "7"),
        (Scalar(5), "5"),
        (Scalar(2**70), str(2**70)),
        (Scalar(True), "true"),
        (Scalar(0.5), "0.5"),
        (FloatScalar(0.5), "0.5"),
        (TextScalar("Oslo"), '"Oslo"'),
        (None, "null"),
        ("null", '"null"'),
        ((1, 2), "[1,2]"),
        (Point(1.5), '{"x":1.5}'),
        (Point(2**64), '{"x":18446744073709551616}'),
    ],
)
def test_scalars_are_sent_exactly(value: Any, json_text: str) -> None:
    assert sent({"a": value}) == f'{{"a":{json_text}}}'
    assert sent([value, {"b": [value]}]) == f'[{json_text},{{"b":[{json_text}]}}]'


def test_keys_may_be_of_a_subclass_of_str() -> None:
    assert json.loads(sent({TextScalar("a"): 1})) == {"a": 1}


NOT_FINITE = [
    math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Scalar(math.nan),
    FloatScalar("nan"), FloatScalar("-inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
@pytest.mark.parametrize(
    ("nested", "path"),
    [
        (lambda value: {"score": value}, "inputs.score"),
        (lambda value: {"table": {"rows": [1.5, value]}}, "inputs.table.rows[1]"),
        (lambda value: {"a": None, "b": Point([value])}, "inputs.b.x[0]"),
        (lambda value: {"a": 2**70, "b": value}, "inputs.b"),
    ],
)
def test_nan_and_infinity_are_rejected_with_their_path(value: Any, nested: Any, path: str) -> None:
    with pytest.raises(TypeError) as caught:
        sent(nested(value))
    assert str(caught.value).startswith(f"{path} must be a finite number, got ")


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"a": [object()]}, "inputs.a[0] must be a JSON value, got object"),
        ({"a": {1, 2}}, "inputs.a must be a JSON value, got set"),
        ({"a": b"x"}, "inputs.a must be a JSON value, got bytes: pass a file as InputFile(...)"),
        ({"a": {1: 2}}, "the keys of inputs.a must be str, got int"),
        ({"a": "half \ud83d"}, "inputs.a must be valid Unicode, got a lone surrogate"),
        ({"a": Scalar(Ellipsis)}, "inputs.a must be a JSON value, got ellipsis"),
        ({"a": 10**5000}, "inputs.a must be a number of at most 4,300 digits"),
    ],
    ids=range(7),
)
def test_values_that_are_not_json_are_rejected_with_their_path(inputs: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        sent(inputs)
    assert str(caught.value) == text


def test_a_value_inside_itself_is_rejected() -> None:
    inputs: dict[str, Any] = {}
    inputs["self"] = inputs
    with pytest.raises(TypeError, match="nested"):
        sent(inputs)


def test_each_file_is_found_once() -> None:
    file, other = InputFile(b"", name="a.png"), InputFile(b"", name="b.png")
    body = {"inputs": {"n": 2**70, "file": file, "files": [other]}}
    _, missing = encode_body(body, {})
    assert missing == [file, other]
    uploads = {file: UploadedFile(id="1", name="a.png"), other: UploadedFile(id="2", name="b.png")}
    data, missing = encode_body(body, uploads)
    assert missing == []
    inputs = json.loads(data)["inputs"]
    assert (inputs["n"], inputs["file"]["upload_file_id"]) == (2**70, "1")
    assert inputs["files"][0]["upload_file_id"] == "2"


# The check of a form agrees


def checked(kind: str, value: Any, **limits: Any) -> list[str]:
    field = InputField(kind=kind, variable="f", **limits)
    return AppParameters(user_input_form=[field]).check({"f": value})


@pytest.mark.parametrize("value", [Scalar(5), FloatScalar(0.5), Decimal("0.5"), 10**400, Scalar(True)])
def test_the_check_accepts_all_kinds_of_numbers(value: Any) -> None:
    assert checked("number", value) == []


def test_the_check_accepts_strings_and_booleans_of_numpy() -> None:
    assert checked("text-input", TextScalar("Oslo")) == []
    assert checked("select", TextScalar("Oslo"), options=["Oslo"]) == []
    assert checked("checkbox", Scalar(True)) == []
    assert checked("text-input", Scalar(5)) == ["f must be a string, got a number"]


@pytest.mark.parametrize("value", NOT_FINITE, ids=str)
@pytest.mark.parametrize("kind", ["number", "text-input", "json_object", "checkbox", "brand-new"])
def test_the_check_finds_values_that_would_be_rejected(kind: str, value: Any) -> None:
    (problem,) = checked(kind, value)
    assert problem.startswith("f must be a finite number, got ")
    (problem,) = checked("json_object", {"rows": [value]})
    assert problem.startswith("f.rows[0] must be a finite number, got ")
