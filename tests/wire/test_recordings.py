"""Recorded streams of a real server with any chunk boundaries, accumulated to results."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args, get_type_hints

import attrs
import pytest

from dify_async._wire.api_errors import error_from_event, error_from_response
from dify_async._wire.blocking import BlockingMessage, BlockingRun
from dify_async._wire.decoding.decode import decode_event, decode_model
from dify_async._wire.results import ChatAccumulator, CompletionAccumulator, WorkflowAccumulator, text_of
from dify_async._wire.run_errors import error_from_result
from dify_async._wire.sse import PING, EventParser
from dify_async.errors import RunFailed, RunPaused, RunStopped
from dify_async.events import (
    BY_NAME,
    AgentMessage,
    Event,
    HumanInputRequired,
    Message,
    UnknownEvent,
    WorkflowFinished,
    WorkflowStarted,
)
from dify_async.models import ChatResult, CompletionResult, RunStatus, Usage, WorkflowResult
from dify_async.models._base import WIRE_KEYS
from tests.support.api_errors import operation_named
from tests.support.recordings import Recording, large_stream, load, streams

FoldT = WorkflowAccumulator | ChatAccumulator | CompletionAccumulator

STREAMS = streams()
SMALL = 12 * 1024
"""Bytes of a body that is cut at each place; a larger one is cut at some hundred places."""

UNFINISHED = {
    "chaos_api_sigkill_chat_stream_nginx",
    "chaos_worker_down_streaming_run",
    "limited_first_chat_streaming",
    "reconnect_chatflow_1_disconnected",
    "reconnect_wf_1_disconnected",
}
"""Streams that end before their last event: the server was killed, or the client left."""

each_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)


def parsed(pieces: Iterable[bytes]) -> list[bytes]:
    parser = EventParser(64 * 2**20)
    found = [payload for piece in pieces for payload in parser.feed(piece)]
    return found + parser.close()


def singly(data: bytes) -> Iterable[bytes]:
    return (data[place : place + 1] for place in range(len(data)))


def decoded(stream: Recording) -> list[Event]:
    events = [decode_event(payload) for payload in parsed([stream.body])]
    return [event for event in events if event is not None]


def fold_for(stream: Recording) -> FoldT:
    if "completion-messages" in stream.path:
        return CompletionAccumulator()
    is_chat = "chat-messages" in stream.path or "chatflow" in stream.name
    return ChatAccumulator() if is_chat else WorkflowAccumulator()


def folded(name: str) -> FoldT:
    """Accumulate a recording up to its terminal event."""
    fold = fold_for(load(name))
    for event in decoded(load(name)):
        assert not fold.progress.over, f"{name} goes on after its last event with {event.event}"
        fold.add(event)
    return fold


# Cutting


def cuts_of(body: bytes) -> Iterable[tuple[bytes, ...]]:
    if len(body) <= SMALL:
        yield from ((body[:place], body[place:]) for place in range(len(body) + 1))
        return
    choose = random.Random(len(body))
    for _ in range(300):
        one, two = sorted(choose.choices(range(len(body) + 1), k=2))
        yield body[:one], body[one:two], body[two:]


@each_stream
def test_chunk_boundaries_do_not_change_the_events(stream: Recording) -> None:
    whole = parsed([stream.body])
    for pieces in cuts_of(stream.body):
        assert parsed(pieces) == whole, f"cut at {[len(piece) for piece in pieces]}"


@each_stream
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_rewritten_line_ends_do_not_change_the_events(stream: Recording, end: bytes) -> None:
    body = stream.body.replace(b"\n", end)
    whole = parsed([stream.body])
    assert parsed([body]) == whole
    assert parsed(singly(body)) == whole
    choose = random.Random(stream.name)
    for size in choose.sample(range(2, 5000), k=20):
        assert parsed(body[at : at + size] for at in range(0, len(body), size)) == whole, f"reads of {size}"


@each_stream
def test_events_in_streams_and_snapshots_are_equal(stream: Recording) -> None:
    whole = [decode_event(payload) for payload in parsed([stream.body])]
    choose = random.Random(stream.name)
    for _ in range(3):
        size = choose.randrange(1, 4096)
        pieces = [stream.body[at : at + size] for at in range(0, len(stream.body), size)]
        again = [decode_event(payload) for payload in parsed(pieces)]
        assert again == whole
        assert [event and event.raw for event in again] == [event and event.raw for event in whole]


# Decoding


@each_stream
def test_no_recorded_value_is_lost_or_unknown(stream: Recording) -> None:
    sent = re.findall(rb'(?m)^data: \{"event": ?"(\w+)"', stream.body)
    pings = re.findall(rb"(?m)^event: ping$", stream.body)
    payloads = parsed([stream.body])
    assert payloads.count(PING) == len(pings)
    assert len(payloads) == len(sent) + len(pings)
    events = decoded(stream)
    assert [event for event in events if isinstance(event, UnknownEvent)] == []
    assert [event.event for event in events] == [name.decode() for name in sent]


@each_stream
def test_the_raw_event_is_what_was_sent(stream: Recording) -> None:
    lines = [line for line in stream.body.split(b"\n") if line.startswith(b"data: ")]
    assert [event.raw for event in decoded(stream)] == [json.loads(line[6:]) for line in lines]


@each_stream
def test_no_known_field_is_passed_through_as_another_type(stream: Recording) -> None:
    # The recorded server is the one whose shapes the classes were written for, so times are times.
    for event in decoded(stream):
        for holder in (event, getattr(event, "data", None)):
            if attrs.has(type(holder)):
                for field in attrs.fields(type(holder)):
                    value = getattr(holder, field.name)
                    if field.name.endswith(("_at", "expiration_time")):
                        assert value is None or value.tzinfo is not None, f"{event.event}.{field.name}"


def undeclared(value: Any, kind: type, name: str) -> Iterator[str]:
    """Return the keys of a JSON object that its class does not read."""
    hints = get_type_hints(kind)
    fields = {
        key: field
        for field in attrs.fields(kind)
        if field.init
        for key in field.metadata.get(WIRE_KEYS, (field.name,))
    }
    for key, item in value.items():
        if key not in fields:
            yield f"{name}.{key}"
            continue
        for part in [hints[fields[key].name], *get_args(hints[fields[key].name])]:
            if attrs.has(part):
                items = item if isinstance(item, list) else [item]
                for inner in items:
                    yield from undeclared(inner, part, f"{name}.{key}") if inner is not None else ()


@each_stream
def test_each_recorded_field_is_declared(stream: Recording) -> None:
    found = {key for event in decoded(stream) for key in undeclared(event.raw, type(event), event.event)}
    found -= {f"{event}.event" for event in BY_NAME}
    # Marks a file in JSON; implied by the class.
    assert {key for key in found if not key.endswith(".files.dify_model_identity")} == set()


# Folding: the result of a stream is the answer in blocking mode

RUNS_IN_BOTH_MODES = [
    ("wf_basic_streaming", "wf_basic_blocking"),
    ("wf_basic_streaming", "wf_basic_default_mode"),
    ("wf_basic_streaming", "wf_basic_no_response_mode"),
    ("pywsgi_wf_basic_streaming", "pywsgi_wf_basic_blocking"),
    ("nginx_wf_basic_streaming", "pywsgi_wf_basic_blocking"),
    ("gzip_stream", "pywsgi_wf_basic_blocking"),
    ("nginx_wf_slow_ping", "wf_slow_blocking"),
    ("wf_fail_streaming", "wf_fail_blocking"),
    ("wf_iterloop_streaming", "wf_iterloop_blocking"),
    ("wf_llm_badrequest_streaming", "wf_llm_badrequest_blocking"),
    ("wf_llm_fail_streaming", "wf_llm_fail_blocking"),
    ("wf_llm_streaming", "wf_llm_blocking"),
    ("wf_partial_streaming", "wf_partial_blocking"),
]

CHATS_IN_BOTH_MODES = [
    ("chat_kb_streaming", "chat_kb_blocking"),
    ("chat_moderation_input_streaming", "chat_moderation_input_blocking"),
    ("chat_stall_ping", "chat_stall_blocking"),
    ("chatflow_human_start_streaming", "chatflow_human_start_blocking"),
    ("completion_streaming", "completion_blocking"),
    ("nginx_chat_streaming", "nginx_chat_blocking"),
    ("pywsgi_chat_streaming", "nginx_chat_blocking"),
]

REFUSED_IN_BOTH_MODES = [
    ("chat_badrequest_streaming", "chat_badrequest_blocking"),
    ("chat_midfail_streaming", "chat_midfail_blocking"),
    ("chat_ratelimit_streaming", "chat_ratelimit_blocking"),
]


@pytest.mark.parametrize(
    ("streamed", "blocking"), RUNS_IN_BOTH_MODES + CHATS_IN_BOTH_MODES + REFUSED_IN_BOTH_MODES
)
def test_the_compared_recordings_have_the_same_inputs(streamed: str, blocking: str) -> None:
    def question(recording: Recording) -> tuple[str, dict[str, Any]]:
        return recording.path, recording.request_body | {"response_mode": ""}

    assert question(load(streamed)) == question(load(blocking))
    assert load(streamed).is_stream
    assert not load(blocking).is_stream


def blocking_run(name: str) -> WorkflowResult:
    return decode_model(BlockingRun, load(name).body).result()


def without_clocks(value: Any) -> Any:
    """Remove values that differ between any two runs: seconds in a model's usage."""
    clocks = {"latency", "time_to_first_token", "time_to_generate"}
    if isinstance(value, dict):
        return {key: without_clocks(item) for key, item in value.items() if key not in clocks}
    return [without_clocks(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("streamed", "blocking"), RUNS_IN_BOTH_MODES)
def test_a_streamed_run_ends_as_the_blocking_one(streamed: str, blocking: str) -> None:
    one, two = folded(streamed).result(), blocking_run(blocking)
    assert isinstance(one, WorkflowResult)
    assert (one.status, one.error, one.total_tokens, one.total_steps, one.workflow_id) == (
        two.status,
        two.error,
        two.total_tokens,
        two.total_steps,
        two.workflow_id,
    )
    assert without_clocks(one.outputs) == without_clocks(two.outputs)
    assert one.outputs or one.status == RunStatus.FAILED
    for result in (one, two):
        assert result.task_id
        assert result.workflow_run_id
        assert result.created_at is not None
        assert result.finished_at is not None
        assert result.created_at <= result.finished_at
        assert result.elapsed_time > 0


@pytest.mark.parametrize(("streamed", "blocking"), CHATS_IN_BOTH_MODES)
def test_a_streamed_answer_is_the_blocking_one(streamed: str, blocking: str) -> None:
    result = folded(streamed).result()
    answer = json.loads(load(blocking).body)
    metadata = decode_model(BlockingMessage, load(blocking).body).metadata
    assert isinstance(result, CompletionResult)
    assert result.answer == answer["answer"] != ""
    assert result.metadata.retriever_resources == metadata.retriever_resources
    assert result.metadata.annotation_reply == metadata.annotation_reply
    assert result.message_id
    assert result.task_id
    assert result.created_at is not None
    assert isinstance(result, ChatResult) is ("conversation_id" in answer)
    if isinstance(result, ChatResult):
        assert result.conversation_id
    if result.usage is None:
        assert metadata.usage is None
    else:
        assert metadata.usage is not None
        same = [field.name for field in attrs.fields(Usage) if without_clocks({field.name: 0})]
        assert [getattr(result.usage, name) for name in same] == [
            getattr(metadata.usage, name) for name in same
        ]


@pytest.mark.parametrize(("streamed", "blocking"), REFUSED_IN_BOTH_MODES)
def test_an_error_in_a_stream_equals_that_of_blocking_mode(streamed: str, blocking: str) -> None:
    event = folded(streamed).progress.error
    assert event is not None
    answer = load(blocking)
    one = error_from_event(event)
    two = error_from_response(
        operation_named("POST /chat-messages"), answer.status, answer.headers, answer.body
    )
    assert (type(one), one.status, one.code, one.message) == (type(two), two.status, two.code, two.message)


def test_a_paused_run_equals_that_of_blocking_mode() -> None:
    # The two runs have different topics, forms and times.
    one, two = folded("human_start_streaming").result(), blocking_run("human_start_blocking")
    assert isinstance(one, WorkflowResult)
    assert one.status == two.status == RunStatus.PAUSED
    assert one.total_steps == two.total_steps
    assert one.outputs == two.outputs == {}
    assert one.error is two.error is None
    assert one.finished_at is two.finished_at is None
    assert one.paused is not None
    assert two.paused is not None
    assert one.paused.nodes == two.paused.nodes == ["human"]

    def shape(result: WorkflowResult) -> list[Any]:
        assert result.paused is not None
        own = {"form_id": "", "form_token": "", "form_content": "", "expiration_time": None}
        return [attrs.evolve(form, **own, resolved_default_values={}) for form in result.paused.forms]

    assert shape(one) == shape(two)
    assert [form.form_token for form in one.paused.forms] == ["7udfGHTaKdX6fWehOwoKfO"]
    assert [field.type for field in one.paused.forms[0].inputs] == ["paragraph", "select"]


def test_a_paused_chatflow_has_the_forms_of_blocking_mode() -> None:
    result = folded("chatflow_human_start_streaming").result()
    blocking = json.loads(load("chatflow_human_start_blocking").body)["data"]
    assert isinstance(result, ChatResult)
    assert result.run is not None
    assert result.run.status == blocking["status"] == RunStatus.PAUSED
    assert result.run.total_steps == blocking["total_steps"]
    assert result.paused is not None
    assert result.paused.nodes == blocking["paused_nodes"]
    (form,) = result.paused.forms
    (other,) = blocking["reasons"]
    assert form.form_id
    assert form.form_token
    assert form.form_content == other["form_content"]
    assert [attrs.asdict(action) for action in form.actions] == other["actions"]


# Folding: each kind of end

NO_USER_STOP = "Stopped by user."

ENDS = {
    "human_events_after_finish": ("succeeded", None),
    "human_events_before_submit": ("succeeded", None),
    "human_submit_then_listen_after_3s": ("succeeded", None),
    "human_submit_then_listen_at_once": ("succeeded", None),
    "reconnect_wf_3_events_snapshot": ("succeeded", None),
    "web_human_events": ("succeeded", None),
    "web_workflow_run_streaming": ("succeeded", None),
    "wf_basic_with_files_streaming": ("succeeded", None),
    "wf_if_streaming": ("succeeded", None),
    "wf_iter_parallel_llm_streaming": ("succeeded", None),
    "wf_llm_think_streaming": ("succeeded", None),
    "wf_slow_ping_streaming": ("succeeded", None),
    "wf_partial_streaming": ("partial-succeeded", None),
    "wf_fail_streaming": ("failed", RunFailed),
    "wf_http_500_streaming": ("failed", RunFailed),
    "wf_http_refused_streaming": ("failed", RunFailed),
    "wf_llm_badrequest_streaming": ("failed", RunFailed),
    "wf_llm_fail_streaming": ("failed", RunFailed),
    "wf_llm_stopped_other_user": ("stopped", RunStopped),
    "wf_llm_stopped_streaming": ("stopped", RunStopped),
    "wf_slow_stopped_streaming": ("stopped", RunStopped),
    "human_start_streaming": ("paused", RunPaused),
    "human_events_snapshot_before_submit": ("paused", RunPaused),
    "web_human_start_streaming": ("paused", RunPaused),
    "chatflow_streaming": ("succeeded", None),
    "reconnect_chatflow_2_events_plain": ("succeeded", None),
    "reconnect_chatflow_3_events_snapshot": ("succeeded", None),
    "chatflow_human_start_streaming": ("paused", RunPaused),
    "chatflow_human_events": ("paused", RunPaused),
}
"""How the run of a stream ended, and what `run()` or `send()` raises for it."""


@pytest.mark.parametrize(("name", "status", "error"), [(name, *end) for name, end in ENDS.items()])
def test_the_terminal_event_decides_whether_a_run_failed(
    name: str, status: str, error: type[RunFailed] | None
) -> None:
    fold = folded(name)
    result = fold.result()
    run = result.run if isinstance(result, ChatResult) else result
    assert isinstance(run, WorkflowResult)
    assert run.status == status
    assert fold.progress.over
    assert fold.progress.complete
    assert run.is_partial is (status == "partial-succeeded")
    assert (run.paused is not None) is (status == "paused")
    if error is None:
        assert error_from_result(result) is None
        return
    found = error_from_result(result, operation="POST /workflows/run", server_version="1.14.2")
    assert found is not None
    assert type(found) is error
    assert found.result is result
    assert str(found).endswith("(POST /workflows/run, Dify 1.14.2)")


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("wf_fail_streaming", "boom"),
        ("wf_http_500_streaming", "http"),
        ("wf_llm_fail_streaming", "llm"),
        ("wf_partial_streaming", None),
        ("wf_llm_stopped_streaming", None),
        ("wf_basic_streaming", None),
    ],
)
def test_the_node_that_failed_is_reported(name: str, node: str | None) -> None:
    assert folded(name).progress.failed_node == node


