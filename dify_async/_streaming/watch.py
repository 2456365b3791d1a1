"""Notify observers and logs of runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import attrs

from dify_async._http.api import Api
from dify_async._http.observing import Observers, host_of
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream_errors import StreamErrors
from dify_async._wire.operation import Operation
from dify_async._wire.results import Progress, text_of
from dify_async.errors import DifyError
from dify_async.events import Event, WorkflowPaused
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
from dify_async.models.runs import AppKind, RunStatus
from dify_async.observer import Run, RunResult


@attrs.define(eq=False)
class RunWatch:
    """Notifies the observers of one run."""

    api: Api
    """Used for the calls of the run."""
    run: Run
    _progress: Progress
    _observers: Observers
    _interrupted_at: float | None = None
    _error: BaseException | None = None  # The exception that was raised in the block of the stream.
    _is_stopped: bool = False

    def has_slot(self) -> None:
        """Record that the run has a slot."""
        self.run.queued = self.run.elapsed

    def opened(self) -> None:
        """Notify that the server has responded."""
        self.run.opened_after = self.run.elapsed
        self._observers.notify("run_opened", self.run)

    def event(self, event: Event, size: int) -> None:
        """Notify of an event of `size` bytes."""
        run = self.run
        run.run_id, run.task_id = self._progress.run_id, self._progress.task_id
        run.events += 1
        run.received += size
        if run.first_event_after is None:
            run.first_event_after = run.elapsed
        if run.first_text_after is None and text_of(event):
            run.first_text_after = run.elapsed
        self._observers.notify("run_event", run, event)
        if isinstance(event, WorkflowPaused):
            self._observers.notify("run_paused", run)

    def interrupted(self) -> None:
        """Notify that the stream was interrupted, once per interruption."""
        if self._interrupted_at is None:
            self._interrupted_at = time.monotonic()
            self.run.interruptions += 1
            self._observers.notify("run_interrupted", self.run)

    def recovered(self) -> None:
        """Notify that the run was recovered, if it was interrupted."""
        if self._interrupted_at is not None:
            seconds = time.monotonic() - self._interrupted_at
            self._interrupted_at = None
            self._observers.notify("run_recovered", self.run, seconds)

    def stopped(self, problem: str | None) -> None:
        """Notify that the server was asked to stop the run."""
        self._is_stopped = problem is None
        self._observers.notify("run_stopped", self.run, problem)

    def left(self, error: BaseException | None) -> None:
        """Record the exception that was raised in the block of the stream."""
        self._error = self._error or error

    def ended(self, failure: DifyError | None = None) -> None:
        """Notify of the end, once."""
        run, progress = self.run, self._progress
        if run.ended_at is not None:
            return
        run.ended_at = time.monotonic()
        run.run_id, run.task_id = progress.run_id, progress.task_id
        error = failure or self._error
        self._error = None  # Its traceback refers to this object.
        run.outcome = self._outcome(error)
        self._observers.notify("run_ended", run, error)

    def _outcome(self, error: BaseException | None) -> str:
        result = self.run.result
        workflow_run = result.run if isinstance(result, ChatResult) else result
        if isinstance(workflow_run, WorkflowResult) and workflow_run.status != RunStatus.RUNNING:
            return str(workflow_run.status)
        if isinstance(error, DifyError):
            return "error"
        if self._progress.complete and self._progress.unusable_end is None:
            return "succeeded"
        return "stopped" if self._is_stopped else "detached"


def watch_run(api: Api, spec: RunSpec, progress: Progress, errors: StreamErrors[Any]) -> RunWatch:
    """Return a `RunWatch` for a run that is about to be opened."""
    run = Run(
        operation=spec.request.operation.name,
        host=host_of(spec.request.url),
        kind=spec.kind,
        user=spec.request.user,
        is_new=spec.is_ours,
        run_id=progress.run_id,
        result=lambda: errors.partial_result,
    )
    return _watch(api, run, progress)


@contextmanager
def watched_in_blocking_mode(
    api: Api, operation: Operation[Any], kind: AppKind, user: str | None
) -> Generator[BlockingWatch]:
    """Notify the observers of a run in blocking mode."""
    progress, answer = Progress(), _Answer(_NOTHING[kind])
    run = Run(
        operation=operation.name,
        host=host_of(api.transport.settings.base_url),
        kind=kind,
        user=user,
        is_new=True,
        result=lambda: answer.result,
    )
    watch = _watch(api, run, progress)

    def answered(result: RunResult) -> None:
        answer.result = result
        progress.complete = True
        progress.task_id = result.task_id
        progress.run_id = result.workflow_run_id if isinstance(result, WorkflowResult) else None

    try:
        yield BlockingWatch(watch.api, watch.has_slot, answered)
    except BaseException as error:
        watch.left(error)
        watch.ended()
        raise
    watch.ended()


@attrs.frozen
class BlockingWatch:
    """The functions that the caller of a run in blocking mode needs."""

    api: Api
    """Used for the call."""
    has_slot: Callable[[], None]
    """Records that the run has a slot."""
    answered: Callable[[RunResult], None]
    """Records the result."""


@attrs.define
class _Answer:
    result: RunResult


_NOTHING: Final[dict[AppKind, RunResult]] = {
    "workflow": WorkflowResult(),
    "chat": ChatResult(),
    "completion": CompletionResult(),
}
"""Results of runs in blocking mode before their response."""


def _watch(api: Api, run: Run, progress: Progress) -> RunWatch:
    api.observers.notify("run_opening", run)
    return RunWatch(attrs.evolve(api, run=run), run, progress, api.observers)
