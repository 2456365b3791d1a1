"""Log lines for calls, runs and rows: operation, outcome and duration."""

from __future__ import annotations

import logging
from typing import Any, Final

from dify_async._text import printable
from dify_async.errors import DifyError
from dify_async.events import Event
from dify_async.observer import BatchRow, Call, Observer, Run

HTTP: Final = logging.getLogger("dify_async.http")
STREAM: Final = logging.getLogger("dify_async.stream")
BATCH: Final = logging.getLogger("dify_async.batch")


def log_retry(operation: str, attempt: int, error: DifyError, delay: float) -> None:
    """Log that an attempt failed and is retried."""
    HTTP.info(
        "%s: attempt %d failed, next in %.1f s: %s",
        operation,
        attempt,
        delay,
        error,
        extra=log_fields(operation=operation, attempt=attempt, delay=delay, error=_name_of(error)),
    )


class LogObserver(Observer):
    """An observer that logs calls, runs and rows."""

    def operation_ended(self, call: Call, error: BaseException | None) -> None:
        """Log the response, or the error."""
        run_id = call.run.run_id if call.run is not None else None
        fields = log_fields(
            operation=call.operation,
            host=call.host,
            run_id=run_id,
            status=call.status,
            ms=_ms(call.elapsed),
            attempt=call.attempts,
            bytes=call.received,
            error=_name_of(error),
        )
        HTTP.debug(
            "%s at %s%s: %s after %d ms, attempt %d, %d bytes",
            call.operation,
            call.host,
            f" for run {printable(run_id)}" if run_id is not None else "",
            call.status if error is None or call.status is not None else _name_of(error),
            _ms(call.elapsed),
            call.attempts,
            call.received,
            extra=fields,
        )

    def run_opened(self, run: Run) -> None:
        """Log how long the run waited for a slot and for the response."""
        STREAM.debug(
            "%s at %s: stream opened after %d ms, including %d ms of waiting for a slot",
            run.operation,
            run.host,
            _ms(run.opened_after),
            _ms(run.queued),
            extra=_run_fields(run),
        )

    def run_event(self, run: Run, event: Event) -> None:
        """Log an event without text."""
        data: Any = getattr(event, "data", None)
        node_id = getattr(data, "node_id", None)
        name: object = getattr(event, "event", "")
        if node_id is not None:
            STREAM.debug(
                "%s: %s of node %s",
                _named(run),
                printable(str(name)),
                printable(str(node_id)),
                extra=_run_fields(run),
            )

    def run_recovered(self, run: Run, seconds: float) -> None:
        """Log that a run was recovered."""
        STREAM.debug("%s: recovered after %d ms", _named(run), _ms(seconds), extra=_run_fields(run))

    def run_stopped(self, run: Run, problem: str | None) -> None:
        """Log that the server was asked to stop a run. A failure is logged elsewhere, as a warning."""
        if problem is None:
            STREAM.debug(
                "%s: left early, and the server was asked to stop it",
                _named(run),
                extra=_run_fields(run),
            )

    def run_ended(self, run: Run, error: BaseException | None) -> None:
        """Log the outcome."""
        STREAM.debug(
            "%s: %s after %d ms, %d events, %d bytes, %d interruptions",
            _named(run),
            printable(run.outcome or "") + (f" ({_name_of(error)})" if error is not None else ""),
            _ms(run.elapsed),
            run.events,
            run.received,
            run.interruptions,
            extra=_run_fields(run, error=_name_of(error)),
        )

    def batch_row_ended(self, row: BatchRow, outcome: Any) -> None:
        """Log the outcome of a row."""
        if outcome is None:
            BATCH.debug("row %d: cancelled", row.index, extra=log_fields(row=row.index))
            return
        status = printable(outcome.status)
        BATCH.debug(
            "row %d: %s after %d ms, %d attempts",
            row.index,
            status,
            _ms(outcome.elapsed),
            outcome.attempts,
            extra=log_fields(row=row.index, status=status, ms=_ms(outcome.elapsed), attempt=outcome.attempts),
        )


def _named(run: Run) -> str:
    return f"{run.operation} at {run.host}, run {printable(run.run_id) if run.run_id else 'without id'}"


def _run_fields(run: Run, **more: object) -> dict[str, object]:
    return log_fields(
        operation=run.operation,
        host=run.host,
        run_id=run.run_id,
        status=run.outcome,
        ms=_ms(run.elapsed),
        attempt=run.attempts,
        bytes=run.received,
        **more,
    )


def log_fields(**fields: object) -> dict[str, object]:
    """Return additional attributes of a log record: `dify_operation`, ..., without those that are None."""
    return {
        f"dify_{name}": printable(value) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }


def _ms(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1000)


def _name_of(error: BaseException | None) -> str | None:
    return type(error).__name__ if error is not None else None