def test_the_message_of_a_failed_run_is_kept_and_shown() -> None:
    result = folded("wf_llm_badrequest_streaming").result()
    assert isinstance(result, WorkflowResult)
    assert result.error is not None
    assert result.error[:40] in str(error_from_result(result))


@pytest.mark.parametrize("name", [name for name, (status, _) in ENDS.items() if status == "stopped"])
def test_a_stopped_run_has_no_outputs(name: str) -> None:
    result = folded(name).result()
    assert isinstance(result, WorkflowResult)
    assert result.outputs == {}
    assert result.error == NO_USER_STOP


def test_a_run_that_partly_succeeded_counts_its_failures() -> None:
    result = folded("wf_partial_streaming").result()
    assert isinstance(result, WorkflowResult)
    assert result.error is None
    assert result.exceptions_count == 3  # Two retries and the failure that was caught.


def test_files_of_a_run_are_reported() -> None:
    result = folded("wf_basic_with_files_streaming").result()
    assert isinstance(result, WorkflowResult)
    assert [(file.type, file.transfer_method, file.filename, file.size) for file in result.files] == [
        ("image", "local_file", "图 片.png", 70),
        ("image", "local_file", "图 片.png", 70),
        ("document", "local_file", "note.txt", 13),
        ("image", "remote_url", "tiny.png", 70),
    ]
    assert [file.extension for file in result.files] == [".png", ".png", ".txt", ".png"]
    assert all(file.url is not None and file.url.startswith("http://") for file in result.files)


