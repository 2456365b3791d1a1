"""The observer that creates spans and metrics."""

from __future__ import annotations

import atexit
import weakref
from contextvars import Token
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakSet

import attrs
from opentelemetry import context as contexts
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, TracerProvider, set_span_in_context

from dify_async._version import __version__
from dify_async.errors import ConfigurationError, DifyError
from dify_async.events import Event
from dify_async.models.results import ChatResult, CompletionResult
from dify_async.observer import BatchRow, Call, Observer, Run
from dify_async.otel.attributes import OPERATIONS, Attributes, address, content, fail, known
from dify_async.otel.metrics import Metrics, run_attributes
from dify_async.otel.nodes import NodeSpans

if TYPE_CHECKING:
    from dify_async.batch.outcome import Outcome

_FAILED: Final = frozenset({"failed", "error"})


@attrs.define(eq=False)
class _RunSpans:
    """The spans of a run that is in flight."""

    span: Span
    context: Context
    nodes: NodeSpans
    _metrics: Metrics
    _attributes: Attributes
    _has_ended: bool = False

    def end(self) -> None:
        """End the spans. Idempotent."""
        if not self._has_ended:
            self._has_ended = True
            self._metrics.run_left_flight(self._attributes)
            self.nodes.end()
            self.span.end()


class DifyObserver(Observer):
    """Traces and measures a client's calls, runs and rows of batches with OpenTelemetry.

    ```python
    client = AppClient("app-...", user="ada", observer=DifyObserver())
    ```

    Each run is a span. It contains the requests that open, recover and stop the run, and one span per node:
    nodes of iterations and loops inside of these, and each attempt of a node that is retried. Interruptions,
    recovery, pauses and stops are events of the run's span. Calls without a stream and rows of batches are
    spans, too. The parent is the span that is current when a stream is entered or a method is called.

    Args:
        tracer_provider: Default: the global one.
        meter_provider: Default: the global one.
        capture_content: Record inputs, outputs, answers and end users.
        propagate: Send `traceparent` with each request, and `X-Trace-Id` with those that start a run, so that
            traces of the server can be found by the same id. A `trace_id` that is passed to a call takes
            precedence.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        capture_content: bool = False,
        propagate: bool = True,
    ) -> None:
        for provider, name, method in (
            (tracer_provider, "tracer_provider", "get_tracer"),
            (meter_provider, "meter_provider", "get_meter"),
        ):
            if provider is not None and not hasattr(provider, method):
                raise ConfigurationError(
                    f"`{name}` must have a method {method}, got {type(provider).__name__}"
                )
        self._has_providers = tracer_provider is not None or meter_provider is not None
        self._captures = capture_content
        self._propagates = propagate
        self._tracer = trace.get_tracer("dify_async", __version__, tracer_provider)
        self._metrics = Metrics(metrics.get_meter("dify_async", __version__, meter_provider))
        self._calls: WeakKeyDictionary[Call, Span] = WeakKeyDictionary()
        self._runs: WeakKeyDictionary[Run, _RunSpans] = WeakKeyDictionary()
        self._rows: WeakKeyDictionary[BatchRow, tuple[Span, Token[Context]]] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        if self._has_providers:
            raise ConfigurationError(
                "a DifyObserver with providers cannot be pickled: use the global ones, set by each process"
            )
        return _observer, (self._captures, self._propagates)

    # Calls

    def operation_started(self, call: Call) -> None:
        """Start a span, and add the headers of the trace."""
        run = self._runs.get(call.run) if call.run is not None else None
        context = run.context if run is not None else None
        method, _, path = call.operation.partition(" ")
        span = self._tracer.start_span(
            call.operation,
            context=context,
            kind=SpanKind.CLIENT,
            attributes=known(http__request__method=method, url__template=path) | address(call.host),
        )
        self._calls[call] = span
        _end_with_process(self, span)
        if self._propagates:
            propagate.inject(call.headers, set_span_in_context(span, context))
            trace_id = span.get_span_context().trace_id
            if call.starts_run and trace_id:
                call.headers["X-Trace-Id"] = trace.format_trace_id(trace_id)

    def attempt_failed(self, call: Call, error: DifyError, delay: float | None) -> None:
        """Add an event, and count the retry."""
        if (span := self._calls.get(call)) is not None:
            attributes = known(
                dify__attempt=call.attempts,
                dify__attempt__delay=delay,
                error__type=type(error).__name__,
                http__response__status_code=call.status,
            )
            span.add_event("dify.attempt.failed", attributes)
        if delay is not None:
            self._metrics.retried(call, error)

    def operation_ended(self, call: Call, error: BaseException | None) -> None:
        """End the span."""
        self._metrics.call_ended(call, error)
        if (span := self._calls.pop(call, None)) is None:
            return
        span.set_attributes(
            known(
                http__response__status_code=call.status,
                http__request__resend_count=call.attempts - 1 if call.attempts > 1 else None,
                http__response__body__size=call.received or None,
                dify__server__trace_id=call.server_trace_id,
            )
        )
        if error is not None:
            fail(span, error)
        span.end()

    # Runs

    def run_opening(self, run: Run) -> None:
        """Start the span of a run."""
        self._metrics.run_opening(run)
        operation = OPERATIONS[run.kind]
        attributes = known(
            gen_ai__operation__name=operation,
            gen_ai__provider__name="dify",
            dify__operation=run.operation,
            dify__run__is_new=run.is_new,
            user__id=run.user if self._captures else None,
        )
        span = self._tracer.start_span(
            operation if run.is_new else f"follow {operation}",
            kind=SpanKind.CLIENT,
            attributes=attributes | address(run.host),
        )
        context = set_span_in_context(span)
        nodes = NodeSpans(self._tracer, context, capture_content=self._captures)
        spans = _RunSpans(span, context, nodes, self._metrics, run_attributes(run))
        self._runs[run] = spans
        _end_with_process(self, span)
        # Ends the spans of a stream that is garbage collected without having been left.
        weakref.finalize(run, spans.end).atexit = False

    def run_event(self, run: Run, event: Event) -> None:
        """Start and end the spans of nodes."""
        if (spans := self._runs.get(run)) is not None:
            if run.events == 1:
                spans.span.set_attributes(known(dify__run__id=run.run_id, dify__task__id=run.task_id))
            spans.nodes.add(event)

    def run_paused(self, run: Run) -> None:
        """Add an event."""
        self._add_event(run, "dify.run.paused")

    def run_interrupted(self, run: Run) -> None:
        """Add an event, and count the interruption."""
        self._metrics.run_interrupted(run)
        self._add_event(run, "dify.run.interrupted")

    def run_recovered(self, run: Run, seconds: float) -> None:
        """Add an event."""
        self._add_event(run, "dify.run.recovered", dify__seconds=seconds)

    def run_stopped(self, run: Run, problem: str | None) -> None:
        """Add an event."""
        self._add_event(run, "dify.run.stopped", dify__problem=problem)

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        """End the span of the run, and those of nodes that are still running."""
        self._metrics.run_ended(run)
        if (spans := self._runs.pop(run, None)) is None:
            return
        spans.span.set_attributes(self._attributes_of(run))
        if run.outcome in _FAILED:
            result = run.result
            workflow_run = result.run if isinstance(result, ChatResult) else result
            fail(spans.span, error, getattr(workflow_run, "error", None))
        elif error is not None:
            spans.span.set_attribute("error.type", type(error).__name__)
        spans.end()

    def _add_event(self, run: Run, name: str, **attributes: object) -> None:
        if (spans := self._runs.get(run)) is not None:
            spans.span.add_event(name, known(**attributes))

    def _attributes_of(self, run: Run) -> Attributes:
        result, usage = run.result, run.usage
        chat = result if isinstance(result, ChatResult) else None
        answer = result if isinstance(result, CompletionResult) else None
        workflow_run = chat.run if chat is not None else result if answer is None else None
        found = known(
            dify__run__id=run.run_id,
            dify__task__id=run.task_id,
            dify__workflow__id=getattr(workflow_run, "workflow_id", None),
            dify__message__id=answer.message_id if answer is not None else None,
            gen_ai__conversation__id=chat.conversation_id if chat is not None else None,
            gen_ai__response__time_to_first_chunk=run.first_text_after,
            dify__run__outcome=run.outcome,
            dify__run__queued=run.queued,
            dify__run__opened_after=run.opened_after,
            dify__run__events=run.events,
            dify__run__interruptions=run.interruptions,
        )
        if usage is not None:
            price = usage.total_price
            found |= known(
                gen_ai__usage__input_tokens=usage.prompt_tokens or None,
                gen_ai__usage__output_tokens=usage.completion_tokens or None,
                dify__usage__total_tokens=usage.total_tokens,
                dify__usage__total_price=str(price) if price is not None else None,
                dify__usage__currency=usage.currency,
            )
        if self._captures:
            if answer is not None:
                found["dify.run.answer"] = content(answer.answer)
            if workflow_run is not None:
                found["dify.run.outputs"] = content(getattr(workflow_run, "outputs", None))
        return found

    # Rows

    def batch_row_started(self, row: BatchRow) -> None:
        """Start the span of a row, which contains the spans of its calls and its run."""
        span = self._tracer.start_span("dify batch row", attributes=known(dify__batch__row__index=row.index))
        self._rows[row] = span, contexts.attach(set_span_in_context(span))
        _end_with_process(self, span)

    def batch_row_ended(self, row: BatchRow, outcome: Outcome[Any] | None) -> None:
        """End the span of a row."""
        found = self._rows.pop(row, None)
        if found is None:
            return
        span, token = found
        contexts.detach(token)
        if outcome is not None:
            span.set_attributes(
                known(
                    dify__batch__row__status=outcome.status,
                    dify__batch__row__attempts=outcome.attempts,
                    dify__batch__row__is_resumed=outcome.resumed,
                )
            )
            if outcome.error is not None:
                fail(span, outcome.error)
        span.end()

    def end_open_spans(self) -> None:
        """End all spans that are open. Called at the end of the process."""
        open_spans = [*self._calls.values(), *(span for span, _ in self._rows.values())]
        for run in list(self._runs.values()):
            run.span.set_attribute("dify.run.outcome", "process ended")
            run.end()
        for span in open_spans:
            span.end()
        self._calls.clear()
        self._runs.clear()
        self._rows.clear()


def _observer(capture_content: bool, propagate: bool) -> DifyObserver:
    return DifyObserver(capture_content=capture_content, propagate=propagate)


_observers: Final[WeakSet[DifyObserver]] = WeakSet()


def _end_with_process(observer: DifyObserver, span: Span) -> None:
    """End the spans of an observer at the end of the process, before the exporters are shut down.

    Functions run at exit in reverse order, so this one is registered when the first span records: after the
    provider has registered its own.
    """
    if observer not in _observers and span.is_recording():
        if not _observers:
            atexit.register(_end_open_spans)
        _observers.add(observer)


def _end_open_spans() -> None:
    for observer in list(_observers):
        observer.end_open_spans()
