"""Observers: follow what a client does, to count, measure or trace it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from dify_async.errors import DifyError
from dify_async.events import Event
from dify_async.models import AppKind, ChatResult, CompletionResult, Usage, WorkflowResult

if TYPE_CHECKING:
    from dify_async.batch.outcome import Outcome

RunResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult


@attrs.define(kw_only=True, eq=False)
class Call:
    """One call of an operation: a request, and its retries."""

    operation: str
    """Method and path: `POST /workflows/run`. Ids are left out: `GET /workflows/run/{workflow_run_id}`."""
    host: str
    """Host and port of the server."""
    starts_run: bool
    """Whether it starts a run, which costs money and may take minutes."""
    run: Run | None
    """The run that the call belongs to. Such a call opens, recovers or stops the run, or uploads its
    files."""
    headers: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    """Headers that observers add to the request, in `operation_started`. Headers of the caller take
    precedence, and nothing is added to requests to other servers."""
    attempts: int = 0
    """Number of attempts until now."""
    status: int | None = None
    """HTTP status of the last response. None if there was none."""
    received: int = 0
    """Bytes of response bodies, decompressed; 0 for event streams."""
    server_trace_id: str | None = None
    """The server's `X-Trace-Id`. None if it sends none, as most servers do."""
    started_at: float = attrs.field(factory=time.monotonic)
    """When it started, by `time.monotonic()`."""
    ended_at: float | None = None
    """When it ended, by the same clock. None until then."""

    @property
    def elapsed(self) -> float:
        """Seconds until its end, or until now, including retries. For an event stream: until its response."""
        return (self.ended_at or time.monotonic()) - self.started_at


@attrs.define(kw_only=True, eq=False)
class Run:
    """One run, from its first request to its end: streamed, followed, or in blocking mode."""

    operation: str
    """What opens it: `POST /workflows/run`, or `GET /workflow/{workflow_run_id}/events` for one that is
    followed."""
    host: str
    """Host and port of the server."""
    kind: AppKind
    """The group of operations that it belongs to; chatflows and agents are `chat`."""
    user: str | None
    """The end user."""
    is_new: bool
    """Whether the call starts the run. False for `attach`, `wait` and `resume`."""
    run_id: str | None = None
    """The run's id. None before the run started, and for apps without runs."""
    task_id: str | None = None
    """Stops the run. None before the first event that contains it."""
    attempts: int = 0
    """Number of times that the request was sent."""
    events: int = 0
    """Number of events until now, without pings."""
    received: int = 0
    """Bytes of the events until now."""
    interruptions: int = 0
    """How often the stream was interrupted."""
    queued: float | None = None
    """Seconds that it waited for a concurrency slot. None while it waits."""
    opened_after: float | None = None
    """Seconds until the stream was open. None until then, in blocking mode, and for runs that were found by
    their record."""
    first_event_after: float | None = None
    """Seconds until the first event. None until then."""
    first_text_after: float | None = None
    """Seconds until the first piece of text. None until then."""
    outcome: str | None = None
    """How it ended. None until then.

    The run's status (`succeeded`, `partial-succeeded`, `failed`, `stopped`, `paused`), or `error` for an
    error of the stream. A run that is left early is `stopped` if the server was asked to stop it, otherwise
    `left`.
    """
    started_at: float = attrs.field(factory=time.monotonic)
    """When it was entered, by `time.monotonic()`."""
    ended_at: float | None = None
    """When it ended, by the same clock. None until then."""
    _result: Callable[[], RunResult] = attrs.field(repr=False, alias="result")

    @property
    def elapsed(self) -> float:
        """Seconds until its end, or until now."""
        return (self.ended_at or time.monotonic()) - self.started_at

    @property
    def result(self) -> RunResult:
        """The result, or the partial result of the events until now."""
        return self._result()

    @property
    def usage(self) -> Usage | None:
        """Tokens and price, if the server reports them. For a workflow, the sum over its nodes."""
        return usage_of(self.result)


@attrs.define(kw_only=True, eq=False)
class BatchRow:
    """One row of a batch."""

    index: int
    """Position of the row, starting at 0."""
    key: str
    """Identifies the row in a journal; without a journal, the position as a string."""


class Observer:
    """Base class of observers: methods that do nothing, to be overridden.

    ```python
    class Prices(Observer):
        def run_ended(self, run, error):
            if run.usage is not None:
                print(run.run_id, run.outcome, run.usage.total_price)


    client = AppClient("app-...", user="ada", observer=Prices())
    ```

    Methods are called at once, by the code that they tell about, so they must not block. Blocking clients
    call them in the thread of their event loop, and `run_event` in the thread that reads the stream.
    Exceptions are logged by `dify_async.observer`, once per method, and affect nothing.

    A client that is pickled, for example by Dask, takes its observers along: they must pickle, too.
    """

    def operation_started(self, call: Call) -> None:
        """Called before the first attempt of a request. Headers may be added to `call.headers`."""

    def operation_ended(self, call: Call, error: BaseException | None) -> None:
        """Called when a response was received, or the call failed.

        Args:
            call: The call.
            error: The error that the caller gets; a `CancelledError` if the call was cancelled; or None.
        """

    def attempt_failed(self, call: Call, error: DifyError, delay: float | None) -> None:
        """Called when an attempt failed; `delay` is in seconds, or None if there is no further attempt."""

    def run_opening(self, run: Run) -> None:
        """Called when a stream is entered, or a run in blocking mode begins, before it waits for a slot."""

    def run_opened(self, run: Run) -> None:
        """Called when the server has answered with a stream of events. Not in blocking mode."""

    def run_event(self, run: Run, event: Event) -> None:
        """Called for each event, before it is delivered. Not for pings, and for no event twice."""

    def run_paused(self, run: Run) -> None:
        """Called after the `run_event` of a `WorkflowPaused`: the run waits for a person or a time."""

    def run_interrupted(self, run: Run) -> None:
        """Called when a stream was interrupted, and the run is looked for."""

    def run_recovered(self, run: Run, seconds: float) -> None:
        """Called when an interrupted run was found; `seconds` since the interruption."""

    def run_stopped(self, run: Run, problem: str | None) -> None:
        """Called when a run was left early and the server was asked to stop it; `problem` if that failed."""

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        """Called once for each `run_opening`, whatever happens; `run.outcome` and `run.usage` are known.

        Args:
            run: The run.
            error: The error that ended the stream, or the exception that left its block; or None. A run that
                failed is no error of the stream: see `run.outcome` and `run.result`.
        """

    def batch_row_started(self, row: BatchRow) -> None:
        """Called in the task of a row, before anything is sent for it."""

    def batch_row_ended(self, row: BatchRow, outcome: Outcome[Any] | None) -> None:
        """Called in the same task, with the row's outcome; None if the row was cancelled."""


def usage_of(result: RunResult | None) -> Usage | None:
    """Return the tokens and the price of a result, if the server reports them."""
    match result:
        case WorkflowResult() as run:
            return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
        case ChatResult(usage=None, run=WorkflowResult() as run):
            return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
        case ChatResult() | CompletionResult() as answer:
            return answer.usage
        case _:
            return None
