"""Without orjson, Python's json module gives the same results."""

from __future__ import annotations

import dataclasses
import enum
import json
import subprocess
import sys
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dify_async import _json_fallback as fallback
from dify_async.testing import FakeDify, Workflow
from tests.support.limits import HANGS_AFTER

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
)


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    label: str = "here"


def as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError


@given(values)
def test_writes_the_same_json_as_orjson(value: Any) -> None:
    written = fallback.dumps(value)
    assert json.loads(written) == json.loads(orjson.dumps(value))
    assert fallback.loads(written) == orjson.loads(written)
    assert orjson.loads(fallback.dumps(value, option=fallback.OPT_INDENT_2)) == orjson.loads(written)


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Point(1),
        (1, 2),
        date(2026, 11, 26),
        datetime(2026, 11, 26, 1, 2, 3, tzinfo=UTC),
        uuid.UUID(int=7),
        {"price": Decimal("1.50")},
        '\u2028 \x00 "\\',
    ],
)
def test_writes_the_same_types_as_orjson(value: Any) -> None:
    assert json.loads(fallback.dumps(value, default=as_text)) == json.loads(
        orjson.dumps(value, default=as_text)
    )


@pytest.mark.parametrize(
    "value", [2**64, -(2**63) - 1, "\ud800", {"\ud800": 1}, {1: 2}, object(), b"x", Point]
)
def test_rejects_the_same_values_as_orjson(value: Any) -> None:
    for dumps in (fallback.dumps, orjson.dumps):
        with pytest.raises(TypeError):
            dumps(value)


def test_rejects_values_that_are_nested_too_deeply() -> None:
    value: list[Any] = []
    for _ in range(300):
        value = [value]
    with pytest.raises(TypeError):
        fallback.dumps(value)
    with pytest.raises(ValueError, match="nested"):
        fallback.loads(b"[" * 100_000)


@pytest.mark.parametrize("data", [b"NaN", b"[Infinity]", b'"\\ud800"', b"{", b"", b"\xff"])
def test_rejects_the_same_json_as_orjson(data: bytes) -> None:
    for loads in (fallback.loads, orjson.loads):
        with pytest.raises(ValueError):  # noqa: PT011 - the messages differ
            loads(data)


def test_fragments_are_written_unchanged() -> None:
    assert fallback.dumps([fallback.Fragment("12345678901234567890123")]) == b"[12345678901234567890123]"


PROGRAM = """
import sys
sys.modules["orjson"] = None  # As if it was not installed.
from dify_async.sync import AppClient
with AppClient(user="ada") as client:
    print(client.workflows.run({"n": 2**70, "price": __import__("decimal").Decimal("1.10")}).outputs)
assert "dify_async._json_fallback" in sys.modules
"""


def test_a_run_works_without_orjson(fake_dify: FakeDify) -> None:
    fake_dify.app = Workflow(outputs=lambda inputs: inputs)
    fake_dify.tail = 0.0
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            "DIFY_API_KEY": fake_dify.api_key,
            "DIFY_BASE_URL": fake_dify.base_url,
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"{{'n': {2**70}, 'price': 1.1}}\n"
