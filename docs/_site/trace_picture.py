"""Draw the trace of a run: `python docs/_site/trace_picture.py` writes `docs/images/trace.svg`.

The run is one of a FakeDify: a node is retried, the stream is interrupted and recovered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from html import escape
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from dify_async import AppClient
from dify_async.otel import DifyObserver
from dify_async.testing import Cut, FakeDify, Node, Workflow

TARGET = Path(__file__).parents[1] / "images" / "trace.svg"

WORKFLOW = Workflow(
    nodes=[
        Node("Start", type="start"),
        Node("Search", type="tool", seconds=0.3, retries=1),
        Node("Answer", type="llm", text=["It ", "is ", "sunny."], seconds=0.9, tokens=42),
        Node("Translate", type="llm", text=["Es ist sonnig."], seconds=0.4, tokens=17),
        Node("End", type="end"),
    ]
)

ROW, LABEL, WIDTH, MARGIN = 26, 330, 560, 16
COLORS = {"run": "#4f46e5", "call": "#0891b2", "node": "#16a34a", "failed": "#dc2626"}


async def trace() -> list[ReadableSpan]:
    """Run the workflow, and return its spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = DifyObserver(tracer_provider=provider)
    with FakeDify(WORKFLOW) as dify:
        dify.faults.append(Cut(after_events=7))
        async with AppClient(dify.api_key, user="ada", base_url=dify.base_url, observer=observer) as client:
            await client.workflows.run({})
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def nested(
    spans: list[ReadableSpan], parent: int | None = None, depth: int = 0
) -> Iterator[tuple[int, ReadableSpan]]:
    """Yield spans with their depth, each below its parent."""
    for span in spans:
        if (span.parent.span_id if span.parent is not None else None) == parent:
            yield depth, span
            yield from nested(spans, span.context.span_id, depth + 1)


def drawn(spans: list[ReadableSpan]) -> str:
    """Return the picture of a trace."""
    rows = list(nested(spans))
    start = min(span.start_time or 0 for span in spans)
    length = max(span.end_time or 0 for span in spans) - start
    height = ROW * (len(rows) + 1) + 2 * MARGIN
    width = LABEL + WIDTH + 2 * MARGIN

    def x(time: int | None) -> float:
        return MARGIN + LABEL + ((time or start) - start) / length * WIDTH

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
            ' font-size="13" role="img" aria-label="The spans of a run, as bars over time">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (depth, span) in enumerate(rows):
        y = MARGIN + number * ROW
        kind = "run" if span.name == "invoke_workflow" else "call" if "/" in span.name else "node"
        color = COLORS["failed" if span.status.status_code is StatusCode.ERROR else kind]
        bar = max(3.0, x(span.end_time) - x(span.start_time))
        parts += [
            f'<text x="{MARGIN + depth * 16}" y="{y + 16}" fill="#111827">{escape(span.name)}</text>',
            (
                f'<rect x="{x(span.start_time):.1f}" y="{y + 4}" width="{bar:.1f}" height="{ROW - 10}" '
                f'rx="3" fill="{color}" fill-opacity="0.85"/>'
            ),
        ]
        for event in span.events:
            parts.append(
                f'<circle cx="{x(event.timestamp):.1f}" cy="{y + 12}" r="5" fill="#f59e0b" stroke="#ffffff">'
                f"<title>{escape(event.name)}</title></circle>"
            )
    y = MARGIN + len(rows) * ROW + 18
    parts.append(
        f'<text x="{MARGIN}" y="{y}" fill="#4b5563">dots: dify.run.interrupted, dify.run.recovered</text>'
        f'<text x="{MARGIN + LABEL + WIDTH}" y="{y}" fill="#4b5563" text-anchor="end">'
        f"{length / 1e9:.1f} s</text></svg>"
    )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(drawn(asyncio.run(trace())), encoding="utf-8")
