"""Integers of any size, in fields of models and events, in any JSON, and in `raw`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dify_async import events, models
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async.models._base import parse_json

BIG = [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30 + 1, 10**400 + 1, -(10**400)]

each_number = pytest.mark.parametrize("number", BIG, ids=lambda number: str(number)[:24])


@each_number
def test_a_model_keeps_its_integers(number: int) -> None:
    body = json.dumps({"outputs": {"n": [number]}, "total_tokens": number}).encode()
    run = decode_model(models.WorkflowRun, body)
    assert run.outputs == {"n": [number]}
    assert run.total_tokens == number
    assert run.raw == json.loads(body)


@each_number
def test_an_event_keeps_its_integers(number: int) -> None:
    value: dict[str, Any] = {
        "event": "node_finished",
        "data": {"id": "e", "inputs": [{"n": number}], "outputs": {"n": number}, "index": number},
    }
    for _ in range(2):  # The first response of a type takes a different path.
        event = decode_event(json.dumps(value).encode())
        assert isinstance(event, events.NodeFinished)
        assert event.data.inputs == [{"n": number}]
        assert event.data.outputs == {"n": number}
        assert event.data.index == number
        assert event.raw == value


@each_number
def test_inputs_that_are_sent_as_text_keep_their_integers(number: int) -> None:
    body = json.dumps({"inputs": json.dumps({"n": number})}).encode()
    assert decode_model(models.WorkflowRun, body).inputs == {"n": number}


@each_number
def test_json_keeps_its_integers(number: int) -> None:
    assert parse_json(json.dumps([{"n": number}]).encode()) == [{"n": number}]


def test_large_floats_stay_floats() -> None:
    body = b'{"outputs": {"a": 1e19, "b": -1.5e300, "c": 18446744073709551616}, "elapsed_time": 1e19}'
    run = decode_model(models.WorkflowRun, body)
    assert run.outputs == {"a": 1e19, "b": -1.5e300, "c": 2**64}
    assert isinstance(run.outputs["a"], float)
    assert run.elapsed_time == 1e19


def test_integers_beside_surrogates_and_nan_are_exact() -> None:
    run = decode_model(
        models.WorkflowRun, b'{"outputs": {"a": "\\ud83d", "b": NaN, "n": 18446744073709551617}}'
    )
    assert run.outputs["a"] == "\ud83d"
    assert run.outputs["n"] == 2**64 + 1


def test_an_integer_of_more_digits_than_python_reads_is_not_json() -> None:
    with pytest.raises(ValueError, match="digits"):
        parse_json(b"9" * 5000)


@pytest.mark.parametrize("value", ["many", "1e3", True, 1.5, "9" * 5000, "NaN"])
def test_odd_numbers_are_zero_in_sums(value: object) -> None:
    body = {"event": "workflow_finished", "data": {"total_tokens": value, "total_steps": value}}
    event = decode_event(json.dumps(body).encode())
    assert isinstance(event, events.WorkflowFinished)
    assert type(event.data.total_tokens) is int
    assert event.data.total_tokens + event.data.total_steps == 0
    assert event.raw == body
