"""Decoding of events and models: missing, null, wrong and unknown values."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import attrs
import pytest

from dify_async import events, models
from dify_async._wire.blocking import BlockingRun
from dify_async._wire.decoding import decode
from dify_async._wire.decoding.codegen import origin_of
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async._wire.decoding.hook import StructureError
from dify_async._wire.sse import PING, EventParser
from dify_async.events import BY_NAME, Event, UnknownEvent
from dify_async.models import (
    AgentThought,
    AppInfo,
    AppMeta,
    AppMode,
    AppParameters,
    AppSite,
    InputField,
    NodeStatus,
    Page,
    PauseReason,
    PauseType,
    RunFile,
    RunStatus,
    ServerInfo,
    Stopped,
    Usage,
    WorkflowLog,
    WorkflowRun,
)
from dify_async.models._base import WIRE_KEYS, OpenEnum, Received
from tests.support.decoding import (
    OF_OLD_SERVERS,
    decoded,
    event_of,
    is_enum,
    is_primitive,
    places,
    recorded_events,
)
from tests.support.recordings import load, matching

FIELDS = {
    "agent_log": (
        "",
        ("node_execution_id id label parent_id error status data metadata node_id"),
    ),
    "agent_message": ("id answer", ""),
    "agent_thought": (("id position thought observation tool tool_labels tool_input message_files"), ""),
    "datasource_completed": ("data total completed time_consuming", ""),
    "datasource_error": ("error", ""),
    "datasource_processing": ("total completed", ""),
    "error": ("status code message task_id workflow_run_id", ""),
    "human_input_form_filled": (
        "workflow_run_id",
        ("node_id node_title rendered_content action_id action_text submitted_data"),
    ),
    "human_input_form_timeout": ("workflow_run_id", "node_id node_title expiration_time"),
    "human_input_required": (
        "workflow_run_id",
        (
            "form_id node_id node_title form_content inputs actions display_in_ui form_token "
            "resolved_default_values expiration_time"
        ),
    ),
    "iteration_completed": (
        "workflow_run_id",
        (
            "id node_id node_type title outputs outputs_truncated created_at extras inputs "
            "inputs_truncated status error elapsed_time total_tokens execution_metadata "
            "finished_at steps"
        ),
    ),
    "iteration_next": ("workflow_run_id", "id node_id node_type title index created_at extras"),
    "iteration_started": (
        "workflow_run_id",
        ("id node_id node_type title created_at extras metadata inputs inputs_truncated"),
    ),
    "loop_completed": (
        "workflow_run_id",
        (
            "id node_id node_type title outputs outputs_truncated created_at extras inputs "
            "inputs_truncated status error elapsed_time total_tokens execution_metadata "
            "finished_at steps"
        ),
    ),
    "loop_next": ("workflow_run_id", "id node_id node_type title index created_at extras pre_loop_output"),
    "loop_started": (
        "workflow_run_id",
        ("id node_id node_type title created_at extras metadata inputs inputs_truncated"),
    ),
    "message": ("id answer from_variable_selector", ""),
    "message_end": ("id metadata files", ""),
    "message_file": ("id type belongs_to url answer from_variable_selector", ""),
    "message_replace": ("answer reason", ""),
    "node_finished": (
        "workflow_run_id",
        (
            "id node_id node_type title index predecessor_node_id inputs inputs_truncated "
            "process_data process_data_truncated outputs outputs_truncated status error "
            "elapsed_time execution_metadata created_at finished_at files iteration_id loop_id"
        ),
    ),
    "node_retry": (
        "workflow_run_id",
        (
            "id node_id node_type title index predecessor_node_id inputs inputs_truncated "
            "process_data process_data_truncated outputs outputs_truncated status error "
            "elapsed_time execution_metadata created_at finished_at files iteration_id loop_id "
            "retry_index"
        ),
    ),
    "node_started": (
        "workflow_run_id",
        (
            "id node_id node_type title index predecessor_node_id inputs inputs_truncated "
            "created_at extras iteration_id loop_id agent_strategy"
        ),
    ),
    "reasoning_chunk": ("", "reasoning node_id message_id is_final"),
    "text_chunk": ("", "text from_variable_selector"),
    "text_replace": ("", "text"),
    "tts_message": ("audio message_id conversation_id", ""),
    "tts_message_end": ("audio", ""),
    "workflow_finished": (
        "workflow_run_id",
        (
            "id workflow_id status outputs error elapsed_time total_tokens total_steps created_by "
            "created_at finished_at exceptions_count files"
        ),
    ),
    "workflow_paused": (
        "workflow_run_id",
        (
            "workflow_run_id paused_nodes outputs reasons status created_at elapsed_time "
            "total_tokens total_steps"
        ),
    ),
    "workflow_started": ("workflow_run_id", "id workflow_id inputs created_at reason"),
}
"""What servers of 1.14 and 1.17 send, pings apart: the fields of each event and those of its data."""

NAMES = list(FIELDS)

MODELS: list[type[Received]] = [
    AppInfo,
    AppMeta,
    AppParameters,
    AppSite,
    BlockingRun,
    ServerInfo,
    Stopped,
    Page[WorkflowLog],
    WorkflowRun,
]
"""What an answer in one piece is decoded to."""

each_name = pytest.mark.parametrize("name", NAMES)
each_kind = pytest.mark.parametrize(
    "kind", [*(BY_NAME[name] for name in NAMES), *MODELS], ids=lambda kind: kind.__name__
)


@pytest.fixture(autouse=True)
def no_warning_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_warned_about", set())


def test_all_fields_are_found() -> None:
    found = {str(place) for kind in [*BY_NAME.values(), *MODELS] for place in places(kind)}
    assert {
        "WorkflowFinished.data.created_by.email",
        "WorkflowFinished.data.files.related_id",
        "WorkflowPaused.data.reasons.inputs.default",
        "NodeFinished.data.execution_metadata.total_price",
        "MessageEnd.metadata.usage.prompt_price",
        "AppParameters.user_input_form.options",
        "Page.data.workflow_run.finished_at",
    } <= found
    assert len(found) > 600


# Names


def test_each_event_of_the_servers_has_a_class() -> None:
    assert sorted(BY_NAME) == NAMES
    assert all(BY_NAME[name].event == name for name in NAMES)


def test_each_event_class_is_public() -> None:
    assert all(getattr(events, kind.__name__) is kind for kind in BY_NAME.values())


def keys_of(kind: type) -> set[str]:
    """Return the JSON keys that a class reads."""
    fields = [field for field in attrs.fields(kind) if field.init]
    return {key for field in fields for key in field.metadata.get(WIRE_KEYS, (field.name,))}


@each_name
def test_each_field_of_the_servers_is_declared(name: str) -> None:
    around, inside = FIELDS[name]
    kind = BY_NAME[name]
    assert keys_of(kind) >= {"task_id", *around.split()}
    if inside:
        assert keys_of(get_type_hints(kind)["data"]) >= set(inside.split())


OF_WORKFLOWS = sorted(get_args(events.WorkflowEvent), key=lambda kind: kind.__name__)
OF_COMPLETIONS = sorted(get_args(events.CompletionEvent), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", OF_WORKFLOWS)
def test_events_of_workflows_name_their_run(kind: type) -> None:
    assert {"task_id", "workflow_run_id"} <= keys_of(kind)


@pytest.mark.parametrize("kind", OF_COMPLETIONS)
def test_events_of_messages_name_their_message(kind: type) -> None:
    assert {"task_id", "message_id", "conversation_id", "created_at"} <= keys_of(kind)


def test_the_unions_hold_all_events_of_their_apps() -> None:
    all_kinds = {*BY_NAME.values(), UnknownEvent}
    only_of_pipelines = {kind for kind in all_kinds if kind.__name__.startswith("Datasource")}
    assert set(get_args(events.ChatEvent)) == all_kinds - only_of_pipelines
    assert set(OF_WORKFLOWS) < set(get_args(events.ChatEvent))
    assert set(OF_COMPLETIONS) < set(get_args(events.ChatEvent))


@each_name
def test_an_event_without_fields_has_all_defaults(name: str) -> None:
    kind = BY_NAME[name]
    needs_data = any(field.name == "data" and field.default is attrs.NOTHING for field in attrs.fields(kind))
    if needs_data:
        expected = kind(data=get_type_hints(kind)["data"]())
        event = event_of({"event": name, "data": {}})
    else:
        expected = kind()
        event = event_of({"event": name})
    assert type(event) is kind
    assert event == expected
    assert event.event == name


@each_name
def test_the_second_event_of_a_name_is_decoded_like_the_first(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_event_hooks", {})
    value = {"event": name, "data": {}, "task_id": "t", "conversation_id": "c", "new": 1}
    assert event_of(value) == event_of(value)
    assert event_of(value).raw == value


# Missing, null, of another type


@each_kind
def test_a_missing_key_and_null_give_the_default(kind: type[Received]) -> None:
    for place in places(kind):
        if place.default is not attrs.NOTHING:
            assert place.decoded() == place.default, str(place)
            assert place.decoded(None) == place.default, str(place)
            assert type(place.decoded(None)) is type(place.default), str(place)


NOT_EMPTY = {"size": -1, "limit": 20}
"""The defaults that say something: an unknown size, Dify's own size of a page."""


