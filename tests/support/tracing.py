"""Spans and metrics in memory."""

from __future__ import annotations

from typing import Any

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dify_async.otel import DifyObserver


@attrs.define
class Telemetry:
    """An observer and its recorded telemetry."""

    exporter: InMemorySpanExporter = attrs.Factory(InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.Factory(InMemoryMetricReader)
    tracers: TracerProvider = attrs.field(init=False)
    meters: MeterProvider = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)

    def observer(self, **settings: Any) -> DifyObserver:
        """Return an observer that records here."""
        return DifyObserver(tracer_provider=self.tracers, meter_provider=self.meters, **settings)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they started."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def span(self, name: str) -> ReadableSpan:
        """Return the only span of a name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found

    def tree(self) -> dict[str, Any]:
        """Return the names of spans in their order, nested as the spans are."""
        spans = self.spans
        known = {span.context.span_id for span in spans}

        def below(parent: int | None) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for span in spans:
                above = span.parent.span_id if span.parent is not None else None
                if (above if above in known else None) == parent:
                    number = sum(name.partition(" #")[0] == span.name for name in found)
                    found[f"{span.name} #{number + 1}" if number else span.name] = below(span.context.span_id)
            return found

        return below(None)

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Return attributes and value of each data point, by metric. The value of a histogram is its sum."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = [
                        (dict(point.attributes), getattr(point, "sum", None) or getattr(point, "value", 0))
                        for point in metric.data.data_points
                    ]
        return found


def events_of(span: ReadableSpan) -> list[str]:
    """Return the names of a span's events, without those of rounds."""
    return [event.name for event in span.events if event.name != "dify.round"]
