"""Spans and metrics of clients, read from the in-memory exporters of the SDK."""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from dify_async import AppClient, Retry, errors, sync
from dify_async.models import Usage
from dify_async.otel import DifyInstrumentor, DifyObserver
from dify_async.testing import Chat, Cut, FakeDify, Node, Refuse, Workflow
from tests.support import recordings
from tests.support.clients import app_client
from tests.support.families import FAMILIES
from tests.support.faults import GONE
from tests.support.processes import running
from tests.support.tracing import Telemetry, events_of

RUN = "POST /workflows/run"
SLOW = Workflow(nodes=[Node("Start", type="start"), Node("Wait", seconds=60)])
STOP = "POST /workflows/tasks/{task_id}/stop"


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def run_in(family: str, server: FakeDify, telemetry: Telemetry, **settings: Any) -> Any:
    """Run the workflow inside a span of the caller."""
    settings = {"api_key": server.api_key, "observer": telemetry.observer(), **settings}
    with telemetry.tracers.get_tracer("mine").start_as_current_span("mine"):
        return FAMILIES[family](("app", "workflow"), server.base_url, **settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_contains_its_request_and_its_nodes(
    family: str, fake_dify: FakeDify, telemetry: Telemetry
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("Start", type="start"), Node("Write", type="llm", text=["a"], tokens=7)]
    )
    run_in(family, fake_dify, telemetry)
    assert telemetry.tree() == {"mine": {"invoke_workflow": {RUN: {}, "start Start": {}, "llm Write": {}}}}
    (played,) = fake_dify.runs.values()
    run = telemetry.span("invoke_workflow").attributes or {}
    assert run["dify.run.id"] == played.id
    assert run["dify.task.id"] == played.task_id
    assert run["dify.run.outcome"] == "succeeded"
    assert run["dify.usage.total_tokens"] == 7
    assert run["gen_ai.operation.name"] == "invoke_workflow"
    assert run["server.address"] == "127.0.0.1"
    assert isinstance(run["gen_ai.response.time_to_first_chunk"], float)
    node = telemetry.span("llm Write").attributes or {}
    assert (node["dify.node.status"], node["dify.usage.total_tokens"]) == ("succeeded", 7)
    assert node["gen_ai.operation.name"] == "chat"
    call = telemetry.span(RUN).attributes or {}
    assert (call["http.response.status_code"], call["http.request.method"]) == (200, "POST")


async def test_nodes_are_nested_in_iterations_and_loops(
    client: AppClient, fake_dify: FakeDify, telemetry: Telemetry
) -> None:
    fake_dify.replay(recordings.FOLDER / "wf_iterloop_streaming.json")
    async with app_client(fake_dify, observer=telemetry.observer()) as observed:
        await observed.workflows.run({})
    assert telemetry.tree() == {
        "invoke_workflow": {
            RUN: {},
            "start Start": {},
            "code Code gen": {},
            "iteration Iteration": {
                "code Code inner": {},
                "code Code inner #2": {},
                "code Code inner #3": {},
            },
            "loop Loop": {"assigner Assign": {}, "assigner Assign #2": {}},
            "end End": {},
        }
    }
    rounds = [(span.attributes or {}).get("dify.iteration.index") for span in telemetry.spans]
    assert [number for number in rounds if number is not None] == [0, 1, 2]