@each_kind
def test_defaults_are_the_empty_values(kind: type[Received]) -> None:
    empty: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, list: [], dict: {}}
    for place in places(kind):
        found = empty.get(get_origin(place.kind) or place.kind)
        if place.nullable or place.kind in {datetime, Decimal}:
            assert place.default is None, str(place)
        elif found is not None:
            assert place.default == NOT_EMPTY.get(place.name, found), str(place)


@each_kind
def test_lists_and_objects_are_never_shared(kind: type[Received]) -> None:
    for place in places(kind):
        if get_origin(place.kind) in {list, dict}:
            one, two = place.decoded(None), place.decoded(None)
            assert one is None or one is not two, str(place)


OTHERS = ["word", "", 7, 0, 1.5, True, False]
"""Primitives, for fields of all types."""


def converted(kind: Any, value: Any) -> Any:
    """Return the expected value of a primitive in a field of a type; None if the field cannot use it."""
    if is_enum(kind) or kind is str:
        return value if isinstance(value, str) else json.dumps(value)
    if kind is bool:
        return value if isinstance(value, bool) else {1: True, 0: False}.get(value)
    if isinstance(value, (str, bool)):
        return None
    if kind is datetime:
        return datetime.fromtimestamp(value, UTC)
    if kind is int:
        return value if isinstance(value, int) else None
    return kind(str(value))


@each_kind
def test_a_field_has_a_value_of_its_type_for_any_primitive(kind: type[Received]) -> None:
    for place in places(kind):
        for value in OTHERS if is_primitive(place.kind) else []:
            is_identifier = place.kind is str and place.name.endswith(("id", "token"))
            expected = converted(place.kind, value)
            expected = None if is_identifier and not isinstance(value, str) else expected
            expected = place.decoded(None) if expected is None else expected
            found = place.decoded(value)
            assert found == expected, str(place)
            assert (found is None and place.nullable) or type(found) is place.kind, f"{place}: {found!r}"


CONTAINERS: list[Any] = [{}, [], {"a": 1}, ["a"]]


def wrong_for(kind: Any) -> list[Any]:
    """Return values with a structure that is wrong for a field."""
    if is_primitive(kind):
        return CONTAINERS
    if get_origin(kind) is list:
        return [{}, {"a": 1}, "a", "", 7, True]
    if kind is models.Account:
        return [[], ["a"], 7, True]  # A string is its name.
    if get_origin(kind) is dict:
        return [[], ["a"], "a", "[]", 7, True]  # The JSON text of an object is that object.
    assert attrs.has(kind), kind
    return [[], ["a"], "a", 7, True]


