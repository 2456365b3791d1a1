"""Metrics: runs by outcome, their duration and tokens, retries, and runs in flight."""

from __future__ import annotations

from opentelemetry.metrics import Meter

from dify_async.errors import DifyError
from dify_async.observer import Call, Run
from dify_async.otel.attributes import OPERATIONS, Attributes, address, is_exportable, known


class Metrics:
    """The instruments of one meter."""

    def __init__(self, meter: Meter) -> None:
        self._in_flight = meter.create_up_down_counter(
            "dify.client.runs.in_flight", "{run}", "Runs in flight, or waiting for a slot."
        )
        self._runs = meter.create_counter("dify.client.runs", "{run}", "Runs that ended, by outcome.")
        self._duration = meter.create_histogram(
            "dify.client.run.duration", "s", "Time from the call to the end of the run."
        )
        self._queued = meter.create_histogram(
            "dify.client.run.queued", "s", "Time that runs waited for a concurrency slot."
        )
        self._tokens = meter.create_counter("dify.client.tokens", "{token}", "Tokens of all models.")
        self._split_tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Input and output tokens, where servers tell them apart.",
        )
        self._retries = meter.create_counter(
            "dify.client.retries", "{attempt}", "Attempts that failed and were retried."
        )
        self._interruptions = meter.create_counter(
            "dify.client.interruptions", "{interruption}", "Streams that were interrupted."
        )
        self._calls = meter.create_histogram(
            "dify.client.operation.duration", "s", "Time of requests with their retries, by operation."
        )

    def run_opening(self, run: Run) -> None:
        """Count a run in flight."""
        self._in_flight.add(1, run_attributes(run))

    def run_interrupted(self, run: Run) -> None:
        """Count an interruption."""
        self._interruptions.add(1, run_attributes(run))

    def run_left_flight(self, which: Attributes) -> None:
        """Count a run that is not in flight any more, by its attributes."""
        self._in_flight.add(-1, which)

    def run_ended(self, run: Run) -> None:
        """Record the outcome, the duration and the tokens."""
        which = run_attributes(run)
        ended = {**which, **known(dify__run__outcome=run.outcome)}
        self._runs.add(1, ended)
        self._duration.record(run.elapsed, ended)
        if run.queued is not None:
            self._queued.record(run.queued, which)
        usage = run.usage
        if usage is None:
            return
        # A server may send values of other types.
        for count, kind in ((usage.prompt_tokens, "input"), (usage.completion_tokens, "output")):
            if is_exportable(count) and count > 0:
                self._split_tokens.record(count, {**which, "gen_ai.token.type": kind})
        if is_exportable(usage.total_tokens) and usage.total_tokens > 0:
            self._tokens.add(usage.total_tokens, which)

    def retried(self, call: Call, error: DifyError) -> None:
        """Count a retry."""
        self._retries.add(
            1, known(dify__operation=call.operation, error__type=type(error).__name__) | address(call.host)
        )

    def call_ended(self, call: Call, error: BaseException | None) -> None:
        """Record how long a call took."""
        attributes = known(
            dify__operation=call.operation,
            http__response__status_code=call.status,
            error__type=type(error).__name__ if error is not None else None,
        )
        self._calls.record(call.elapsed, attributes | address(call.host))


def run_attributes(run: Run) -> Attributes:
    """Return the attributes that the metrics of a run have in common."""
    return address(run.host) | known(
        gen_ai__provider__name="dify",
        gen_ai__operation__name=OPERATIONS[run.kind],
        dify__run__is_new=run.is_new,
    )