@pytest.mark.parametrize(
    "name",
    [
        "err_chatflow_missing_required_streaming",
        "err_wf_missing_required_input",
        "err_wf_missing_required_input_hang",
        "err_wf_stream_file_bad_ref",
        "err_wf_stream_select_bad_option",
    ],
)
def test_a_rejected_input_ends_the_stream_without_a_run(name: str) -> None:
    fold = folded(name)
    progress = fold.progress
    assert progress.over
    assert progress.error is not None
    assert progress.error.status == 500
    assert progress.error.code is None
    assert progress.error.message
    assert progress.task_id is progress.run_id is None
    if isinstance(fold, WorkflowAccumulator):
        result = fold.result()
        assert result.status == RunStatus.FAILED
        assert result.error == progress.error.message
        assert isinstance(error_from_result(result), RunFailed)


def test_an_answer_that_ended_with_an_error_keeps_its_text() -> None:
    fold = folded("chat_midfail_streaming")
    result = fold.result()
    assert isinstance(result, ChatResult)
    pieces = re.findall(rb'"answer":"([^"]*)"', load("chat_midfail_streaming").body)
    assert result.answer == b"".join(pieces).decode() != ""
    assert fold.progress.error is not None
    assert fold.progress.error.code == "completion_request_error"
    assert result.message_id == fold.progress.error.message_id
    assert result.conversation_id == fold.progress.error.conversation_id