@each_kind
def test_a_container_in_the_wrong_place_is_reported_by_its_path(kind: type[Received]) -> None:
    for place in places(kind):
        for value in wrong_for(place.kind):
            told = f"{place.path} must be "
            if issubclass(origin_of(kind), Event):
                event = event_of(place.json(value))
                assert isinstance(event, UnknownEvent), f"{place}: {value!r}"
                assert event.event == kind.event
                assert event.problem is not None
                assert event.problem.startswith(told), f"{place}: {event.problem}"
                assert event.raw == place.json(value)
            else:
                with pytest.raises(StructureError) as caught:
                    decoded(kind, place.json(value))
                assert str(caught.value).startswith(told), str(place)


@each_kind
def test_a_wrong_item_of_a_list_is_reported_by_its_path(kind: type[Received]) -> None:
    for place in places(kind):
        items = get_args(place.kind) if get_origin(place.kind) is list else (Any,)
        for value in wrong_for(items[0]) if items != (Any,) else []:
            told = f"{place.path}.[] must be "
            if issubclass(origin_of(kind), Event):
                event = event_of(place.json([value]))
                assert isinstance(event, UnknownEvent), f"{place}: {value!r}"
                assert event.problem is not None
                assert event.problem.startswith(told), f"{place}: {event.problem}"
            else:
                with pytest.raises(StructureError) as caught:
                    decoded(kind, place.json([value]))
                assert str(caught.value).startswith(told), str(place)


@each_kind
def test_null_in_a_list_is_omitted(kind: type[Received]) -> None:
    for place in places(kind):
        if get_args(place.kind)[:1] not in {(), (Any,)} and get_origin(place.kind) is list:
            assert place.decoded([None]) == [], str(place)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"data": {"text": []}}, "data.text must be a string, got an array"),
        ({"data": {"text": {}}}, "data.text must be a string, got an object"),
        (
            {"data": {"from_variable_selector": "a"}},
            "data.from_variable_selector must be an array, got a string",
        ),
        (
            {"data": {"from_variable_selector": [[]]}},
            "data.from_variable_selector.[] must be a string, got an array",
        ),
        ({"data": "a"}, "data must be an object, got a string"),
        ({"data": None}, "data must be present, got null"),
        ({}, "data must be present, got null"),
        ({"task_id": [], "data": {}}, "task_id must be a string, got an array"),
    ],
)
def test_a_wrong_structure_is_described(value: dict[str, Any], problem: str) -> None:
    event = event_of({"event": "text_chunk"} | value)
    assert isinstance(event, UnknownEvent)
    assert event.problem == problem


def test_a_malformed_event_keeps_its_ids() -> None:
    value = {
        "event": "text_chunk",
        "task_id": "t",
        "workflow_run_id": "r",
        "conversation_id": "c",
        "message_id": "m",
        "created_at": 0,
        "data": {"text": []},
    }
    event = event_of(value)
    assert isinstance(event, UnknownEvent)
    assert (event.task_id, event.workflow_run_id, event.conversation_id, event.message_id) == (
        "t",
        "r",
        "c",
        "m",
    )
    assert event.created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert event.raw == value


def test_a_malformed_event_causes_one_warning_per_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dify_async"):
        for name in ("text_chunk", "node_started", "text_chunk", "text_chunk", "node_started"):
            event_of({"event": name, "data": ["secret"]})
    assert [(record.levelname, record.name) for record in caplog.records] == [
        ("WARNING", "dify_async.decode")
    ] * 2
    first, second = caplog.messages
    assert "'text_chunk'" in first
    assert "data must be an object, got an array" in first
    assert "'node_started'" in second
    assert "secret" not in caplog.text


def test_valid_and_unknown_events_cause_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dify_async"):
        event_of({"event": "text_chunk", "data": {"text": "a", "new": {}}})
        event_of({"event": "brand_new"})
        decode_event(b"no json")
    assert caplog.records == []


def test_a_stream_continues_after_a_malformed_event() -> None:
    good = {"event": "text_chunk", "data": {"text": "a"}}
    assert event_of(good) == event_of(good)
    assert isinstance(event_of(good | {"data": []}), UnknownEvent)
    assert event_of(good).event == "text_chunk"


# Unknown events


@pytest.mark.parametrize(
    "name", [*OF_OLD_SERVERS, "brand_new", "", "Message", "ping ", "constructor", "__class__"]
)
def test_an_unknown_event_is_delivered(name: str) -> None:
    value = {"event": name, "task_id": "t", "workflow_run_id": "r", "data": {"x": [1]}, "problem": "its own"}
    event = event_of(value)
    assert isinstance(event, UnknownEvent)
    assert (event.event, event.task_id, event.workflow_run_id) == (name, "t", "r")
    assert event.problem is None
    assert event.raw == value


def test_an_unknown_event_of_a_chat_has_its_ids() -> None:
    event = event_of({"event": "new", "conversation_id": "c", "message_id": "m", "created_at": 1.0})
    assert isinstance(event, UnknownEvent)
    assert (event.conversation_id, event.message_id) == ("c", "m")
    assert event.created_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_an_unknown_event_with_invalid_ids_is_delivered() -> None:
    event = event_of({"event": "new", "task_id": {"a": 1}})
    assert isinstance(event, UnknownEvent)
    assert (event.event, event.task_id, event.problem) == ("new", None, None)


@pytest.mark.parametrize(
    "data", [b"{", b"no json", b"\xff\xfe", b'{"event":"text_chunk","data":{"text":"\xff"}}', b" "]
)
def test_an_event_that_is_not_json_is_delivered(data: bytes) -> None:
    event = decode_event(data)
    assert isinstance(event, UnknownEvent)
    assert (event.event, event.problem) == ("", "not valid JSON")
    assert event.raw == data.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{"event": "message"}],
        7,
        1.5,
        True,
        None,
        "text",
        {},
        {"event": None},
        {"event": 7},
        {"event": []},
        {"event": {}},
    ],
)
def test_json_without_an_event_name_is_delivered(value: object) -> None:
    event = event_of(value)
    assert isinstance(event, UnknownEvent)
    assert (event.event, event.problem) == ("", "the event has no name")
    assert event.raw == value


