"""Run workflows, and wait for, follow, stop and inspect runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Unpack

from dify_async._http.attempts import AttemptCounter
from dify_async._http.call_options import checked_options, missing_user
from dify_async._http.pager import Pager
from dify_async._streaming.recovery import fetch_record
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs
from dify_async._wire.blocking import BlockingRun
from dify_async._wire.operation import Operation
from dify_async._wire.results import WorkflowAccumulator
from dify_async.errors import NotFound, RunFailed, RunPaused, StreamInterrupted
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs
from dify_async.models.logs import WorkflowLog
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import RunHandle, RunStatus, WorkflowRun
from dify_async.operations import runs as operations
from dify_async.options import AppCallOptions, AppRunOptions
from dify_async.resources._base import next_number, pages
from dify_async.resources.followed_runs import FollowedRuns
from dify_async.resources.run_bodies import (
    FormCheck,
    call_options,
    journal_for,
    raise_for_run,
    read_handle,
    run_body,
    run_in_blocking_mode,
    start,
    with_trace,
    wrong_mode,
)

if TYPE_CHECKING:
    from dify_async.batch import Batch, Rows
    from dify_async.batch.journal import Journal


class Workflows(FollowedRuns):
    """Run workflows, and wait for, follow, stop and inspect runs. For keys of workflow apps."""

    async def run(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        workflow_id: str | None = None,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        **options: Unpack[AppRunOptions],
    ) -> WorkflowResult:
        """Run the app's workflow and return its result.

        The run is streamed and accumulated to its result, because gateways cut off a blocking response after
        60 to 100 seconds of silence, while the run continues and is billed. Cancelling the call stops the run
        on the server.

        Args:
            inputs: The values of the app's input form, by variable name; `{}` for none. A file input takes an
                `InputFile`, a file list input a list of them; they are uploaded before the run starts, as the
                end user of the run. Values that are None are omitted.
            files: Files in addition to the inputs, for apps that accept them: `InputFile`s, uploaded files,
                or objects in Dify's format, such as `{"type": "image", "transfer_method": "remote_url",
                "url": ...}`.
            workflow_id: A published version to run instead of the current one.
            response_mode: "blocking" requests a single response without a stream. Such a run cannot be
                stopped, because its task id arrives with its result, and only `Timeouts.total` limits the
                wait.
            trace_id: For the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            **options: See `AppRunOptions`.

        Raises:
            RunFailed: the run failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            ApiError: the server rejected the call. Only calls that certainly started no run are retried.
            OutcomeUnknown: the connection broke before the run sent its id; it may have started.
            StreamInterrupted: the stream was interrupted, and the SDK could not reconnect, or the run made no
                progress for 21 minutes; wait for the run later with `handle`.
            TransportError: no connection, or a timeout expired.
        """
        if trace_id is not None or trace_session_id is not None:
            options = with_trace(options, trace_id, trace_session_id)
        if response_mode == "streaming":
            async with self._stream(inputs, files, workflow_id, options) as run:
                return await run.result()
        if response_mode != "blocking":
            raise wrong_mode(response_mode)
        operation, ids = _operation(workflow_id)
        body = run_body(inputs, files, response_mode="blocking")
        user = self._api.user_of(options)
        result = await run_in_blocking_mode(
            self._api,
            operation,
            options,
            lambda answer: answer.result(user),
            kind="workflow",
            ids=ids,
            json=body,
        )
        raise_for_run(self._api, operation, options, result)
        return result

    def stream(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[AppRunOptions],
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Run the app's workflow and follow its events.

        Entering the returned `EventStream` sends the request, and raises the errors of `run`.

        Args:
            inputs: As for `run`.
            files: As for `run`.
            workflow_id: A published version to run instead of the current one.
            trace_id: For the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppRunOptions`.
        """
        if trace_id is not None or trace_session_id is not None:
            options = with_trace(options, trace_id, trace_session_id)
        return self._stream(inputs, files, workflow_id, options, on_ping)

    async def submit(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        **options: Unpack[AppRunOptions],
    ) -> RunHandle:
        """Start a run without waiting for its end, and return its handle.

        With the handle, this or another process can wait for the run. Cancelling the call before it returns
        stops the run.

        Args:
            inputs: As for `run`.
            files: As for `run`.
            workflow_id: A published version to run instead of the current one.
            trace_id: For the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            **options: See `AppRunOptions`.

        Raises:
            RunRejected: the server rejected the run, usually because an input is missing or invalid.
            ApiError: the server rejected the call.
            OutcomeUnknown: the connection broke before the run sent its id.
            TransportError: no connection, or a timeout expired.
        """
        if trace_id is not None or trace_session_id is not None:
            options = with_trace(options, trace_id, trace_session_id)
        return await start(self._stream(inputs, files, workflow_id, options))

    def run_many(
        self,
        rows: Rows[Inputs],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        check_inputs: bool = True,
        workflow_id: str | None = None,
        journal: str | os.PathLike[str] | None = None,
        per_minute: float | None = None,
        **options: Unpack[AppRunOptions],
    ) -> Batch[Inputs, WorkflowResult]:
        """Run the app's workflow for many inputs with bounded concurrency. See `Batch`.

        Args:
            rows: Inputs, as for `run`: any iterable or async iterable, read as needed.
            concurrency: Maximum number of rows in flight or waiting to be read. A default Dify server handles
                10 connections. The client's `max_concurrent` applies as well.
            ordered: Yield outcomes in the order of the rows, instead of as they complete.
            adaptive: Start with one run at a time and increase until the server pushes back.
            check_inputs: Request the app's input form first; rows that do not match it fail without a run.
            workflow_id: A published version to run instead of the current one.
            journal: A file that records the progress. A later batch with the same rows and journal runs only
                rows that have not succeeded: earlier results are read from the file, and runs that were in
                flight when the process ended are followed by their ids. Rows are identified by their content.
            per_minute: Maximum number of runs that start in a minute, evenly spaced. Default: no maximum.
            **options: See `AppRunOptions`; `timeout` applies to each row.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        from dify_async.batch import Batch  # noqa: PLC0415 - only batches need it

        api = self._api
        operation = _operation(workflow_id)[0]
        checked_options(options, operation, takes_user=api.auth.sends_user)
        if api.user_of(options) is None:
            raise missing_user(operation)
        calls = call_options(options)
        form = FormCheck(api, calls) if check_inputs else None
        book = journal_for(api, journal, operation, options)

        async def run_row(row: Inputs, key: str, attempts: AttemptCounter) -> WorkflowResult:
            if book is not None and (known := await self._follow_recorded(book, key, calls)) is not None:
                return known
            if form is not None:
                await form.check(row)
            workflows = Workflows(api.counted_by(attempts))
            async with workflows.stream(row, workflow_id=workflow_id, **options) as run:
                if book is not None and (handle := await read_handle(run)) is not None:
                    book.record_start(key, handle)
                return await run.result()

        return Batch(
            rows,
            run_row,
            concurrency=concurrency,
            ordered=ordered,
            adaptive=adaptive,
            journal=book,
            observers=api.observers,
            per_minute=per_minute,
            user_of=lambda _: api.user_of(options),
        )

    async def _follow_recorded(
        self, book: Journal, key: str, options: AppCallOptions
    ) -> WorkflowResult | None:
        """Follow the run that an earlier batch started for a row; return None if the row must be run."""
        handle = book.in_flight.get(key)
        if handle is None:
            return None
        try:
            return await self.wait(handle, **options)
        except RunPaused:
            raise
        except StreamInterrupted:
            # A run whose worker was killed stays "running" forever. Otherwise the server could not be
            # reached.
            record = await self.get(handle.run_id, **options)
            if record.status != RunStatus.RUNNING:
                raise
        except (NotFound, RunFailed):
            pass  # The row is run again, like one whose run failed before the batch was interrupted.
        del book.in_flight[key]
        return None

    async def get(self, workflow_run_id: str, **options: Unpack[AppCallOptions]) -> WorkflowRun:
        """Return the server's record of a run, whatever its status; also for runs of chatflows.

        A run whose worker was killed stays "running" forever.

        Args:
            workflow_run_id: The run's id.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: this app has no such run.
        """
        return await fetch_record(self._api, workflow_run_id, options)

    def logs(
        self,
        *,
        keyword: str | None = None,
        status: Literal["succeeded", "failed", "stopped"] | None = None,
        created_at__before: datetime | str | None = None,
        created_at__after: datetime | str | None = None,
        created_by_end_user_session_id: str | None = None,
        created_by_account: str | None = None,
        limit: int = 20,
        **options: Unpack[AppCallOptions],
    ) -> Pager[WorkflowLog]:
        """List the app's runs, newest first.

        Entries do not contain inputs and outputs: `get(entry.workflow_run.id)` returns them.

        Args:
            keyword: Only runs whose inputs or outputs contain this text; the server uses its first 30
                characters. In combination with `created_by_end_user_session_id`, Dify 1.14 to 1.16 responds
                with 500.
            status: Only runs with this status. Servers reject "partial-succeeded" and "paused" here.
            created_at__before: Only runs that were created before this time: an ISO 8601 string, or a
                `datetime` with a time zone. Servers of 2024 ignore it.
            created_at__after: Only runs that were created after this time, in the same format.
            created_by_end_user_session_id: Only runs of this `user`. Servers of 2024 ignore it.
            created_by_account: Only runs of the member with this e-mail address. Servers of 2024 ignore it.
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.
        """
        query: dict[str, Any] = {
            "keyword": keyword,
            "status": status,
            "created_at__before": created_at__before,
            "created_at__after": created_at__after,
            "created_by_end_user_session_id": created_by_end_user_session_id,
            "created_by_account": created_by_account,
        }
        return pages(self._api, operations.LIST_WORKFLOW_LOGS, options, next_number, query=query, limit=limit)

    def _stream(
        self,
        inputs: Inputs,
        files: FileInputs | None,
        workflow_id: str | None,
        options: AppRunOptions,
        on_ping: Callable[[], object] | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        body = run_body(inputs, files, response_mode="streaming")
        if workflow_id is None:
            request = self._api.build(operations.RUN_WORKFLOW, options, json=body)
        else:
            operation, ids = _operation(workflow_id)
            request = self._api.build(operation, options, ids=ids, json=body)
        spec = RunSpec(request=request, kind="workflow", stop=operations.STOP_WORKFLOW, recovers=True)
        return EventStream(self._api, spec, WorkflowAccumulator(), on_ping=on_ping)


def _operation(workflow_id: str | None) -> tuple[Operation[BlockingRun], dict[str, str]]:
    """Return the operation that runs a version of the workflow, and the ids in its path."""
    if workflow_id is None:
        return operations.RUN_WORKFLOW, {}
    return operations.RUN_WORKFLOW_VERSION, {"workflow_id": workflow_id}
