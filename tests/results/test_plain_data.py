"""Results, events and models as plain data: dicts, JSON, pickles, tables."""

from __future__ import annotations

import json
import math
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from kombu.utils import json as kombu_json

from dify_async import Failure, RunHandle, Success, errors, events
from dify_async._wire.decoding.decode import decode_event
from dify_async._wire.results import ChatAccumulator, WorkflowAccumulator
from dify_async._wire.sse import EventParser
from dify_async.batch import Totals
from dify_async.events import Event
from dify_async.models import (
    ChatResult,
    MessageMetadata,
    Pause,
    PauseReason,
    RunFile,
    RunStatus,
    Usage,
    WorkflowResult,
)
from tests.support.decoding import recorded_events
from tests.support.recordings import streams

RESULT = WorkflowResult(
    workflow_run_id="r",
    status=RunStatus.SUCCEEDED,
    outputs={"n": 2**70, "half": "\ud800", "bad": math.nan, "list": [1, {"x": None}]},
    total_price=Decimal("0.0000410"),
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    files=[RunFile(filename="a.png")],
    paused=Pause(nodes=["n"], reasons=[PauseReason(form_id="f")]),
    handle=RunHandle(run_id="r", task_id=None, user="ada", kind="workflow"),
)


def test_to_dict_has_json_values_and_nothing_private() -> None:
    told = RESULT.to_dict()
    assert told["status"] == "succeeded"
    assert type(told["status"]) is str
    assert told["total_price"] == "0.0000410"
    assert told["created_at"] == "2026-01-02T03:04:05+00:00"
    assert told["outputs"] == {"n": 2**70, "half": "\ud800", "bad": None, "list": [1, {"x": None}]}
    assert told["files"][0]["filename"] == "a.png"
    assert told["paused"]["reasons"][0]["form_id"] == "f"
    assert told["handle"] == {"run_id": "r", "task_id": None, "user": "ada", "kind": "workflow"}
    assert not any(name.startswith("_") for name in told)


def test_to_json_has_the_values_of_to_dict() -> None:
    assert json.loads(RESULT.to_json()) == RESULT.to_dict()
    short = WorkflowResult(outputs={"city": "里斯本"})
    assert "里斯本" in short.to_json()
    assert json.loads(short.to_json()) == short.to_dict()


def test_to_dict_does_not_share_values_with_the_object() -> None:
    result = WorkflowResult(outputs={"a": [1]})
    result.to_dict()["outputs"]["a"].append(2)
    assert result.outputs == {"a": [1]}


@pytest.mark.parametrize("event", recorded_events(), ids=lambda event: event.event)
def test_every_event_has_to_dict_and_pickles(event: Event) -> None:
    told = event.to_dict()
    assert told["event"] == event.event
    assert json.loads(json.dumps(told)) == told
    again = pickle.loads(pickle.dumps(event))
    assert again == event
    assert again.raw == event.raw


@pytest.mark.parametrize("recording", streams(), ids=lambda recording: recording.name)
def test_every_recorded_result_has_to_dict_and_pickles(recording: Any) -> None:
    accumulator: Any = WorkflowAccumulator() if "/workflows/" in recording.path else ChatAccumulator()
    for payload in EventParser(2**26).feed(recording.body):
        event = decode_event(payload)
        if event is not None:
            accumulator.add(event)
    result = accumulator.result()
    assert json.loads(result.to_json()) == result.to_dict()
    again = pickle.loads(pickle.dumps(result))
    assert (again, again.raw) == (result, result.raw)


def test_a_handle_is_read_from_its_json() -> None:
    handle = RESULT.handle
    assert handle is not None
    assert RunHandle.from_json(handle.to_json()) == handle
    assert handle.to_json() == '{"run_id":"r","task_id":null,"user":"ada","kind":"workflow"}'
    assert len({handle, RunHandle(**handle.to_dict())}) == 1


def test_celery_serializes_results_and_errors() -> None:
    task = {"result": RESULT, "chat": ChatResult(answer="a"), "error": errors.TooLarge(5)}
    told = json.loads(kombu_json.dumps(task))
    assert told["result"]["workflow_run_id"] == "r"
    assert told["chat"]["answer"] == "a"
    assert told["error"] == {
        "type": "TooLarge",
        "text": str(errors.TooLarge(5)),
        "operation": None,
        "server_version": None,
        "trace_id": None,
        "limit": 5,
    }


def test_every_run_id_is_called_run_id() -> None:
    assert RESULT.run_id == "r"
    assert ChatResult(run=RESULT).run_id == "r"
    assert ChatResult().run_id is None


# Text for people


def test_a_repr_starts_with_the_important_fields_and_is_short() -> None:
    large = WorkflowResult(status=RunStatus.FAILED, outputs={str(n): "x" * 1000 for n in range(1000)})
    assert repr(large).startswith("WorkflowResult(status='failed', outputs={")
    success = Success(index=3, key="k", row={"text": "y" * 5000}, result=large)
    failure: Failure[Any] = Failure(index=4, key="k", row={}, error=errors.TooLarge(5))
    assert repr(success).startswith("Success(status='failed', index=3")
    assert repr(failure).startswith("Failure(status='TooLarge', error=TooLarge(")
    for one in (large, success, failure):
        assert len(repr(one)) < 600


def test_a_notebook_shows_a_table() -> None:
    result = WorkflowResult(status=RunStatus.SUCCEEDED, outputs={"<b>": "<script>", "n": [1]}, total_tokens=7)
    html = result._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
    assert "[1]" in html
    assert ">7<" in html
    usage = Usage(total_tokens=5, total_price=Decimal("0.1"))
    answer = ChatResult(answer="half \ud800", metadata=MessageMetadata(usage=usage))._repr_html_()
    assert answer.encode()
    assert ">5<" in answer
    totals = Totals()
    totals.add(Success(index=0, key="0", row={}, result=result))
    assert "succeeded" in totals._repr_html_()
    told = totals.to_dict()
    assert (told["rows"], told["ok"], told["tokens"], told["price"]) == (1, 1, 7, "0")
    assert told["statuses"] == {"succeeded": 1}


def test_a_table_cuts_long_values() -> None:
    html = WorkflowResult(outputs={"a": "x" * 10**6})._repr_html_()
    assert len(html) < 5000


def test_events_of_a_kind_have_their_fields() -> None:
    chunk = events.TextChunk(task_id="t", data=events.TextChunkData(text="a"))
    assert chunk.to_dict() == {
        "event": "text_chunk",
        "task_id": "t",
        "workflow_run_id": None,
        "data": {"text": "a", "from_variable_selector": []},
    }