@each_stream
def test_a_stream_is_complete_unless_it_was_cut(stream: Recording) -> None:
    progress = folded(stream.name).progress
    assert progress.complete is (stream.name not in UNFINISHED)
    assert progress.unusable_end is None


@pytest.mark.parametrize("name", sorted(UNFINISHED))
def test_the_result_of_a_stream_that_was_cut_is_kept(name: str) -> None:
    fold = folded(name)
    result = fold.result()
    events = decoded(load(name))
    assert not fold.progress.over
    assert fold.progress.task_id == (events[0].task_id if events else None)
    if isinstance(result, ChatResult):
        assert result.answer == "".join(text_of(event) for event in events)
    else:
        assert isinstance(result, WorkflowResult)
        assert result.status == RunStatus.RUNNING
    if any(isinstance(event, WorkflowStarted) for event in events):
        assert fold.progress.run_id


@pytest.mark.parametrize(
    "stream",
    [stream for stream in STREAMS if "-messages" in stream.path],
    ids=lambda stream: stream.name,
)
def test_the_answer_is_all_chunks_in_order(stream: Recording) -> None:
    result = folded(stream.name).result()
    assert isinstance(result, CompletionResult)
    pieces = [event for event in decoded(stream) if isinstance(event, (Message, AgentMessage))]
    assert result.answer == "".join(event.raw["answer"] for event in pieces)


