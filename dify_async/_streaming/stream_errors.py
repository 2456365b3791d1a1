"""Create the errors that end a stream, with the run's handle and partial result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from dify_async._http.api import Api
from dify_async._http.odd_responses import with_message
from dify_async._streaming.recovery import GIVE_UP_AFTER
from dify_async._streaming.run_spec import RunSpec
from dify_async._wire.api_errors import error_from_event
from dify_async._wire.results import Accumulator
from dify_async.errors import (
    ConfigurationError,
    DecodeError,
    DifyError,
    OutcomeUnknown,
    RunRejected,
    StreamInterrupted,
    TooLarge,
    TransportError,
)
from dify_async.events import ErrorEvent
from dify_async.models.runs import RunHandle

if TYPE_CHECKING:
    from dify_async.errors import StreamResult

ResultT_co = TypeVar("ResultT_co", bound="StreamResult", covariant=True)


@attrs.frozen
class StreamErrors(Generic[ResultT_co]):
    """Creates the errors of one stream."""

    _api: Api
    _spec: RunSpec
    _accumulator: Accumulator[ResultT_co]

    @property
    def handle(self) -> RunHandle | None:
        """The run's handle. None before the run has an id."""
        progress, spec = self._accumulator.progress, self._spec
        if progress.run_id is None:
            return None
        return RunHandle(
            run_id=progress.run_id, task_id=progress.task_id, user=spec.request.user, kind=spec.kind
        )

    @property
    def partial_result(self) -> ResultT_co:
        """The result of the events so far."""
        return self._accumulator.result(self.handle)

    def redacted(self, text: str) -> str:
        """Return text from the server with the secrets of the request masked."""
        return self._api.errors.redactor(self._spec.request.secrets).text(text)

    def closed(self, problem: str) -> ConfigurationError:
        """Return the error for a stream that was closed before its end."""
        return ConfigurationError(problem, **self._context())

    def unusable_end(self, problem: str | None) -> DecodeError:
        """Return the error for a last event that cannot be used."""
        return DecodeError(
            f"the last event does not have the expected structure: {problem}", **self._context()
        )

    def too_large(self, limit: int) -> TooLarge:
        """Return the error for an event of more than `limit` bytes."""
        return TooLarge(limit, **self._context())

    def interrupted(self, problem: str, cause: DifyError | None) -> StreamInterrupted:
        """Return the error for a stream that ended before its run."""
        error = StreamInterrupted(problem, handle=self.handle, partial=self.partial_result, **self._context())
        error.__cause__ = cause
        return error

    def not_recovered(
        self, cause: DifyError | None, *, start: bytes, tried_recovery: bool, rejected: DifyError | None
    ) -> DifyError:
        """Return the error for a run that cannot be recovered, or whose recovery has given up.

        Args:
            cause: The error of the connection. None if the server closed the stream.
            start: The first bytes of a response without events, because a gateway may reject a request with
                status 200.
            tried_recovery: True if recovery was tried.
            rejected: The error that the server sent instead of the run.
        """
        problem = "the connection broke" if cause is not None else "the server closed the stream"
        progress = self._accumulator.progress
        has_id = progress.run_id is not None or (
            self._spec.kind != "workflow" and progress.task_id is not None
        )
        if not has_id and not progress.ends_with_body:
            problem = with_message(f"{problem} before the run sent its id", start)
            unknown = OutcomeUnknown(
                self.redacted(f"{problem}; it may have started, so it was not sent again"),
                may_have_started=True,
                **self._context(),
            )
            unknown.__cause__ = cause
            return unknown
        problem += " before the run ended"
        if rejected is not None:
            problem += f", and the server does not return the run: {rejected}"
        elif tried_recovery:
            problem += f", and the run made no progress for {GIVE_UP_AFTER:.0f} s"
        return self.interrupted(f"{problem}; it may have ended or still be running", cause)

    def of_event(self, event: ErrorEvent) -> DifyError:
        """Return the error for an `error` event."""
        code = self.redacted(event.code) if event.code else None
        event = attrs.evolve(event, message=self.redacted(event.message), code=code)
        known: dict[str, Any] = {"handle": self.handle, **self._context()}
        if event.code:
            return error_from_event(event, may_have_started=True, partial=self.partial_result, **known)
        rejected: Any = self.partial_result  # Of a run: errors of data sources always have a code.
        return RunRejected(
            f"the server rejected the run, usually for a missing or invalid input: {event.message}",
            result=rejected,
            **known,
        )

    def with_context(self, error: DifyError) -> DifyError:
        """Add the run's handle, the partial result and the trace id to an error, and return it."""
        if isinstance(error, TransportError):
            error.handle = self.handle
            error.partial = self.partial_result
        return self._spec.request.traced(error)

    def _context(self) -> dict[str, Any]:
        return self._api.errors.context(self._spec.request.operation)