def test_json_nested_too_deeply_is_delivered() -> None:
    data = b'{"event":"workflow_finished","data":{"outputs":{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}}}"
    event = decode_event(data)
    assert isinstance(event, UnknownEvent)
    assert event.problem is not None
    assert event.raw == data.decode()


@pytest.mark.parametrize("data", [PING, b'{"event":"ping"}', b'{"event": "ping", "task_id": "t"}'])
def test_a_ping_is_not_an_event(data: bytes) -> None:
    assert decode_event(data) is None


# JSON of other writers


def test_lone_surrogates_are_read() -> None:
    event = decode_event(b'{"event":"text_chunk","data":{"text":"a\\ud83d"}}')
    assert isinstance(event, events.TextChunk)
    assert event.data.text == "a\ud83d"
    assert event.raw == {"event": "text_chunk", "data": {"text": "a\ud83d"}}


def test_nan_and_infinities_are_read() -> None:
    data = b'{"event":"workflow_finished","data":{"outputs":{"a":NaN,"b":-Infinity},"elapsed_time":Infinity}}'
    event = decode_event(data)
    assert isinstance(event, events.WorkflowFinished)
    assert repr(event.data.outputs) == "{'a': nan, 'b': -inf}"
    assert event.data.elapsed_time == 0.0


@pytest.mark.parametrize("text", ["你好", "😀", "a\u2028b", "\u0000", '"\\/', "\x7f\x85"])
def test_both_serializers_of_the_server_give_the_same_event(text: str) -> None:
    value = {"event": "text_chunk", "data": {"text": text}}
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert decode_event(compact) == decode_event(json.dumps(value).encode())
    assert event_of(value) == events.TextChunk(data=events.TextChunkData(text=text))


def test_integers_beyond_64_bits_are_exact() -> None:
    found = decoded(WorkflowRun, {"outputs": {"n": 10**30 + 1}})
    assert found.outputs == {"n": 10**30 + 1}


# Times, prices, numbers


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1721272660, datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        (1721272660.0, datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        (1721272660.25, datetime(2024, 7, 18, 3, 17, 40, 250_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Thu, 18 Jul 2024 03:17:40 -0000", datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        ("Thu, 18 Jul 2024 03:17:40 GMT", datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        ("Thu, 18 Jul 2024 05:17:40 +0200", datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        ("2024-07-18T03:17:40", datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        ("2024-07-18T03:17:40Z", datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC)),
        ("2024-07-18T05:17:40.5+02:00", datetime(2024, 7, 18, 3, 17, 40, 500_000, tzinfo=UTC)),
        ("2024-07-18 03:17:40.123456", datetime(2024, 7, 18, 3, 17, 40, 123_456, tzinfo=UTC)),
    ],
)
def test_times_become_aware_datetimes(value: object, time: datetime) -> None:
    found = decoded(WorkflowRun, {"created_at": value}).created_at
    assert found == time
    assert found.tzinfo is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "1721272660",
        "Thu, 99 Foo 2024",
        "Thu, 18 Jul 2024 03:17:40 +99999999999999",
        10**20,
        -(10**20),
        1e300,
    ],
)
def test_a_value_that_is_not_a_time_is_none(value: object) -> None:
    assert decoded(WorkflowRun, {"created_at": value}).created_at is None


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity"])
def test_nan_is_not_a_time(value: bytes) -> None:
    found = decode_model(WorkflowRun, b'{"created_at":' + value + b"}")
    assert found.created_at is None
    assert str(found.raw["created_at"]) in {"nan", "inf", "-inf"}


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("0.0000325", Decimal("0.0000325")),
        ("0E-7", Decimal("0E-7")),
        ("0.0", Decimal("0.0")),
        (2.378, Decimal("2.378")),
        (0.1, Decimal("0.1")),
        (3, Decimal(3)),
    ],
)
def test_prices_become_exact_decimals(value: object, price: Decimal) -> None:
    usage = event_of({"event": "message_end", "metadata": {"usage": {"total_price": value}}}).metadata.usage  # type: ignore[attr-defined]
    assert usage.total_price == price
    assert str(usage.total_price) == str(price)


@pytest.mark.parametrize("value", ["", "free", "1,5", "sNaN", "NaN", "Infinity", "9e999999", "1e-101", True])
def test_a_value_that_is_not_a_price_is_none(value: object) -> None:
    event = event_of({"event": "message_end", "metadata": {"usage": {"total_price": value}}})
    assert isinstance(event, events.MessageEnd)
    assert event.metadata.usage == Usage()
    assert event.raw["metadata"]["usage"]["total_price"] == value


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("-3", -3), ("0", 0), ("007", 7), (8, 8)])
def test_strings_of_digits_become_integers(value: object, number: int) -> None:
    event = event_of({"event": "workflow_finished", "data": {"total_steps": value}})
    assert isinstance(event, events.WorkflowFinished)
    assert event.data.total_steps == number
    assert type(event.data.total_steps) is int


@pytest.mark.parametrize(
    ("value", "number"), [("1.5", 1.5), ("30.098514399956912", 30.098514399956912), (2, 2)]
)
def test_strings_of_digits_become_floats(value: object, number: float) -> None:
    assert decoded(WorkflowRun, {"elapsed_time": value}).elapsed_time == number


@pytest.mark.parametrize(
    "value",
    [
        "one",
        "",
        "1.5",
        "1_0",
        "--1",
        "+",
        "9" * 5000,
    ],
)
def test_a_string_that_is_not_an_integer_is_none_or_zero(value: str) -> None:
    assert decoded(WorkflowRun, {"total_tokens": value}).total_tokens is None
    event = event_of({"event": "workflow_finished", "data": {"total_tokens": value}})
    assert isinstance(event, events.WorkflowFinished)
    assert event.data.total_tokens == 0
    assert event.raw["data"]["total_tokens"] == value