def test_the_answer_of_a_snapshot_is_its_replacement() -> None:
    result = folded("chatflow_human_events").result()
    assert isinstance(result, ChatResult)
    assert result.answer == "before pause 暂停前 "


@pytest.mark.parametrize(
    "stream",
    [stream for stream in STREAMS if stream.name not in UNFINISHED],
    ids=lambda stream: stream.name,
)
def test_the_raw_result_is_the_event_that_ended_it(stream: Recording) -> None:
    ends = ["message_end", "workflow_finished", "workflow_paused", "error"]
    raw = {event.event: event.raw for event in decoded(stream) if event.event in ends}
    # With a message's end and a run's end, an answer is that of its message.
    best = min(raw, key=ends.index)
    assert folded(stream.name).result().raw == raw[best]


@pytest.mark.parametrize(
    ("name", "linger", "over"),
    [
        pytest.param("chat_streaming", 1.0, False, id="speech may follow"),
        pytest.param("agent_streaming", 1.0, False, id="agent"),
        pytest.param("completion_streaming", 1.0, False, id="completion"),
        pytest.param("chat_tts_autoplay_streaming", None, True, id="speech has ended"),
        pytest.param("chatflow_streaming", None, True, id="chatflow"),
        pytest.param("wf_basic_streaming", None, True, id="workflow"),
    ],
)
def test_end_of_a_stream(name: str, linger: float | None, over: bool) -> None:
    progress = folded(name).progress
    assert (progress.over, progress.linger, progress.complete) == (over, linger, True)


