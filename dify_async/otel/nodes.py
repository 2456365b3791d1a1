"""The spans of the nodes of one run."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Final

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer, set_span_in_context

from dify_async import events
from dify_async._text import printable
from dify_async.events import Event
from dify_async.models.runs import NodeStatus
from dify_async.otel.attributes import content, fail, known

_GEN_AI: Final = {
    "llm": "chat",
    "agent": "invoke_agent",
    "tool": "execute_tool",
    "knowledge-retrieval": "retrieval",
}
"""`gen_ai.operation.name` by the type of a node."""


@attrs.define
class _OpenNode:
    span: Span
    context: Context
    attempt_started: int
    """When its current attempt started, in nanoseconds."""
    retries: int = 0


class NodeSpans:
    """Starts and ends the spans of nodes when their events arrive."""

    def __init__(self, tracer: Tracer, context: Context, *, capture_content: bool) -> None:
        self._tracer = tracer
        self._context = context  # The context of the run's span.
        self._captures = capture_content
        self._executions: dict[str, _OpenNode] = {}
        self._containers: dict[str, _OpenNode] = {}  # The contexts of iterations and loops, by node id.

    def add(self, event: Event) -> None:
        """Add the next event of the run."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(self, event)

    def end(self) -> None:
        """End the spans of nodes that are still running, because the run or its stream has ended."""
        for node in (*self._executions.values(), *self._containers.values()):
            node.span.set_attribute("dify.node.is_unfinished", True)
            node.span.end()
        self._executions.clear()
        self._containers.clear()

    def _node_started(self, event: events.NodeStarted) -> None:
        data = event.data
        if (paused := self._executions.get(data.id)) is not None:
            paused.span.add_event("dify.node.resumed")
            return
        inside = {data.iteration_id, data.loop_id}
        outer = [node for node_id, node in self._containers.items() if node_id in inside]
        self._executions[data.id] = self._start(data, outer[-1].context if outer else self._context)

    def _container_started(self, event: events.IterationStarted | events.LoopStarted) -> None:
        # These events do not contain the id of the iteration or loop around them.
        self._containers[event.data.node_id] = self._start(event.data, self._context)

    def _start(self, data: Any, context: Context) -> _OpenNode:
        now = time.time_ns()
        operation = _GEN_AI.get(data.node_type)
        span = self._tracer.start_span(
            printable(f"{data.node_type} {data.title}") or "node",
            context=context,
            start_time=now,
            attributes=known(
                dify__node__id=data.node_id,
                dify__node__execution_id=data.id if data.id != data.node_id else None,
                dify__node__type=data.node_type,
                dify__node__title=data.title,
                gen_ai__operation__name=operation,
                gen_ai__tool__name=data.title if operation == "execute_tool" else None,
                gen_ai__agent__name=data.title if operation == "invoke_agent" else None,
            ),
        )
        return _OpenNode(span, set_span_in_context(span, context), now)

    def _round(self, event: events.IterationNext | events.LoopNext) -> None:
        node = self._containers.get(event.data.node_id)
        if node is not None:
            node.span.add_event("dify.round", known(dify__round__index=event.data.index))

    def _retried(self, event: events.NodeRetry) -> None:
        node = self._executions.get(event.data.id)
        if node is not None:
            self._end_attempt(node, event.data.error, failed=True)
            node.retries += 1

    def _end_attempt(self, node: _OpenNode, error: str | None, *, failed: bool) -> None:
        """Add the span of an attempt that has just ended."""
        number = node.retries + 1
        span = self._tracer.start_span(
            f"attempt {number}", context=node.context, start_time=node.attempt_started
        )
        span.set_attributes(known(dify__node__attempt=number))
        if failed:
            fail(span, None, error)
        span.end()
        node.attempt_started = time.time_ns()

    def _node_finished(self, event: events.NodeFinished) -> None:
        data = event.data
        node = self._executions.pop(data.id, None)
        if node is None:
            return  # The event of its start was lost in an interruption.
        failed = data.status == NodeStatus.FAILED
        if node.retries:
            self._end_attempt(node, data.error, failed=failed)
        node.span.set_attributes(_usage_of_model(data))
        self._end(node, data, failed=failed)

    def _container_completed(self, event: events.IterationCompleted | events.LoopCompleted) -> None:
        node = self._containers.pop(event.data.node_id, None)
        if node is not None:
            node.span.set_attributes(known(dify__node__rounds=event.data.steps))
            self._end(node, event.data, failed=event.data.status == NodeStatus.FAILED)

    def _end(self, node: _OpenNode, data: Any, *, failed: bool) -> None:
        metadata = data.execution_metadata
        span = node.span
        span.set_attributes(
            known(dify__node__status=str(data.status), dify__node__elapsed_time=data.elapsed_time)
        )
        if metadata is not None:
            span.set_attributes(
                known(
                    dify__usage__total_tokens=metadata.total_tokens,
                    dify__usage__total_price=str(metadata.total_price)
                    if metadata.total_price is not None
                    else None,
                    dify__usage__currency=metadata.currency,
                    dify__node__error_strategy=metadata.error_strategy,
                    dify__iteration__index=metadata.iteration_index,
                    dify__loop__index=metadata.loop_index,
                )
            )
        if self._captures:
            span.set_attribute("dify.node.inputs", content(data.inputs))
            span.set_attribute("dify.node.outputs", content(data.outputs))
        if failed or data.status == NodeStatus.EXCEPTION:
            fail(span, None, data.error)
        span.end()

    _handlers: ClassVar[dict[type[Event], Any]] = {
        events.NodeStarted: _node_started,
        events.NodeRetry: _retried,
        events.NodeFinished: _node_finished,
        events.IterationStarted: _container_started,
        events.IterationNext: _round,
        events.IterationCompleted: _container_completed,
        events.LoopStarted: _container_started,
        events.LoopNext: _round,
        events.LoopCompleted: _container_completed,
    }


def _usage_of_model(data: events.NodeFinishedData) -> dict[str, Any]:
    """Return the model of a node and its tokens; empty for other nodes, and on the Web API."""
    process = _object(data.process_data)
    usage = _object(process.get("usage"))
    reason = process.get("finish_reason")
    found: dict[str, Any] = known(
        gen_ai__request__model=process.get("model_name"),
        gen_ai__provider__name=process.get("model_provider"),
        gen_ai__usage__input_tokens=usage.get("prompt_tokens"),
        gen_ai__usage__output_tokens=usage.get("completion_tokens"),
        gen_ai__response__time_to_first_chunk=usage.get("time_to_first_token"),
    )
    if isinstance(reason, str):
        found["gen_ai.response.finish_reasons"] = [printable(reason)]
    return found


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]
