"""Decoding of events with any values in any field, and of any JSON documents."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dify_async import AppClient, events
from dify_async._wire.api_errors import error_from_event
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import (
    ChatAccumulator,
    CompletionAccumulator,
    WorkflowAccumulator,
    is_repeated,
    text_of,
)
from dify_async._wire.run_errors import error_from_result
from dify_async._wire.sse import PING, EventParser
from dify_async.events import Event, UnknownEvent
from dify_async.models._base import with_raw_of
from dify_async.testing import FakeDify, Refuse
from tests.support.decoding import payload, places, recorded_events
from tests.support.recordings import load

fewer_examples = settings(max_examples=settings().max_examples // 10)

KINDS: dict[str, type[Event]] = {
    kind.event: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and isinstance(getattr(kind, "event", None), str)
}
"""The classes of all events, by name."""

EXAMPLES: dict[str, Any] = {event.event: event.raw for event in recorded_events() if event.event in KINDS}
"""One good event of each name: recorded, or for the few that never were, with an empty `data`."""

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([0, -1, 2**31, 2**63, 253402300800, -62135596801, 1e308])
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["1", "-0", "1_0", "9" * 30, "²", "NaN", "sNaN", "1e999", "{}", "[]", '{"a":', "\ud800"]
    )
    | st.sampled_from(["2024-07-18T03:17:40+99:99", "Thu, 18 Jul 2024 03:17:40 -0000", "Thu, 99 Foo"])
    | st.sampled_from(["succeeded", "failed", "paused", "stopped", "resumption", "human_input_required"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def holders(value: object) -> list[Any]:
    """Return all objects and lists of a JSON document that are not empty."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [*([value] if inner else []), *(found for held in inner for found in holders(held))]


def merged(whole: Any, part: Any) -> Any:
    """Return a JSON document with values replaced by those of another one at the same places."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return {**whole, **{key: merged(whole.get(key), held) for key, held in part.items()}}
    if whole and isinstance(whole, list) and isinstance(part, list):
        return [*(merged(whole[0], held) for held in part[:1]), *whole[1:]]
    return part


@st.composite
def wild(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw an event with arbitrary values in its fields, extra fields, or missing fields."""
    whole = copy.deepcopy(EXAMPLES[name])
    for what in draw(st.lists(st.sampled_from(["field", "field", "place", "deletion", "key"]), max_size=4)):
        if what == "field":
            whole = merged(whole, draw(st.sampled_from(places(KINDS[name]))).json(draw(values)))
            continue
        holder = draw(st.sampled_from(holders(whole) or [whole]))
        step = draw(st.sampled_from(list(holder if isinstance(holder, dict) else range(len(holder))) or [""]))
        if what == "place":
            holder[step] = draw(values)
        elif what == "deletion" and holder:
            del holder[step]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=6))] = draw(values)
    return whole  # type: ignore[no-any-return]


wild_events = st.sampled_from(sorted(KINDS)).flatmap(wild)


def decoded(value: object) -> Event | None:
    """Decode a JSON document, and check that no value is lost."""
    event = decode_event(payload(value))
    assert isinstance(event, Event) or value == {**value, "event": "ping"}  # type: ignore[dict-item]
    if event is not None:
        assert json.dumps(event.raw) == json.dumps(value)
    return event


@pytest.mark.parametrize("name", sorted(KINDS))
@fewer_examples
@given(data=st.data())
def test_an_event_with_any_value_is_of_its_class_or_unknown(name: str, data: st.DataObject) -> None:
    value = data.draw(wild(name))
    event = decoded(value)
    if value.get("event") == name:
        assert event is not None
        assert event.event == name
        assert type(event) is KINDS[name] or (isinstance(event, UnknownEvent) and event.problem)
    if event is not None:
        again = pickle.loads(pickle.dumps(event))
        assert again == event or "nan" in repr(attrs.asdict(event)).lower()
        assert again.raw == event.raw or "NaN" in json.dumps(event.raw)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_valid_event_is_of_its_class(name: str) -> None:
    assert type(decoded(EXAMPLES[name])) is KINDS[name]


@given(value=values | st.dictionaries(st.sampled_from(["event", "data", "task_id", "problem"]), values))
def test_any_json_is_an_event(value: object) -> None:
    assert isinstance(decoded(value), Event)


@given(data=st.binary(max_size=30) | st.text(max_size=20).map(str.encode))
def test_any_bytes_are_an_event(data: bytes) -> None:
    event = decode_event(data)
    assert isinstance(event, UnknownEvent) if data else event is None


@given(depth=st.integers(1, 3000), name=st.sampled_from(sorted(KINDS)), bracket=st.sampled_from("[{"))
def test_any_depth_is_an_event(depth: int, name: str, bracket: str) -> None:
    deep = "[" * depth + "]" * depth if bracket == "[" else '{"a":' * depth + "1" + "}" * depth
    data = f'{{"event": "{name}", "data": {{"outputs": {deep}, "inputs": {deep}}}, "x": {deep}}}'.encode()
    event = decode_event(data)
    assert event is not None
    for fold in (WorkflowAccumulator(), ChatAccumulator(), CompletionAccumulator()):
        fold.add(event)
        fold.result()
    assert event.raw


