"""Observers: follow what a client does, to count, measure or trace it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from dify_async.errors import DifyError
from dify_async.events import Event
from dify_async.models.messages import Usage
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult, usage_of
from dify_async.models.runs import AppKind

if TYPE_CHECKING:
    from dify_async.batch.outcome import Outcome


RunResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult


@attrs.define(kw_only=True, eq=False)
class Call:
    """One call of an operation: a request, and its retries."""

    operation: str
    """Method and path, without ids: `POST /workflows/run`, `GET /workflows/run/{workflow_run_id}`."""
    host: str
    """Host and port of the server."""
    starts_run: bool
    """True if the call starts a run, which costs money and may take minutes."""
    run: Run | None
    """The run, for a call that opens, recovers or stops a run, or uploads its files. None for other calls."""
    headers: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """Headers that observers add to the request, in `operation_started`. Headers of the caller take
    precedence, and requests to other servers are not changed."""
    attempts: int = 0
    """Number of attempts so far."""
    status: int | None = None
    """HTTP status of the last response. None if there was none."""
    received: int = 0
    """Size of the response bodies in bytes, decompressed; 0 for event streams."""
    server_trace_id: str | None = None
    """The server's `X-Trace-Id`. None if it sends none, as most servers do."""
    started_at: float = attrs.field(factory=time.monotonic)
    """When the call started, by `time.monotonic()`."""
    ended_at: float | None = None
    """When the call ended, by the same clock. None before the end."""

    @property
    def elapsed(self) -> float:
        """Duration in seconds so far, including retries. For an event stream: until the response arrived."""
        return (self.ended_at or time.monotonic()) - self.started_at


@attrs.define(kw_only=True, eq=False)
class Run:
    """One run, from its first request to its end: streamed, followed, or in blocking mode."""

    operation: str
    """The operation that opens the stream: `POST /workflows/run`, or `GET /workflow/{workflow_run_id}/events`
    for an existing run."""
    host: str
    """Host and port of the server."""
    kind: AppKind
    """The group of operations that the run belongs to; chatflows and agents are `chat`."""
    user: str | None
    """The end user. None if the client has no `user`."""
    is_new: bool
    """True if the call starts the run; False for `attach`, `wait` and `resume`."""
    run_id: str | None = None
    """The run's id. None before the run starts, and for apps without runs."""
    task_id: str | None = None
    """The task id, to stop the run. None before the first event that contains it."""
    attempts: int = 0
    """Number of times the request was sent."""
    events: int = 0
    """Number of events so far, without pings."""
    received: int = 0
    """Size of the events so far, in bytes."""
    interruptions: int = 0
    """Number of interruptions of the stream."""
    queued: float | None = None
    """Seconds of waiting for a concurrency slot. None while it waits."""
    opened_after: float | None = None
    """Seconds until the stream was open. None before that, in blocking mode, and for runs whose record was
    read instead."""
    first_event_after: float | None = None
    """Seconds until the first event. None before the first event."""
    first_text_after: float | None = None
    """Seconds until the first piece of text. None before the first text."""
    outcome: str | None = None
    """How the run ended. None before the end.

    The run's status (`succeeded`, `partial-succeeded`, `failed`, `stopped`, `paused`), or `error` for an
    error of the stream. A run that is left early is `stopped` if the server was asked to stop it, otherwise
    `detached`.
    """
    started_at: float = attrs.field(factory=time.monotonic)
    """When the stream was entered, by `time.monotonic()`."""
    ended_at: float | None = None
    """When the run ended, by the same clock. None before the end."""
    _result: Callable[[], RunResult] = attrs.field(repr=False, alias="result")

    @property
    def elapsed(self) -> float:
        """Duration in seconds so far."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def result(self) -> RunResult:
        """The result, or the partial result of the events so far."""
        return self._result()

    @property
    def usage(self) -> Usage | None:
        """Tokens and price; for a workflow, the sum of its nodes. None if the server does not report them."""
        return usage_of(self.result)


@attrs.define(kw_only=True, eq=False)
class BatchRow:
    """One row of a batch."""

    index: int
    """Position of the row, starting at 0."""
    key: str
    """Identifies the row in a journal; without a journal, the position as a string."""


class Observer:
    """Base class of observers. Its methods do nothing; override those that you need.

    ```python
    class Prices(Observer):
        def run_ended(self, run, error):
            if run.usage is not None:
                print(run.run_id, run.outcome, run.usage.total_price)


    client = AppClient("app-...", user="ada", observer=Prices())
    ```

    Methods are called synchronously, so they must not block. Blocking clients call them in the thread of
    their event loop, and `run_event` in the thread that reads the stream. Exceptions are logged by the logger
    `dify_async.observer`, once per method, and do not affect the call.

    A client is pickled with its observers, for example for Dask, so they must be picklable too.
    """

    def operation_started(self, call: Call) -> None:
        """Called before the first attempt of a request. Headers may be added to `call.headers`."""

    def operation_ended(self, call: Call, error: BaseException | None) -> None:
        """Called when the response was received, or the call failed.

        Args:
            call: The call.
            error: The error that is raised to the caller; a `CancelledError` if the call was cancelled. None
                if the call succeeded.
        """

    def attempt_failed(self, call: Call, error: DifyError, delay: float | None) -> None:
        """Called when an attempt failed. `delay` is in seconds; None if there is no further attempt."""

    def run_opening(self, run: Run) -> None:
        """Called when a stream is entered, or a run in blocking mode starts, before it waits for a slot."""

    def run_opened(self, run: Run) -> None:
        """Called when the server has responded with an event stream. Not called in blocking mode."""

    def run_event(self, run: Run, event: Event) -> None:
        """Called for each event before it is delivered. Not called for pings and repeated events."""

    def run_paused(self, run: Run) -> None:
        """Called after the `run_event` of a `WorkflowPaused`: the run waits for a person or a time."""

    def run_interrupted(self, run: Run) -> None:
        """Called when a stream was interrupted, before the SDK reconnects."""

    def run_recovered(self, run: Run, seconds: float) -> None:
        """Called when an interrupted run was recovered, with the seconds since the interruption."""

    def run_stopped(self, run: Run, problem: str | None) -> None:
        """Called when a run was left early and the server was asked to stop it.

        Args:
            run: The run.
            problem: Why the stop request failed. None if it succeeded.
        """

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        """Called exactly once for each `run_opening`; `run.outcome` and `run.usage` are set.

        Args:
            run: The run.
            error: The error that ended the stream, or the exception that was raised in its block. None
                without an error, and for a run that failed: see `run.outcome` and `run.result`.
        """

    def batch_row_started(self, row: BatchRow) -> None:
        """Called in the task of a row, before a request is sent for it."""

    def batch_row_ended(self, row: BatchRow, outcome: Outcome[Any] | None) -> None:
        """Called in the same task, with the outcome of the row; None if the row was cancelled."""
