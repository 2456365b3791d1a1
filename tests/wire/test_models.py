"""Features of all models: comparison, repr, pickling, and lazy imports."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest

from dify_async import errors, events, models
from dify_async._types import Json
from dify_async._wire.decoding.decode import decode_event
from dify_async.models import ChatResult, NodeStatus, RunHandle, RunStatus, Usage, WorkflowResult, WorkflowRun

RESULT = WorkflowResult(
    status=RunStatus.SUCCEEDED, outputs={"answer": "yes"}, elapsed_time=1.5, total_price=Decimal("0.1")
)


def test_models_are_equal_by_their_fields() -> None:
    assert Usage(total_tokens=1) == Usage(total_tokens=1)
    assert Usage(total_tokens=1) != Usage(total_tokens=2)
    assert Usage() != models.Feedback()
    assert Usage() != "Usage()"
    assert events.LoopNextData() != events.IterationNextData()
    assert models.RunFile(id="a") != models.MessageFile(id="a")


def test_some_fields_do_not_count() -> None:
    handle = RunHandle(run_id="r", task_id=None, user="ada", kind="workflow")
    assert attrs.evolve(RESULT, total_price=None, handle=handle) == RESULT
    assert attrs.evolve(RESULT, outputs={}) != RESULT


@pytest.mark.parametrize("model", [RESULT, Usage(), events.Message(), models.Page[Usage]()], ids=str)
def test_models_are_not_hashable(model: object) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(model)


def test_handles_are_hashable_and_results_frozen() -> None:
    handle = RunHandle(run_id="r", task_id="t", user="ada", kind="chat")
    assert {handle} == {RunHandle.from_json(handle.to_json())}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RESULT.outputs = {}  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"r"',
        b"\xff",
        "[" * 100_000,
        '{"run_id": "r"}',
        '{"run_id": 5, "task_id": null, "user": null, "kind": "chat"}',
        '{"run_id": "r", "task_id": [], "user": null, "kind": "chat"}',
        '{"run_id": "r", "task_id": null, "user": null, "kind": "message"}',
        '{"run_id": "r", "task_id": null, "user": null, "kind": []}',
        '{"run_id": "r", "task_id": null, "user": null, "kind": "chat", "more": 1}',
    ],
)
def test_other_strings_are_not_handles(text: str | bytes) -> None:
    with pytest.raises(errors.ConfigurationError, match="a run handle must be JSON"):
        RunHandle.from_json(text)


def test_a_handle_with_any_text_is_json() -> None:
    handle = RunHandle(run_id="half \ud83d", task_id=None, user="你好", kind="workflow")
    assert RunHandle.from_json(handle.to_json()) == RunHandle.from_dict(handle.to_dict()) == handle


@pytest.mark.parametrize(
    "fields", [None, [], "r", {}, {"run_id": 5, "task_id": None, "user": None, "kind": "chat"}]
)
def test_other_values_are_not_handles(fields: Json) -> None:
    with pytest.raises(errors.ConfigurationError, match="a run handle must be a dict"):
        RunHandle.from_dict(fields)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        (Usage(), "Usage()"),
        (Usage(total_tokens=5, total_price=Decimal("0.1")), "Usage(total_tokens=5, total_price=Decimal('0.1'))"),
        (WorkflowResult(), "WorkflowResult(status='running', outputs={})"),
        (RESULT, ("WorkflowResult(status='succeeded', outputs={'answer': 'yes'}, elapsed_time=1.5, "
         "total_price=Decimal('0.1'))")),
        (ChatResult(conversation_id="c", answer="Hi"), "ChatResult(answer='Hi', conversation_id='c')"),
        (WorkflowRun(created_at=datetime(2026, 1, 2, tzinfo=UTC)),
         "WorkflowRun(status='running', outputs={}, created_at=2026-01-02T00:00:00+00:00)"),
        (events.TextChunk(data=events.TextChunkData(text="hi")), "TextChunk(data=TextChunkData(text='hi'))"),
        (events.NodeFinishedData(title="T", node_type="llm", status=NodeStatus.FAILED),
         "NodeFinishedData(title='T', node_type='llm', status='failed')"),
        (models.Passport(access_token="secret"), "Passport()"),
    ],
)  # fmt: skip
def test_a_repr_shows_what_differs_from_the_defaults(model: object, shown: str) -> None:
    assert repr(model) == shown


def test_a_repr_is_short() -> None:
    outputs = {str(number): "x" * 10_000 for number in range(1000)}
    result = attrs.evolve(RESULT, outputs=outputs, error="y" * 10_000, workflow_run_id="r" * 10_000)
    assert repr(result).startswith("WorkflowResult(status='succeeded', outputs={")
    assert len(repr(result)) < 600
    assert len(repr(models.Page(data=[result] * 1000))) < 700


@pytest.mark.parametrize("model", [RESULT, ChatResult(run=RESULT), events.MessageEnd(id="m")], ids=str)
def test_models_pickle_and_copy(model: object) -> None:
    assert pickle.loads(pickle.dumps(model)) == model
    assert copy.deepcopy(model) == model


def test_a_run_status_has_is_success() -> None:
    good = {status for status in RunStatus if status.is_success}
    assert good == {RunStatus.SUCCEEDED, RunStatus.PARTIAL_SUCCEEDED}
    assert not RunStatus("brand-new").is_success


@pytest.mark.parametrize("name", ["datasource_processing", "datasource_completed", "datasource_error"])
def test_events_of_data_sources_are_decoded(name: str) -> None:
    event = decode_event(
        b'{"event":"%b","total":2,"completed":1,"error":"e","data":[{"a":1}]}' % name.encode()
    )
    assert type(event) is events.BY_NAME[name]
    assert isinstance(event, events.DatasourceEvent)  # type: ignore[arg-type, misc]


def test_models_of_the_web_api_are_imported_at_their_first_use() -> None:
    program = (
        "import sys; from dify_async import models; models.RunStatus; "
        "assert 'dify_async.models.auth' not in sys.modules; "
        "from dify_async.models import Login, License; assert models.Login is Login; "
        "assert 'dify_async.models.auth' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_that_no_model_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Lgoin'"):
        _ = models.Lgoin  # type: ignore[attr-defined]
