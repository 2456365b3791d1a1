"""Events with any values in their declared fields are decoded and accumulated, and keep their raw JSON."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import (
    ChatAccumulator,
    CompletionAccumulator,
    WorkflowAccumulator,
    is_repeated,
    text_of,
)
from dify_async._wire.run_errors import error_from_result
from dify_async.events import BY_NAME, Event, UnknownEvent
from dify_async.models import WorkflowRun
from tests.support.decoding import decoded, places

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["1", "NaN", "{}", "[]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def wild_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event with the expected fields and arbitrary values."""
    name = draw(st.sampled_from(sorted(BY_NAME)))
    value: dict[str, Any] = {"event": name, "data": {}}
    found = list(places(BY_NAME[name]))
    for place in draw(st.lists(st.sampled_from(found), max_size=3)):
        value |= place.json(draw(json_values))
    return value


@given(value=wild_events())
def test_any_json_is_an_event_with_its_raw(value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    event = decode_event(data)
    assert event is not None
    assert event.event == value["event"]
    assert isinstance(event, BY_NAME[event.event]) or (isinstance(event, UnknownEvent) and event.problem)
    assert json.dumps(event.raw) == json.dumps(value)


@given(values=st.lists(wild_events(), max_size=8))
def test_any_events_can_be_accumulated(values: list[dict[str, Any]]) -> None:
    decoded = [decode_event(json.dumps(value).encode()) for value in values]
    for fold in (WorkflowAccumulator(), ChatAccumulator(), CompletionAccumulator()):
        for event in decoded:
            assert event is not None
            assert isinstance(is_repeated(event, fold.progress), bool)
            assert isinstance(text_of(event), str)
            fold.add(event)
        result = fold.result()
        assert pickle.loads(pickle.dumps(result)) == result or "nan" in repr(result)
        error = error_from_result(result)
        assert error is None or str(error)


@given(data=st.binary(max_size=30) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_json_keeps_the_stream_readable(data: bytes) -> None:
    event = decode_event(data)
    assert event is None or isinstance(event, Event)


@given(
    text=st.lists(
        st.sampled_from(
            [
                "Thu",
                ",",
                " ",
                "18",
                "Jul",
                "2024",
                "03:17",
                ":",
                "-",
                "+0200",
                "0000",
                "GMT",
                "T",
                "Z",
                "9" * 20,
                ".",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_any_value_of_a_time_is_a_time_or_none(text: str) -> None:
    run = decoded(WorkflowRun, {"created_at": text})
    assert run.created_at is None or run.created_at.tzinfo is not None
    assert run.raw["created_at"] == text