# Enums

ENUMS = sorted(
    {
        kind
        for module in (events, models)
        for kind in vars(module).values()
        if is_enum(kind) and kind is not OpenEnum
    },
    key=lambda kind: kind.__name__,
)


def test_a_known_string_becomes_its_enum_member() -> None:
    run = decoded(WorkflowRun, {"status": "partial-succeeded"})
    assert run.status is RunStatus.PARTIAL_SUCCEEDED
    node = event_of({"event": "node_finished", "data": {"status": "exception"}})
    assert isinstance(node, events.NodeFinished)
    assert node.data.status is NodeStatus.EXCEPTION
    assert decoded(AppInfo, {"mode": "agent-chat"}).mode is AppMode.AGENT_CHAT


def test_an_unknown_string_becomes_a_new_enum_member() -> None:
    status = decoded(WorkflowRun, {"status": "hibernating"}).status
    assert isinstance(status, RunStatus)
    assert status == "hibernating"
    assert str(status) == "hibernating"
    assert f"{status}" == "hibernating"
    assert not status.known


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_enums_are_open(kind: type[OpenEnum]) -> None:
    new = kind("brand-new")
    assert isinstance(new, kind)
    assert new == "brand-new" == new.value
    assert not new.known
    assert hash(new) == hash("brand-new")
    assert {"brand-new": 1}[new] == 1
    assert new == kind("brand-new")
    assert new != kind("brand-newer")
    assert pickle.loads(pickle.dumps(new)) == new
    assert not pickle.loads(pickle.dumps(new)).known
    assert copy.deepcopy(new) == new
    assert json.dumps(new) == '"brand-new"'
    assert new not in list(kind)
    assert repr(new) == f"<{kind.__name__}.brand-new: 'brand-new'>"


@pytest.mark.parametrize("kind", ENUMS, ids=lambda kind: kind.__name__)
def test_known_members_are_known(kind: type[OpenEnum]) -> None:
    for member in kind:
        assert member.known
        assert kind(member.value) is member
        assert hash(member) == hash(member.value)
        assert pickle.loads(pickle.dumps(member)) is member


@pytest.mark.parametrize("value", [None, 7, [], ("a",)])
def test_an_enum_accepts_only_strings(value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid RunStatus"):
        RunStatus(value)


# Shapes of old and new servers


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ({"TYPE": "human_input_required"}, PauseType.HUMAN_INPUT_REQUIRED),
        ({"type": "human_input_required"}, PauseType.HUMAN_INPUT_REQUIRED),
        ({"TYPE": "scheduled_pause", "message": "later"}, PauseType.SCHEDULED_PAUSE),
        ({"type": "scheduled_pause"}, PauseType.SCHEDULED_PAUSE),
        ({"TYPE": "scheduled_pause", "type": "human_input_required"}, PauseType.SCHEDULED_PAUSE),
        ({"TYPE": None, "type": "scheduled_pause"}, PauseType.SCHEDULED_PAUSE),
    ],
)
def test_a_pause_has_its_reason_in_both_cases(reason: dict[str, Any], kind: PauseType) -> None:
    event = event_of({"event": "workflow_paused", "data": {"reasons": [reason]}})
    assert isinstance(event, events.WorkflowPaused)
    (found,) = event.data.reasons
    assert found.type is kind
    assert found.message == reason.get("message")


def test_forms_are_the_reasons_that_have_a_form() -> None:
    form, time = PauseReason(form_id="f"), PauseReason(type=PauseType.SCHEDULED_PAUSE)
    assert models.Pause(reasons=[time, form]).forms == [form]


def test_a_file_has_its_upload_id_in_a_separate_field() -> None:
    event = event_of({"event": "message_end", "files": [{"upload_file_id": "u"}, {"related_id": "r"}]})
    assert isinstance(event, events.MessageEnd)
    assert [(file.related_id, file.upload_file_id) for file in event.files] == [(None, "u"), ("r", None)]


def test_inputs_of_a_node_may_be_an_object_a_list_or_null() -> None:
    for inputs in ({"a": 1}, [{"a": 1}], [], None):
        event = event_of({"event": "node_started", "data": {"inputs": inputs}})
        assert isinstance(event, events.NodeStarted)
        assert event.data.inputs == inputs


# The samples of the workflow document of 2024

STREAM_OF_2024 = """\
data: {"event": "workflow_started", "task_id": "t", "workflow_run_id": "r", "data": {"id": "r", "workflow_id": "w", "sequence_number": 1, "created_at": 1679586595}}

data: {"event": "node_started", "task_id": "t", "workflow_run_id": "r", "data": {"id": "r", "node_id": "n", "node_type": "start", "title": "Start", "index": 0, "predecessor_node_id": "p", "inputs": {}, "created_at": 1679586595}}

data: {"event": "node_finished", "task_id": "t", "workflow_run_id": "r", "data": {"id": "r", "node_id": "n", "node_type": "start", "title": "Start", "index": 0, "predecessor_node_id": "p", "inputs": {}, "outputs": {}, "status": "succeeded", "elapsed_time": 0.324, "execution_metadata": {"total_tokens": 63127864, "total_price": 2.378, "currency": "USD"}, "created_at": 1679586595}}

data: {"event": "workflow_finished", "task_id": "t", "workflow_run_id": "r", "data": {"id": "r", "workflow_id": "w", "outputs": {}, "status": "succeeded", "elapsed_time": 0.324, "total_tokens": 63127864, "total_steps": "1", "created_at": 1679586595, "finished_at": 1679976595}}

data: {"event": "tts_message", "conversation_id": "c", "message_id": "m", "created_at": 1721205487, "task_id": "t", "audio": "qqqq"}

data: {"event": "tts_message_end", "conversation_id": "c", "message_id": "m", "created_at": 1721205487, "task_id": "t", "audio": ""}

"""


