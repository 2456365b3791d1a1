"""Results as fields of pydantic models, and as response models of a FastAPI application."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from decimal import Decimal
from typing import Annotated, Any

import attrs
import httpx
import pytest
from fastapi import Body, FastAPI
from pydantic import BaseModel, TypeAdapter, ValidationError

from dify_async import AppClient, Failure, Outcome, RunHandle, Success, errors, events, models
from dify_async.batch import Totals
from dify_async.events import ErrorEvent, WorkflowEvent
from dify_async.models import (
    ChatResult,
    Conversation,
    Page,
    RunFile,
    RunStatus,
    WorkflowResult,
    WorkflowRun,
)
from dify_async.testing import FakeDify, Workflow
from tests.support.decoding import recorded_events

CLASSES = sorted(
    {
        kind
        for module in (models, events)
        for name in dir(module)
        if inspect.isclass(kind := getattr(module, name)) and attrs.has(kind)
    },
    key=lambda kind: kind.__name__,
)

RESULT = WorkflowResult(
    workflow_run_id="r",
    status=RunStatus.SUCCEEDED,
    outputs={"n": 1},
    total_price=Decimal("0.00005"),
    files=[RunFile(filename="a")],
    handle=RunHandle(run_id="r", task_id="t", user="ada", kind="workflow"),
)


class Report(BaseModel):
    result: WorkflowResult
    answers: list[ChatResult] = []


def test_an_instance_is_kept() -> None:
    report = Report(result=RESULT)
    assert report.result is RESULT
    assert report.model_dump()["result"] is RESULT


def test_json_is_to_dict_and_a_dict_is_structured() -> None:
    report = Report(result=RESULT, answers=[ChatResult(answer="a", run=RESULT)])
    told = json.loads(report.model_dump_json())
    assert told["result"] == RESULT.to_dict()
    again = Report.model_validate_json(report.model_dump_json())
    assert again == report
    assert again.result.total_price == Decimal("0.00005")
    assert again.answers[0].run == RESULT


def test_a_wrong_value_is_reported_with_its_path() -> None:
    with pytest.raises(ValidationError) as caught:
        Report.model_validate({"result": {"files": [{"size": "big"}]}})
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("result", "files", 0, "size")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_has_its_schemas(kind: Any) -> None:
    adapter = TypeAdapter(kind)
    for mode in ("validation", "serialization"):
        assert adapter.json_schema(mode=mode)["title"] == kind.__name__


@pytest.mark.parametrize("event", recorded_events(), ids=lambda event: event.event)
def test_events_are_structured_by_their_names(event: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(WorkflowEvent | type(event))
    again = adapter.validate_json(adapter.dump_json(event))
    assert again == event
    assert type(again) is type(event)


def test_an_enum_accepts_unknown_values() -> None:
    report = Report.model_validate({"result": {"status": "on-fire"}})
    assert report.result.status == "on-fire"
    assert not report.result.status.known
    schema = TypeAdapter(RunStatus).json_schema()
    assert schema["type"] == "string"
    assert "partial-succeeded" in schema["examples"]


def test_a_page_has_the_type_of_its_entries() -> None:
    page = Page[Conversation](data=[Conversation(id="c")])
    adapter = TypeAdapter(Page[Conversation])
    assert adapter.validate_json(adapter.dump_json(page)) == page
    assert "Conversation" in adapter.json_schema()["$defs"]


@pytest.mark.parametrize(
    "error",
    [
        errors.RunFailed("failed: boom", result=RESULT, node_id="llm", operation="POST /workflows/run"),
        errors.RateLimited("429", status=429, code="too_many_requests", retry_after=2.0),
        errors.OutcomeUnknown("cut", may_have_started=True),
        errors.ConfigurationError("`x` must be y"),
        errors.TooLarge(5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_outcomes_are_structured(error: errors.DifyError) -> None:
    adapter: TypeAdapter[Outcome[WorkflowResult]] = TypeAdapter(Outcome[WorkflowResult])
    success = Success(index=0, key="0", row={"a": 1}, result=RESULT)
    assert adapter.validate_json(adapter.dump_json(success)) == success
    failure: Failure[WorkflowResult] = Failure(index=1, key="1", row={}, error=error, result=RESULT)
    again = adapter.validate_json(adapter.dump_json(failure))
    assert isinstance(again, Failure)
    assert type(again.error) is type(error)
    assert (str(again.error), again.result) == (str(error), RESULT)
    assert again.to_dict() == failure.to_dict()


def test_an_unknown_error_is_rejected() -> None:
    with pytest.raises(ValidationError, match="unknown error"):
        TypeAdapter(errors.DifyError).validate_python({"type": "SystemExit", "text": ""})


def test_totals_are_structured() -> None:
    adapter = TypeAdapter(Totals)
    totals = Totals(rows=2, price=Decimal("0.5"))
    assert adapter.validate_json(adapter.dump_json(totals)) == totals


def test_pydantic_is_not_imported() -> None:
    code = "import dify_async.models, dify_async.batch, sys; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# FastAPI


def application(client: AppClient) -> FastAPI:
    app = FastAPI()

    @app.post("/forecast")
    async def forecast(city: str) -> WorkflowResult:
        return await client.workflows.run({"city": city})

    @app.get("/runs/{run_id}")
    async def run(run_id: str) -> WorkflowRun:
        return await client.workflows.get(run_id)

    @app.post("/wait")
    async def wait(handle: Annotated[RunHandle, Body()]) -> Report:
        return Report(result=await client.workflows.wait(handle))

    @app.post("/unannotated")
    async def unannotated(city: str):  # type: ignore[no-untyped-def]
        return (await client.workflows.run({"city": city})).to_dict()

    return app


@pytest.fixture
async def web(client: AppClient, fake_dify: FakeDify) -> Any:
    fake_dify.workflow = Workflow(outputs=lambda inputs: {"forecast": f"sun in {inputs['city']}"})
    transport = httpx.ASGITransport(application(client))
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as web:
        yield web


async def test_a_result_is_a_fastapi_response(web: httpx.AsyncClient) -> None:
    answer = (await web.post("/forecast", params={"city": "Lisbon"})).json()
    assert answer["outputs"] == {"forecast": "sun in Lisbon"}
    assert answer["status"] == "succeeded"
    record = (await web.get(f"/runs/{answer['workflow_run_id']}")).json()
    assert record["outputs"] == answer["outputs"]
    waited = await web.post("/wait", json=answer["handle"])
    assert waited.json()["result"]["outputs"] == answer["outputs"]
    plain = (await web.post("/unannotated", params={"city": "Rome"})).json()
    assert plain["outputs"] == {"forecast": "sun in Rome"}


async def test_a_body_that_is_not_a_handle_is_rejected_by_fastapi(web: httpx.AsyncClient) -> None:
    answer = await web.post("/wait", json={"run_id": 5})
    assert answer.status_code == 422
    assert {tuple(problem["loc"]) for problem in answer.json()["detail"]} >= {
        ("body", "run_id"),
        ("body", "kind"),
    }


async def test_openapi_describes_the_response(web: httpx.AsyncClient) -> None:
    openapi = (await web.get("/openapi.json")).json()
    response = openapi["paths"]["/forecast"]["post"]["responses"]["200"]
    assert response["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/WorkflowResult"
    }
    described = openapi["components"]["schemas"]["WorkflowResult"]
    assert described["description"] == "The result of a workflow run."
    assert set(described["required"]) == RESULT.to_dict().keys() == described["properties"].keys()
    assert described["properties"]["created_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert described["properties"]["total_price"]["anyOf"][0]["type"] == "string"
    body = openapi["paths"]["/wait"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/RunHandle"}


def test_error_events_are_structured() -> None:
    adapter = TypeAdapter(ErrorEvent)
    event = ErrorEvent(status=400, code="invalid_param", message="m")
    assert adapter.validate_python(event.to_dict()) == event
