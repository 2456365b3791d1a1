"""Runs and errors of Dify 1.15 and 1.16; streams with the id of another run, or an invalid id."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from dify_async import errors, events
from dify_async._wire.api_errors import error_from_event, error_from_response
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import ChatAccumulator, Progress, WorkflowAccumulator, is_run_id
from dify_async._wire.run_errors import error_from_result
from dify_async._wire.sse import EventParser
from dify_async.events import ErrorEvent, Event
from dify_async.models import RunStatus, WorkflowResult
from tests.support.api_errors import operation_named
from tests.support.recordings import load, streams

REJECTED = "116_wf_missing_required_streaming"
RUN, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def events_of(body: bytes) -> list[Event]:
    decoded = map(decode_event, EventParser(2**26).feed(body))
    return [event for event in decoded if event is not None]


def accumulated(found: list[Event], accumulator: Any = None) -> Any:
    accumulator = accumulator or WorkflowAccumulator()
    for event in found:
        accumulator.add(event)
    return accumulator


def event(name: str, run_id: Any = RUN, data: dict[str, Any] | None = None, **more: Any) -> Event:
    value = {"event": name, "task_id": "t", "workflow_run_id": run_id, "data": {"id": run_id, **(data or {})}}
    found = decode_event(json.dumps({**value, **more}).encode())
    assert found is not None
    return found


def finished(run_id: Any = RUN, **data: Any) -> Event:
    return event("workflow_finished", run_id, {"status": "succeeded", "outputs": {"a": 1}, **data})


# Rejected runs


@pytest.mark.parametrize("kind", [WorkflowAccumulator, ChatAccumulator])
def test_a_run_that_ends_before_it_starts_is_rejected(kind: Any) -> None:
    accumulator = accumulated(events_of(load(REJECTED).body), kind())
    assert accumulator.progress.over
    error = error_from_result(accumulator.result())
    assert type(error) is errors.RunRejected
    assert str(error) == "the run was rejected: name is required in input form"


def test_each_recorded_failure_is_not_a_rejection() -> None:
    found = {}
    for stream in streams():
        result = accumulated(events_of(stream.body)).result()
        if result.workflow_run_id is not None and result.status == RunStatus.FAILED:
            found[stream.name] = result.rejected
    assert found.pop(REJECTED)
    assert len(found) >= 5
    assert not any(found.values())


@pytest.mark.parametrize(
    "change",
    [
        {"total_steps": 1},
        {"elapsed_time": 0.01},
        {"created_by": {"id": "u", "user": "ada"}},
        {"outputs": {"a": 1}},
        {"status": "stopped"},
        {"status": "succeeded"},
    ],
)
def test_a_single_field_of_a_real_run_is_enough(change: dict[str, Any]) -> None:
    rejection = {"status": "failed", "outputs": None, "error": "e", "created_by": {}}
    started = event("workflow_started", task_id=RUN)
    assert accumulated([started, finished(**rejection)]).result().rejected
    assert not accumulated([started, finished(**(rejection | change))]).result().rejected
    assert not accumulated([event("workflow_started"), finished(**rejection)]).result().rejected
    node = event("node_started", data={"id": "n"})
    assert not accumulated([started, node, finished(**rejection)]).result().rejected


def test_an_error_without_a_code_before_the_run_is_a_rejection() -> None:
    result = accumulated([ErrorEvent(message="name is required")]).result()
    assert result.rejected
    assert type(error_from_result(result)) is errors.RunRejected
    assert not accumulated([ErrorEvent(message="m", code="c")]).result().rejected
    assert not accumulated([event("workflow_started"), ErrorEvent(message="m")]).result().rejected


# The limit of a model's provider


def test_the_rate_limit_of_a_provider_is_not_a_quota_error() -> None:
    (found,) = events_of(load("116_chat_ratelimit_streaming").body)
    assert isinstance(found, ErrorEvent)
    error = error_from_event(found)
    assert type(error) is errors.RateLimited
    assert (error.status, error.code) == (429, "rate_limit_error")
    assert "the model's provider limits its requests" in str(error)
    assert "max_concurrent" not in str(error)
    body = json.dumps({"code": "rate_limit_error", "message": "m"}).encode()
    assert type(error_from_response(operation_named("POST /x"), 429, {}, body)) is errors.QuotaExceeded


# Pages of Dify itself


@pytest.mark.parametrize(("name", "says_id"), [("GET /", False), ("GET /x/{run_id}", True)])
@pytest.mark.parametrize("recent", [True, False])
def test_an_html_page_of_dify_does_not_blame_base_url(name: str, recent: bool, says_id: bool) -> None:
    answer = load("116_root_404")
    found = error_from_response(
        operation_named(name, recent=recent), 404, {"X-Version": "1.16.1"}, answer.body
    )
    assert isinstance(found, errors.NotFound)
    assert isinstance(found, errors.NotSupportedByServer) is recent
    assert "base_url" not in str(found)
    assert "does not have the operation" in str(found)
    assert ("not a UUID" in str(found)) is says_id


# Reasoning


def test_reasoning_events_are_typed() -> None:
    chunks = [
        one
        for one in events_of(load("116_wf_reasoning_streaming").body)
        if isinstance(one, events.ReasoningChunk)
    ]
    assert "".join(chunk.data.reasoning for chunk in chunks)
    assert chunks[-1].data.is_final


def test_the_reasoning_of_a_message_is_a_field() -> None:
    end = decode_event(b'{"event":"message_end","metadata":{"reasoning":{"llm":"let me think"}}}')
    assert isinstance(end, events.MessageEnd)
    assert end.metadata.reasoning == {"llm": "let me think"}


# Other runs, and ids that are none


@pytest.mark.parametrize("kind", [WorkflowAccumulator, ChatAccumulator])
def test_the_outputs_of_another_run_are_ignored(kind: Any) -> None:
    accumulator = accumulated([event("workflow_started"), finished(OTHER)], kind())
    progress = accumulator.progress
    assert progress.over
    assert (progress.run_id, progress.foreign_run) == (RUN, OTHER)
    assert progress.unusable_end.problem == f"it belongs to another run: {OTHER}"
    result = accumulator.result()
    run = result if isinstance(result, WorkflowResult) else result.run
    assert (run.status, run.outputs, run.workflow_run_id) == ("running", {}, RUN)


@pytest.mark.parametrize(
    "other",
    [
        event("workflow_started", OTHER),
        event("workflow_paused", OTHER),
        finished(OTHER),
        finished(RUN, id=OTHER),
        event("workflow_finished", None, {"id": OTHER, "status": "succeeded"}),
    ],
)
def test_the_known_run_id_is_compared_with_that_of_each_event(other: Event) -> None:
    accumulator = accumulated([other], WorkflowAccumulator(Progress(run_id=RUN)))
    assert accumulator.progress.foreign_run == OTHER
    assert accumulator.result().outputs == {}


@pytest.mark.parametrize("run_id", ["", " ", ".", "..", "\ud800", None, 5, 0, True, 1.5])
def test_an_id_that_cannot_be_requested_is_not_taken(run_id: Any) -> None:
    accumulator = accumulated([event("workflow_started", run_id)])
    assert accumulator.progress.run_id is None
    accumulator.add(finished())
    assert accumulator.result().outputs == {"a": 1}


@pytest.mark.parametrize("text", ["", " ", ".", "..", "\ud800", None])
def test_invalid_strings_are_not_run_ids(text: str | None) -> None:
    assert not is_run_id(text)


@pytest.mark.parametrize("run_id", ["r", RUN, "../x", "a/b", "a\r\nX: y"])
def test_other_ids_are_quoted_in_paths(run_id: str) -> None:
    assert is_run_id(run_id)


def test_a_rejected_result_pickles() -> None:
    result = accumulated(events_of(load(REJECTED).body)).result()
    assert pickle.loads(pickle.dumps(result)) == result