def test_the_stream_of_the_document_of_2024_is_read() -> None:
    found = [decode_event(data) for data in EventParser(2**20).feed(STREAM_OF_2024.encode())]
    started, node_started, node_finished, finished, speech, speech_end = found
    assert isinstance(started, events.WorkflowStarted)
    assert (started.data.sequence_number, started.data.inputs) == (1, {})
    assert isinstance(node_started, events.NodeStarted)
    assert (node_started.data.predecessor_node_id, node_started.data.index) == ("p", 0)
    assert isinstance(node_finished, events.NodeFinished)
    assert node_finished.data.execution_metadata == events.ExecutionMetadata(
        total_tokens=63127864, total_price=Decimal("2.378"), currency="USD"
    )
    assert isinstance(finished, events.WorkflowFinished)
    assert finished.data.total_steps == 1
    assert finished.data.finished_at == datetime(2023, 3, 28, 4, 9, 55, tzinfo=UTC)
    assert isinstance(speech, events.TtsMessage)
    assert (speech.audio, speech.message_id) == ("qqqq", "m")
    assert isinstance(speech_end, events.TtsMessageEnd)


RUN_OF_2024 = {
    "id": "b1ad3277-089e-42c6-9dff-6820d94fbc76",
    "workflow_id": "19eff89f-ec03-4f75-b0fc-897e7effea02",
    "status": "succeeded",
    "inputs": '{"sys.files": [], "sys.user_id": "abc-123"}',
    "outputs": None,
    "error": None,
    "total_steps": 3,
    "total_tokens": 0,
    "created_at": "Thu, 18 Jul 2024 03:17:40 -0000",
    "finished_at": "Thu, 18 Jul 2024 03:18:10 -0000",
    "elapsed_time": 30.098514399956912,
}


def test_the_stored_run_of_the_document_of_2024_is_read() -> None:
    assert decoded(WorkflowRun, RUN_OF_2024) == WorkflowRun(
        id="b1ad3277-089e-42c6-9dff-6820d94fbc76",
        workflow_id="19eff89f-ec03-4f75-b0fc-897e7effea02",
        status=RunStatus.SUCCEEDED,
        inputs={"sys.files": [], "sys.user_id": "abc-123"},
        outputs={},
        total_steps=3,
        total_tokens=0,
        created_at=datetime(2024, 7, 18, 3, 17, 40, tzinfo=UTC),
        finished_at=datetime(2024, 7, 18, 3, 18, 10, tzinfo=UTC),
        elapsed_time=30.098514399956912,
    )


@pytest.mark.parametrize(
    ("value", "outputs"),
    [
        (None, {}),
        ({}, {}),
        ({"a": {"b": [1, None]}}, {"a": {"b": [1, None]}}),
        ('{"a": "\\u4f60"}', {"a": "你"}),
        ('{"a": NaN}', "{'a': nan}"),
        ('{"a": "\\ud800"}', {"a": "\ud800"}),
        ('{"a": "\ud800"}', {"a": "\ud800"}),
    ],
)
def test_outputs_of_a_stored_run_may_be_null_an_object_or_json_text(value: object, outputs: object) -> None:
    found = decoded(WorkflowRun, RUN_OF_2024 | {"outputs": value}).outputs
    assert found == outputs or repr(found) == outputs


PARAMETERS_OF_2024 = {
    "user_input_form": [
        {"paragraph": {"label": "Query", "variable": "query", "required": True, "default": ""}}
    ],
    "file_upload": {
        "image": {
            "enabled": False,
            "number_limits": 3,
            "detail": "high",
            "transfer_methods": ["remote_url", "local_file"],
        }
    },
    "system_parameters": {
        "file_size_limit": 15,
        "image_file_size_limit": 10,
        "audio_file_size_limit": 50,
        "video_file_size_limit": 100,
    },
}


def test_the_parameters_of_the_document_of_2024_are_read() -> None:
    found = decoded(AppParameters, PARAMETERS_OF_2024)
    assert found == AppParameters(
        user_input_form=[
            InputField(kind="paragraph", label="Query", variable="query", required=True, default="")
        ],
        file_upload=models.FileUpload(
            image=models.ImageUpload(
                number_limits=3, detail="high", transfer_methods=["remote_url", "local_file"]
            )
        ),
        system_parameters=models.SystemParameters(
            file_size_limit=15,
            image_file_size_limit=10,
            audio_file_size_limit=50,
            video_file_size_limit=100,
        ),
    )
    assert found.raw == PARAMETERS_OF_2024


LOGS_OF_2024 = {
    "page": 1,
    "limit": 1,
    "total": 7,
    "has_more": True,
    "data": [
        {
            "id": "e41b93f1-7ca2-40fd-b3a8-999aeb499cc0",
            "workflow_run": {
                "id": "c0640fc8-03ef-4481-a96c-8a13b732a36e",
                "version": "2024-08-01 12:17:09.771832",
                "status": "succeeded",
                "error": None,
                "elapsed_time": 1.3588523610014818,
                "total_tokens": 0,
                "total_steps": 3,
                "created_at": 1726139643,
                "finished_at": 1726139644,
            },
            "created_from": "service-api",
            "created_by_role": "end_user",
            "created_by_account": None,
            "created_by_end_user": {
                "id": "7f7d9117-dd9d-441d-8970-87e5e7e687a3",
                "type": "service_api",
                "is_anonymous": False,
                "session_id": "abc-123",
            },
            "created_at": 1726139644,
        }
    ],
}


def test_the_logs_of_the_document_of_2024_are_read() -> None:
    page = decoded(Page[WorkflowLog], LOGS_OF_2024)
    assert (page.page, page.limit, page.total, page.has_more) == (1, 1, 7, True)
    (log,) = page.data
    assert log.workflow_run == models.LoggedRun(
        id="c0640fc8-03ef-4481-a96c-8a13b732a36e",
        version="2024-08-01 12:17:09.771832",
        status=RunStatus.SUCCEEDED,
        elapsed_time=1.3588523610014818,
        total_tokens=0,
        total_steps=3,
        created_at=datetime(2024, 9, 12, 11, 14, 3, tzinfo=UTC),
        finished_at=datetime(2024, 9, 12, 11, 14, 4, tzinfo=UTC),
    )
    assert log.created_by_account is None
    assert log.created_by_end_user == models.EndUser(
        id="7f7d9117-dd9d-441d-8970-87e5e7e687a3", type="service_api", session_id="abc-123"
    )


