"""Spans and metrics arrive at a collector, over OTLP with protobuf."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from dify_async.models import WorkflowResult
from dify_async.otel import DifyObserver
from dify_async.testing import FakeDify, Node, Workflow
from tests.support.clients import app_client


@attrs.define
class Collector:
    """The requests received by an OTLP collector."""

    url: str
    spans: list[Span] = attrs.Factory(list)
    metrics: set[str] = attrs.Factory(set)

    async def receive_traces(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await _body(request))
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    async def receive_metrics(self, request: web.Request) -> web.Response:
        message = ExportMetricsServiceRequest.FromString(await _body(request))
        for resource in message.resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name for metric in scope.metrics}
        return web.Response(content_type="application/x-protobuf")


async def _body(request: web.Request) -> bytes:
    assert request.content_type == "application/x-protobuf"
    body = await request.read()
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector("")
    app = web.Application()
    app.router.add_post("/v1/traces", collector.receive_traces)
    app.router.add_post("/v1/metrics", collector.receive_metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


async def run_and_export(fake_dify: FakeDify, collector: Collector) -> WorkflowResult:
    """Run the workflow, and send all spans and metrics to the collector."""
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector.url}/v1/traces")))
    exporter = OTLPMetricExporter(f"{collector.url}/v1/metrics")
    meters = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)
    observer = DifyObserver(tracer_provider=tracers, meter_provider=meters, capture_content=True)
    try:
        async with app_client(fake_dify, observer=observer) as client:
            result = await client.workflows.run({})
        assert await asyncio.to_thread(tracers.force_flush)
        assert await asyncio.to_thread(meters.force_flush)
        return result
    finally:
        await asyncio.to_thread(tracers.shutdown)
        await asyncio.to_thread(meters.shutdown)


async def test_a_run_arrives_at_a_collector(fake_dify: FakeDify, collector: Collector) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("Start", type="start"), Node("Schreiben ✍", type="llm", text=["a"], tokens=7)]
    )
    result = await run_and_export(fake_dify, collector)
    spans = {span.name: span for span in collector.spans}
    assert spans.keys() == {"invoke_workflow", "POST /workflows/run", "start Start", "llm Schreiben ✍"}
    run = spans.pop("invoke_workflow")
    assert {span.parent_span_id for span in spans.values()} == {run.span_id}
    attributes = {one.key: one.value.string_value for one in run.attributes}
    assert attributes["dify.run.id"] == result.workflow_run_id
    assert {"dify.client.runs", "dify.client.run.duration", "dify.client.tokens"} <= collector.metrics


async def test_invalid_values_of_a_server_do_not_stop_the_export(
    fake_dify: FakeDify, collector: Collector
) -> None:
    data = {"id": "e", "node_id": "n", "node_type": "llm", "title": "Write"}
    process = {"usage": {"prompt_tokens": 2**70}, "model_name": "\ud800", "finish_reason": "\ud83d"}
    nested = "x"
    for _ in range(400):
        nested = {"x": nested}
    done = {
        **data,
        "status": "succeeded",
        "process_data": process,
        "outputs": {"text": "\udc00", "x": nested},
    }
    run = {"id": "11111111-1111-4111-8111-111111111111", "workflow_id": "w"}
    ended = {**run, "status": "succeeded", "outputs": {"x": nested}, "total_tokens": 2**70}
    names = {"workflow_started": run, "node_started": data, "node_finished": done, "workflow_finished": ended}
    events = [
        {"event": name, "task_id": "t", "workflow_run_id": run["id"], "data": one}
        for name, one in names.items()
    ]
    fake_dify.replay("".join(f"data: {json.dumps(one)}\n\n" for one in events).encode())
    await run_and_export(fake_dify, collector)
    assert {span.name for span in collector.spans} == {"invoke_workflow", "POST /workflows/run", "llm Write"}
    assert "dify.client.runs" in collector.metrics