async def test_the_model_of_a_node_is_reported(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.replay(recordings.FOLDER / "wf_llm_streaming.json")
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.workflows.run({})
    (node,) = (span for span in telemetry.spans if span.name.startswith("llm "))
    attributes = node.attributes or {}
    assert attributes["gen_ai.request.model"] == "fake-llm"
    assert attributes["gen_ai.usage.output_tokens"] == 19
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


async def test_the_span_of_a_node_has_its_attempts(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", retries=2)])
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.workflows.run({})
    attempts = {"attempt 1": {}, "attempt 2": {}, "attempt 3": {}}
    assert telemetry.tree()["invoke_workflow"]["code Ask"] == attempts
    statuses = [telemetry.span(name).status.status_code for name in attempts]
    assert statuses == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]


@pytest.mark.parametrize("family", FAMILIES)
def test_interruption_and_recovery_are_events(family: str, fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["a"]), Node("Two", seconds=0.1)])
    fake_dify.faults.append(Cut(after_events=2))
    run_in(family, fake_dify, telemetry)
    run = telemetry.span("invoke_workflow")
    assert events_of(run) == ["dify.run.interrupted", "dify.run.recovered"]
    assert list(telemetry.tree()["mine"]["invoke_workflow"]) == [
        RUN,
        "code One",
        "GET /workflow/{workflow_run_id}/events",
        "code Two",
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_failed_run_is_an_error(family: str, fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Boom", error="boom")])
    with pytest.raises(errors.RunFailed):
        run_in(family, fake_dify, telemetry)
    for name in ("invoke_workflow", "code Boom"):
        status = telemetry.span(name).status
        assert (status.status_code, status.description) == (StatusCode.ERROR, "boom")


@pytest.mark.parametrize("family", FAMILIES)
def test_spans_end_with_an_error_of_the_stream(
    family: str, fake_dify: FakeDify, telemetry: Telemetry
) -> None:
    nodes = [Node("Start", type="start"), Node("Wait", text=["a", "b"], seconds=0.2)]
    fake_dify.workflow = Workflow(nodes=nodes)
    fake_dify.faults += [Cut(after_events=4), GONE]
    with pytest.raises(errors.StreamInterrupted):
        run_in(family, fake_dify, telemetry)
    run = telemetry.span("invoke_workflow")
    assert run.status.status_code is StatusCode.ERROR
    assert (run.attributes or {})["error.type"] == "StreamInterrupted"
    assert (telemetry.span("code Wait").attributes or {})["dify.node.is_unfinished"] is True


async def test_spans_end_with_a_cancelled_task(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = SLOW
    started = asyncio.Event()
    async with app_client(fake_dify, observer=telemetry.observer()) as client:

        async def read() -> None:
            async with client.workflows.stream({}) as run:
                async for event in run:
                    if event.event == "node_started" and event.data.title == "Wait":
                        started.set()

        task = asyncio.create_task(read())
        await asyncio.wait([asyncio.create_task(started.wait()), task], return_when="FIRST_COMPLETED")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    run = telemetry.span("invoke_workflow")
    attributes = run.attributes or {}
    assert (attributes["dify.run.outcome"], attributes["error.type"]) == ("stopped", "CancelledError")
    assert run.status.status_code is StatusCode.UNSET
    assert list(telemetry.tree()["invoke_workflow"]) == [RUN, "start Start", "code Wait", STOP]


@pytest.mark.parametrize("family", FAMILIES)
def test_spans_end_with_an_early_exit(family: str, fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = SLOW
    settings: dict[str, Any] = {"api_key": fake_dify.api_key, "base_url": fake_dify.base_url, "user": "ada"}
    settings["observer"] = telemetry.observer()
    if family == "blocking":
        with sync.AppClient(**settings) as client, client.workflows.stream({}) as run:
            next(iter(run))
    else:

        async def leave() -> None:
            async with AppClient(**settings) as client, client.workflows.stream({}) as run:
                async for _ in run:
                    break

        asyncio.run(leave())
    assert events_of(telemetry.span("invoke_workflow")) == ["dify.run.stopped"]
    assert STOP in telemetry.tree()["invoke_workflow"]


async def test_a_dropped_stream_ends_its_span(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Wait", seconds=0.2)])
    async with app_client(fake_dify, observer=telemetry.observer(), on_abandon="detach") as client:
        stream = client.workflows.stream({})
        await stream.__aenter__()
    del stream
    gc.collect()
    assert telemetry.span("invoke_workflow").end_time is not None
    (in_flight,) = telemetry.metrics()["dify.client.runs.in_flight"]
    assert in_flight[1] == 0


PROGRAM = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from dify_async.otel import DifyObserver
from dify_async.sync import AppClient

class Prints(SpanExporter):
    def export(self, spans):
        for span in spans:
            print(span.name, flush=True)
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Prints()))
trace.set_tracer_provider(provider)
client = AppClient(user="ada", observer=DifyObserver(), on_abandon="detach")
run = client.workflows.stream({}).__enter__()
for event in run:
    if event.event == "node_started" and event.data.title == "Wait":
        break
"""


def test_spans_end_with_the_process(fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    environment = {"DIFY_API_KEY": fake_dify.api_key, "DIFY_BASE_URL": fake_dify.base_url}
    with running([sys.executable, "-c", PROGRAM], environment) as process:
        printed, complaints = process.communicate(timeout=60)
    assert sorted(printed.split("\n")) == ["", RUN, "code Wait", "invoke_workflow", "start Start"]
    assert complaints == ""


async def test_trace_headers_name_the_span(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.app.info()
        await client.workflows.run({})
        await client.workflows.run({}, trace_id="mine")
    info, first, second = fake_dify.requests
    spans = [span for span in telemetry.spans if span.name.startswith(("GET", "POST"))]
    for request, span in zip((info, first, second), spans, strict=True):
        context = span.context
        assert request.headers["traceparent"][:-2] == f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert "X-Trace-Id" not in info.headers
    assert first.headers["X-Trace-Id"] == f"{spans[1].context.trace_id:032x}"
    assert second.headers["X-Trace-Id"] == "mine"


async def test_headers_can_be_turned_off(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    async with app_client(fake_dify, observer=telemetry.observer(propagate=False)) as client:
        await client.workflows.run({})
    assert not {"traceparent", "x-trace-id"} & {name.lower() for name in fake_dify.requests[0].headers}


@pytest.mark.parametrize("captures", [False, True])
async def test_content_is_recorded_only_if_enabled(
    fake_dify: FakeDify, telemetry: Telemetry, captures: bool
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("Write", type="llm", text=["diagnosis"], outputs={"text": "diagnosis"})],
        outputs=lambda inputs: inputs,
    )
    async with app_client(fake_dify, observer=telemetry.observer(capture_content=captures)) as client:
        await client.workflows.run({"query": "diagnosis"}, user="eve")
        fake_dify.app = Chat(answer="diagnosis")
        await client.chat.send("diagnosis", user="eve")
    everything = "".join(span.to_json() for span in telemetry.spans)
    assert everything.count("diagnosis") == (0 if not captures else 3)
    assert ("eve" in everything.replace("event", "")) is captures


async def test_retries_are_events_and_counted(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info", times=2))
    async with app_client(
        fake_dify, observer=telemetry.observer(), retry=Retry(attempts=3, base=0.01)
    ) as client:
        await client.app.info()
    span = telemetry.span("GET /info")
    assert events_of(span) == ["dify.attempt.failed"] * 2
    assert (span.attributes or {})["http.request.resend_count"] == 2
    ((attributes, count),) = telemetry.metrics()["dify.client.retries"]
    assert (attributes["dify.operation"], attributes["error.type"], count) == ("GET /info", "ServerError", 2)


async def test_runs_are_measured(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    usage = Usage(prompt_tokens=3, completion_tokens=4)
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.workflows.run({})
        fake_dify.workflow = Workflow(nodes=[Node("Boom", error="boom")])
        with pytest.raises(errors.RunFailed):
            await client.workflows.run({})
        fake_dify.app = Chat(answer="Hello", usage=usage)
        async with client.chat.stream("hi") as run:
            (in_flight,) = [
                value
                for attributes, value in telemetry.metrics()["dify.client.runs.in_flight"]
                if attributes["gen_ai.operation.name"] == "chat"
            ]
            assert in_flight == 1
            await run.result()
    found = telemetry.metrics()
    outcomes = {
        (attributes["gen_ai.operation.name"], attributes["dify.run.outcome"]): value
        for attributes, value in found["dify.client.runs"]
    }
    assert outcomes == {
        ("invoke_workflow", "succeeded"): 1,
        ("invoke_workflow", "failed"): 1,
        ("chat", "succeeded"): 1,
    }
    assert all(value == 0 for _, value in found["dify.client.runs.in_flight"])
    assert all(value > 0 for _, value in found["dify.client.run.duration"])
    tokens = {attributes["gen_ai.operation.name"]: value for attributes, value in found["dify.client.tokens"]}
    assert tokens == {"invoke_workflow": 7, "chat": 7}
    split = {
        attributes["gen_ai.token.type"]: value for attributes, value in found["gen_ai.client.token.usage"]
    }
    assert split == {"input": 3, "output": 4}


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_contain_their_runs(family: str, fake_dify: FakeDify, telemetry: Telemetry) -> None:
    settings: dict[str, Any] = {"api_key": fake_dify.api_key, "base_url": fake_dify.base_url, "user": "ada"}
    settings["observer"] = telemetry.observer()
    with telemetry.tracers.get_tracer("mine").start_as_current_span("mine"):
        if family == "blocking":
            with (
                sync.AppClient(**settings) as client,
                client.workflows.run_many([{}, {}], check_inputs=False) as batch,
            ):
                batch.all()
        else:

            async def main() -> None:
                async with (
                    AppClient(**settings) as client,
                    client.workflows.run_many([{}, {}], check_inputs=False) as batch,
                ):
                    await batch.all()

            asyncio.run(main())
    rows = telemetry.tree()["mine"]
    assert list(rows) == ["dify batch row", "dify batch row #2"]
    assert [list(row) for row in rows.values()] == [["invoke_workflow"]] * 2


async def test_spans_of_chats_have_the_conversation_id(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    fake_dify.app = Chat(answer="Hello")
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        result = await client.chat.send("hi")
    attributes = telemetry.span("chat").attributes or {}
    assert attributes["gen_ai.conversation.id"] == result.conversation_id
    assert attributes["dify.message.id"] == result.message_id


async def test_invalid_values_of_a_server_are_omitted(fake_dify: FakeDify, telemetry: Telemetry) -> None:
    data = {"id": "e", "node_id": "n", "node_type": "llm", "title": "T\ud800\n"}
    done = {
        **data,
        "status": "succeeded",
        "process_data": {"usage": [], "model_name": {}, "finish_reason": 3},
    }
    run = {"id": "11111111-1111-4111-8111-111111111111", "workflow_id": "w"}
    envelope = {"task_id": "t", "workflow_run_id": run["id"]}
    ended = {**run, "status": "succeeded", "outputs": {}, "total_tokens": "many"}
    names = {"workflow_started": run, "node_started": data, "node_finished": done, "workflow_finished": ended}
    events = [{"event": name, **envelope, "data": data} for name, data in names.items()]
    fake_dify.replay("".join(f"data: {json.dumps(one)}\n\n" for one in events).encode())
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.workflows.run({})
    (node,) = (span for span in telemetry.spans if span.name.startswith("llm "))
    assert node.name.isprintable()
    node.name.encode()
    assert "gen_ai.request.model" not in (node.attributes or {})
    assert "dify.client.tokens" not in telemetry.metrics()


@pytest.fixture
def instrumentor() -> Iterator[DifyInstrumentor]:
    instrumentor = DifyInstrumentor()
    yield instrumentor
    instrumentor.uninstrument()


async def test_all_clients_can_be_instrumented(
    fake_dify: FakeDify, telemetry: Telemetry, instrumentor: DifyInstrumentor
) -> None:
    instrumentor.instrument(tracer_provider=telemetry.tracers, meter_provider=telemetry.meters)
    assert DifyInstrumentor().is_instrumented_by_opentelemetry
    async with app_client(fake_dify) as client:
        await client.app.info()
    async with app_client(fake_dify, observer=telemetry.observer()) as client:
        await client.app.info()
    assert [span.name for span in telemetry.spans] == ["GET /info"] * 2, "not twice for the second client"
    instrumentor.uninstrument()
    async with app_client(fake_dify) as client:
        await client.app.info()
    assert len(telemetry.spans) == 2


def test_instrumenting_twice_is_a_warning(
    instrumentor: DifyInstrumentor, caplog: pytest.LogCaptureFixture
) -> None:
    instrumentor.instrument()
    DifyInstrumentor().instrument()
    assert [record.getMessage() for record in caplog.records] == ["dify_async is instrumented already"]


def test_observers_of_global_providers_pickle(telemetry: Telemetry) -> None:
    client = AppClient("app-123456789", observer=DifyObserver(capture_content=True))
    assert isinstance(pickle.loads(pickle.dumps(client)), AppClient)
    with pytest.raises(errors.ConfigurationError, match="providers cannot be pickled"):
        pickle.dumps(AppClient("app-123456789", observer=telemetry.observer()))