@pytest.mark.parametrize(
    ("value", "account"),
    [
        (None, None),
        ("Ada", models.Account(name="Ada")),
        ({"id": "1", "name": "Ada", "email": "a@b.c"}, models.Account(id="1", name="Ada", email="a@b.c")),
    ],
)
def test_the_account_of_a_log_may_be_a_string(value: object, account: models.Account | None) -> None:
    (log,) = decoded(Page[WorkflowLog], {"data": [{"created_by_account": value}]}).data
    assert log.created_by_account == account


def test_the_blocking_answer_of_the_document_of_2024_is_read() -> None:
    run = decoded(
        BlockingRun,
        {
            "workflow_run_id": "r",
            "task_id": "t",
            "data": {
                "id": "r",
                "workflow_id": "w",
                "status": "succeeded",
                "outputs": {"text": "Nice to meet you."},
                "error": None,
                "elapsed_time": 0.875,
                "total_tokens": 3562,
                "total_steps": 8,
                "created_at": 1705407629,
                "finished_at": 1727807631,
            },
        },
    )
    result = run.result()
    assert (result.task_id, result.workflow_run_id, result.workflow_id) == ("t", "r", "w")
    assert result.status is RunStatus.SUCCEEDED
    assert result.outputs == {"text": "Nice to meet you."}
    assert (result.total_tokens, result.total_steps, result.elapsed_time) == (3562, 8, 0.875)
    assert result.raw["data"]["id"] == "r"


def test_a_blocking_response_without_data_is_an_error() -> None:
    with pytest.raises(StructureError, match="data must be present, got null"):
        decoded(BlockingRun, {"task_id": "t"})


# Recorded models


def test_recorded_parameters_of_a_workflow() -> None:
    found = decode_model(AppParameters, load("get_parameters_wf_basic").body)
    form = {field.variable: field for field in found.user_input_form}
    assert [field.kind for field in form.values()] == [
        "text-input",
        "paragraph",
        "select",
        "number",
        "file",
        "file-list",
        "checkbox",
        "json_object",
    ]
    assert form["name"] == InputField(
        kind="text-input", variable="name", label="name", required=True, max_length=48
    )
    assert form["color"].options == ["red", "green", "蓝"]
    assert form["docs"].max_length == 3
    assert form["doc"].allowed_file_types == ["document", "image"]
    assert form["doc"].allowed_file_upload_methods == ["local_file", "remote_url"]
    assert found.opening_statement == "Hi, I am 助手 😀"
    assert found.suggested_questions == ["What can you do?", "你好"]
    assert found.suggested_questions_after_answer.enabled
    assert found.text_to_speech == models.TextToSpeech(
        enabled=True, voice="alloy", language="en-US", auto_play="disabled"
    )
    assert not found.annotation_reply.enabled
    assert found.file_upload.enabled
    assert found.file_upload.image is None
    assert found.file_upload.number_limits == 3
    assert found.system_parameters.workflow_file_upload_limit == 10


@pytest.mark.parametrize(
    ("name", "form"),
    [
        (
            "get_parameters_chat",
            [
                InputField(kind="text-input", variable="who", label="who", max_length=48, default="world"),
                InputField(
                    kind="select", variable="tone", label="tone", options=["formal", "casual"], default=""
                ),
            ],
        ),
        (
            "get_parameters_completion",
            [InputField(kind="paragraph", variable="query", label="Query", required=True, default="")],
        ),
    ],
)
def test_recorded_parameters_of_a_chat_have_both_kinds_of_upload(name: str, form: list[InputField]) -> None:
    found = decode_model(AppParameters, load(name).body)
    assert found.user_input_form == form
    assert found.file_upload.image is not None
    assert found.file_upload.image.enabled
    assert found.file_upload.allowed_file_types == ["image", "document"]
    assert found.text_to_speech.auto_play is None


def test_a_control_that_is_new_is_kept() -> None:
    (field,) = decoded(
        AppParameters, {"user_input_form": [{"hologram": {"variable": "h", "depth": 3}}]}
    ).user_input_form
    assert field == InputField(kind="hologram", variable="h")


def test_a_form_field_without_a_control_is_empty() -> None:
    assert decoded(AppParameters, {"user_input_form": [{}]}).user_input_form == [InputField()]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("get_info_agent", AppMode.AGENT_CHAT),
        ("get_info_chat", AppMode.CHAT),
        ("get_info_chatflow", AppMode.ADVANCED_CHAT),
        ("get_info_completion", AppMode.COMPLETION),
        ("get_info_wf_human", AppMode.WORKFLOW),
    ],
)
def test_recorded_info_has_the_mode_of_the_app(name: str, mode: AppMode) -> None:
    info = decode_model(AppInfo, load(name).body)
    assert info.mode is mode
    assert info.name == name.removeprefix("get_info_")
    assert (info.author_name, info.tags) == ("Admin", [])


def test_recorded_meta_has_the_icons_of_tools() -> None:
    icons = decode_model(AppMeta, load("get_meta_agent").body).tool_icons
    assert icons["current_time"].endswith("/tool-provider/builtin/time/icon")
    assert decode_model(AppMeta, load("get_meta_chatflow").body).tool_icons == {}