def test_the_steps_of_an_agent_have_their_last_state() -> None:
    result = folded("agent_streaming").result()
    assert isinstance(result, ChatResult)
    first, second = result.agent_thoughts
    assert (first.position, first.tool) == (1, "current_time")
    assert json.loads(first.tool_input)
    assert first.observation
    assert first.tool_labels["current_time"]
    assert (second.position, second.tool) == (2, "")
    assert second.thought == result.answer[-len(second.thought) :] != ""


def test_a_resumed_run_keeps_its_task_id() -> None:
    start, rest = load("human_start_streaming"), load("human_events_before_submit")
    (started,) = [event for event in decoded(start) if isinstance(event, WorkflowStarted)]
    (again,) = [event for event in decoded(rest) if isinstance(event, WorkflowStarted)]
    assert (started.data.reason, again.data.reason) == ("initial", "resumption")
    assert started.workflow_run_id == again.workflow_run_id
    assert started.task_id == again.task_id


def test_the_form_is_equal_in_both_events() -> None:
    events = decoded(load("human_start_streaming"))
    (form,) = [event.data for event in events if isinstance(event, HumanInputRequired)]
    result = folded("human_start_streaming").result()
    assert isinstance(result, WorkflowResult)
    assert result.paused is not None
    (reason,) = result.paused.forms
    same = ["form_id", "form_token", "node_id", "node_title", "form_content", "inputs", "actions"]
    assert [getattr(form, name) for name in same] == [getattr(reason, name) for name in same]
    assert form.expiration_time == reason.expiration_time is not None


@pytest.mark.parametrize("name", ["reconnect_wf_3_events_snapshot", "reconnect_chatflow_3_events_snapshot"])
def test_the_task_id_comes_from_a_live_event(name: str) -> None:
    (finished,) = [event for event in decoded(load(name)) if isinstance(event, WorkflowFinished)]
    assert finished.task_id != finished.workflow_run_id
    assert folded(name).progress.task_id == finished.task_id


# Large streams


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("wf_big_streaming_400k", lambda fold: len(fold.result().outputs["big"]) == 114_000),
        ("chat_huge_answer_streaming", lambda fold: len(fold.result().answer) == 120_000),
        ("wf_llm_many_tokens_streaming", lambda fold: fold.result().status == RunStatus.SUCCEEDED),
    ],
)
def test_large_recordings_are_read_completely(name: str, check: Callable[[Any], bool]) -> None:
    chunks = large_stream(name)
    body = b"".join(chunks)
    whole = parsed([body])
    assert parsed(chunks) == whole
    for size in (100, 4096, 65_536):
        for data in (body, body.replace(b"\n", b"\r\n")):
            assert parsed(data[at : at + size] for at in range(0, len(data), size)) == whole
    events = [event for event in map(decode_event, whole) if event is not None]
    assert len(events) == len(re.findall(rb'(?m)^data: \{"event"', body))
    assert not any(isinstance(event, UnknownEvent) for event in events)
    fold = ChatAccumulator() if name.startswith("chat") else WorkflowAccumulator()
    for event in events:
        fold.add(event)
    assert check(fold)