@fewer_examples
@given(number=st.integers(-(2**63), 2**64 - 1))
def test_a_number_of_64_bits_is_exact(number: int) -> None:
    decoded({"event": "workflow_finished", "data": {"outputs": {"number": number}}})


# Results


OF_A_CHATFLOW: list[dict[str, Any]] = [
    {"event": "workflow_started", "workflow_run_id": "r", "data": {"id": "r"}},
    {"event": "message", "message_id": "m", "answer": "Hi"},
    {"event": "message_end", "message_id": "m"},
    {"event": "workflow_finished", "data": {"status": "succeeded", "outputs": {"answer": "Hi"}}},
]
"""What a chatflow's result is made of. Servers of 2024 sent the last two the other way round."""


def folds() -> list[Any]:
    return [
        WorkflowAccumulator(),
        WorkflowAccumulator(continue_on_pause=True),
        ChatAccumulator(),
        CompletionAccumulator(),
    ]


@given(sent=st.lists(wild_events, max_size=8))
def test_any_events_have_a_result(sent: list[dict[str, Any]]) -> None:
    found = [event for event in map(decoded, sent) if event is not None]
    for fold in folds():
        for event in found:
            assert isinstance(is_repeated(event, fold.progress), bool)
            assert isinstance(text_of(event), str)
            fold.add(event)
        result = fold.result()
        assert pickle.loads(pickle.dumps(result)) == result or "nan" in repr(attrs.asdict(result)).lower()
        assert error_from_result(result) is None or str(error_from_result(result))
        error = fold.progress.error
        assert error is None or str(error_from_event(error))


@given(
    sent=st.permutations(OF_A_CHATFLOW) | st.lists(wild_events | st.sampled_from(OF_A_CHATFLOW), max_size=8)
)
def test_reading_the_partial_result_changes_nothing(sent: list[dict[str, Any]]) -> None:
    found = [event for event in map(decoded, sent) if event is not None]
    for asked, left_alone in zip(folds(), folds(), strict=True):
        for event in found:
            asked.add(event)
            asked.result()
            left_alone.add(event)
        assert repr(asked.result()) == repr(left_alone.result())
        assert asked.progress == left_alone.progress or "nan" in repr(asked.progress).lower()


# From end to end

STREAMS = [
    "wf_llm_streaming",
    "chat_streaming",
    "chatflow_streaming",
    "agent_streaming",
    "completion_streaming",
]

garbage = st.one_of(
    values.map(payload),
    st.binary(min_size=1, max_size=30).filter(lambda data: not set(data) & set(b"\r\n")),
    st.builds(
        lambda fields, name: payload({**fields, "event": name}),
        st.dictionaries(st.sampled_from(["data", "task_id", "id"]) | st.text(max_size=6), values, max_size=3),
        st.sampled_from(["brand_new", "", "Message", "message ", "pong"]),
    ),
    st.sampled_from(
        sorted(KINDS.keys() - {"workflow_finished", "workflow_paused", "error", "message_end"})
    ).map(lambda name: payload({**EXAMPLES[name], "task_id": ["not a text"]})),
)


def stream_of(client: AppClient, recording: str) -> Any:
    match recording.partition("_")[0]:
        case "wf":
            return client.workflows.stream({})
        case "completion":
            return client.completions.stream({})
        case _:
            return client.chat.stream("Hi")


@pytest.mark.parametrize("name", STREAMS)
@fewer_examples
@given(data=st.data())
async def test_invalid_data_in_a_stream_hides_no_event(
    client: AppClient, fake_dify: FakeDify, name: str, data: st.DataObject
) -> None:
    good = [found for found in EventParser(2**20).feed(load(name).body) if found != PING]
    sent = [(found, True) for found in good]
    for found in data.draw(st.lists(garbage, min_size=1, max_size=8)):
        sent.insert(data.draw(st.integers(1, len(sent) - 1)), (found, False))

    async def received(payloads: list[bytes]) -> tuple[list[Event], Any]:
        body = b"".join(b"data: %b\n\n" % found for found in payloads)
        fake_dify.faults.append(Refuse(status=200, body=body, content_type="text/event-stream"))
        async with stream_of(client, name) as run:
            return [event async for event in run], await run.result()

    seen, result = await received([found for found, _ in sent])
    assert [event for event in seen if not isinstance(event, UnknownEvent)] == [*map(decode_event, good)]
    assert [event.raw for event in seen if isinstance(event, UnknownEvent)] == [
        with_raw_of(decode_event(found), UnknownEvent()).raw for found, is_good in sent if not is_good
    ]
    assert result == (await received(good))[1]