@pytest.mark.parametrize("recording", matching("get_site_"), ids=lambda recording: recording.name)
def test_recorded_site_is_read(recording: Any) -> None:
    site = decode_model(AppSite, recording.body)
    assert site.title == recording.name.removeprefix("get_site_")
    assert (site.icon_type, site.icon, site.icon_background) == ("emoji", "🤖", "#FFEAD5")
    assert site.default_language == "en-US"
    assert site.show_workflow_steps
    assert (site.icon_url, site.description, site.custom_disclaimer) == (None, None, "")


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("get_run_detail_run_basic", "succeeded", None),
        ("get_run_detail_run_disconnected", "succeeded", None),
        ("get_run_detail_with_files", "succeeded", None),
        ("get_run_detail_run_partial", "partial-succeeded", None),
        ("get_run_detail_run_fail", "failed", "Traceback"),
        ("get_run_detail_run_stopped", "stopped", "Aborted: User requested stop"),
        ("human_run_detail_paused", "paused", None),
        ("chaos_worker_down_run_detail", "running", None),
    ],
)
def test_recorded_runs_are_read(name: str, status: str, error: str | None) -> None:
    body = load(name).body
    run = decode_model(WorkflowRun, body)
    wire = json.loads(body)
    assert run.status == status
    assert run.status.known
    assert run.error == wire["error"]
    assert (run.error or "").startswith(error or "")
    assert isinstance(wire["inputs"], str)
    assert run.inputs == json.loads(wire["inputs"])
    assert run.inputs["sys.workflow_run_id"] == run.id == load(name).path.split("/")[-1]
    assert run.outputs == wire["outputs"]
    assert run.created_at is not None
    assert run.created_at.timestamp() == wire["created_at"]
    over = status not in {"paused", "running"}
    assert (run.finished_at is not None) is over
    assert (run.elapsed_time == 0.0) is not over
    assert run.raw == wire


@pytest.mark.parametrize("name", ["get_logs", "get_logs_end_user", "get_logs_status"])
def test_recorded_logs_are_read(name: str) -> None:
    body = load(name).body
    page = decode_model(Page[WorkflowLog], body)
    wire = json.loads(body)
    assert (page.page, page.limit, page.total, page.has_more) == tuple(
        wire[key] for key in ("page", "limit", "total", "has_more")
    )
    assert len(page.data) == len(wire["data"]) == page.limit
    for log, item in zip(page.data, wire["data"], strict=True):
        run = item["workflow_run"]
        assert log.workflow_run is not None
        assert (log.workflow_run.id, log.workflow_run.status) == (run["id"], run["status"])
        assert log.workflow_run.triggered_from == "app-run"
        assert log.workflow_run.exceptions_count == run["exceptions_count"]
        assert log.workflow_run.error == run["error"]
        assert (log.created_from, log.created_by_role) == ("service-api", "end_user")
        assert log.created_by_end_user is not None
        assert log.created_by_end_user.session_id == "rec-user"
        assert log.created_at is not None
        assert log.created_at.timestamp() == item["created_at"]


def test_recorded_stops_succeed() -> None:
    calls = [recording for recording in matching("wf_") if recording.path.endswith("/stop")]
    assert len(calls) == 5
    for call in calls:
        if call.status == 200:
            assert decode_model(Stopped, call.body).result == "success"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (AppInfo, b""),
        (AppInfo, b"<html></html>"),
        (AppInfo, b'{"name": "a'),
        (AppInfo, b"\xff"),
        (WorkflowRun, b"[" * 100_000),
    ],
)
def test_a_body_that_is_not_json_is_a_value_error(kind: type[Received], body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each parser has its own message
        decode_model(kind, body)


@pytest.mark.parametrize("body", [b"null", b"[]", b"7", b'"text"', b"true"])
def test_a_body_that_is_not_an_object_is_an_error(body: bytes) -> None:
    with pytest.raises(StructureError, match="the JSON must be an object, got "):
        decode_model(AppInfo, body)


# The received JSON


def test_an_object_that_was_not_received_has_no_raw() -> None:
    assert events.Message(answer="a").raw == {}
    assert WorkflowRun().raw == {}


def test_raw_is_not_compared_or_shown() -> None:
    event = event_of({"event": "message", "answer": "a", "new": "secret"})
    assert event == events.Message(answer="a")
    assert "secret" not in repr(event)


def test_changing_raw_changes_nothing() -> None:
    event = event_of({"event": "message", "answer": "a"})
    event.raw["answer"] = "b"
    assert event.raw == {"event": "message", "answer": "a"}


@pytest.mark.parametrize("event", recorded_events(), ids=lambda event: event.event)
def test_an_event_keeps_its_raw_when_pickled_and_copied(event: Event) -> None:
    for again in (pickle.loads(pickle.dumps(event)), copy.deepcopy(event), copy.copy(event)):
        assert type(again) is type(event)
        assert again == event
        assert again.raw == event.raw != {}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (AppInfo, "get_info_chatflow"),
        (AppMeta, "get_meta_agent"),
        (AppParameters, "get_parameters_wf_basic"),
        (AppSite, "get_site_chat"),
        (BlockingRun, "human_start_blocking"),
        (Stopped, "wf_stop_unknown_task"),
        (Page[WorkflowLog], "get_logs"),
        (WorkflowRun, "get_run_detail_with_files"),
    ],
)
def test_a_model_keeps_its_raw_when_pickled_and_copied(kind: type[Received], name: str) -> None:
    model = decode_model(kind, load(name).body)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again == model
        assert again.raw == model.raw == json.loads(load(name).body)


def test_events_with_unknown_enum_members_pickle() -> None:
    event = event_of(
        {"event": "workflow_finished", "data": {"status": "hibernating", "files": [{"type": "smell"}]}}
    )
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    assert again.data.status == "hibernating"
    assert again.data.files == [RunFile(type="smell")]


def test_agent_steps_have_the_fields_of_their_events() -> None:
    fields = {field.name for field in attrs.fields(AgentThought)}
    assert fields < {field.name for field in attrs.fields(events.AgentThought)}


@pytest.mark.parametrize("text", ["1_0", "infinity", "nan"])
def test_strings_that_only_python_accepts_as_numbers_are_none(text: str) -> None:
    assert decoded(WorkflowRun, {"elapsed_time": text}).elapsed_time is None
