"""Workflow runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from dify_async._core import operations
from dify_async._core.pager import Pager
from dify_async._core.request import Options, Request
from dify_async._core.stream import EventStream, Run
from dify_async._types import OMIT, Json, Omit
from dify_async._wire.results import WorkflowAccumulator
from dify_async.batch import Batch, Rows
from dify_async.batch.journal import Journal
from dify_async.errors import NotFound, RunFailed, RunPaused, StreamInterrupted
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs
from dify_async.models import RunHandle, RunStatus, WorkflowLog, WorkflowResult, WorkflowRun
from dify_async.resources._asking import Form, answered, asked, begun, by_number, pages, started, traced
from dify_async.resources.following import StoredRuns
from dify_async.settings import Timeouts


@attrs.frozen
class Workflows(StoredRuns):
    """Run workflows, and find their runs again. For keys of workflow apps."""

    async def run(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        workflow_id: str | None = None,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> WorkflowResult:
        """Run the app's workflow, and wait for its result.

        The run is followed as a stream and folded to its result, because an answer in one piece dies at
        gateways after 60 to 100 seconds of silence while the run goes on and is paid for. Cancelling the
        call stops the run on the server.

        Args:
            inputs: The values of the app's form, by variable name; `{}` for none. A file field takes an
                `InputFile`, a list of files a list of them; files are uploaded before the run starts, as
                its end user. What is None is left out.
            files: For apps that take files beside their inputs: `InputFile`s, uploaded files, or objects
                as Dify has them, such as `{"type": "image", "transfer_method": "remote_url", "url": ...}`.
            workflow_id: A published version to run instead of the current one.
            response_mode: "blocking" asks for an answer in one piece. Such a run cannot be stopped, for
                its task id comes with its result, and only `Timeouts.total` ends the wait.
            trace_id: Goes to the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            RunFailed: the run ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            ApiError: the server refused the call. A refusal because of too many runs at once is tried
                again, as `Retry` says; nothing else is, where the run may have started.
            OutcomeUnknown: the connection broke before the run told its id; it may have started.
            StreamInterrupted: the stream broke off, and the run was not found again, or showed no sign of
                life for 21 minutes; `handle` finds it another time.
            TransportError: no connection, or a clock ran out.
        """
        headers = traced(trace_id, trace_session_id, extra_headers)
        options = Options(timeout=timeout, extra_headers=headers, extra_body=extra_body)
        request = self._request(inputs, files, workflow_id, response_mode, options)
        if response_mode == "blocking":
            answer = await answered(self._core, operations.RUN_WORKFLOW, request)
            result = answer.result(self._core.identity.user)
            return self._core.accepted(result, request.asked, handle=result.handle)
        async with self._events(request) as run:
            return await run.result()

    def stream(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Run the app's workflow, and follow its events.

        Takes what `run` takes, and is entered with `async with`; that sends the request, and raises what
        comes of it. See `EventStream` for what follows.

        Args:
            inputs: The values of the app's form, by variable name, `InputFile`s among them; `{}` for none.
            files: For apps that take files beside their inputs.
            workflow_id: A published version to run instead of the current one.
            trace_id: Goes to the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            on_ping: Called at each ping, for those who pass the stream on; about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.
        """
        headers = traced(trace_id, trace_session_id, extra_headers)
        options = Options(timeout=timeout, extra_headers=headers, extra_body=extra_body)
        request = self._request(inputs, files, workflow_id, "streaming", options)
        return self._events(request, on_ping)

    async def submit(
        self,
        inputs: Mapping[str, Json],
        *,
        files: FileInputs | Omit = OMIT,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> RunHandle:
        """Start a run, and leave it alone: return as soon as it has told its id.

        The handle finds the run again, here or in another process. Cancelling the call before it returns
        stops the run.

        Args:
            inputs: The values of the app's form, by variable name, `InputFile`s among them; `{}` for none.
            files: For apps that take files beside their inputs.
            workflow_id: A published version to run instead of the current one.
            trace_id: Goes to the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            RunRejected: the worker refused the run, mostly for an input.
            ApiError: the server refused the call.
            OutcomeUnknown: the connection broke before the run told its id.
            TransportError: no connection, or a clock ran out.
        """
        headers = traced(trace_id, trace_session_id, extra_headers)
        options = Options(timeout=timeout, extra_headers=headers, extra_body=extra_body)
        request = self._request(inputs, files, workflow_id, "streaming", options)
        return await started(self._events(request))

    def run_many(
        self,
        rows: Rows[Mapping[str, Json]],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        check_inputs: bool = True,
        journal: str | os.PathLike[str] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> Batch[Mapping[str, Json], WorkflowResult]:
        """Run the app's workflow for many inputs, a few at a time. See `Batch` for what follows.

        Args:
            rows: Inputs, as for `run`: any iterable or asynchronous iterable, read as it goes.
            concurrency: How many rows are on their way or waiting to be read, at most. A stock Dify serves 10
                connections. The client's `max_concurrent` holds as well.
            ordered: Give outcomes in the order of the rows, instead of as they come.
            adaptive: Begin with one run at a time, and find out how many the server bears.
            check_inputs: Ask for the app's form first, and give rows that do not fit it back without a run.
            journal: A file that remembers. A batch of the same rows and journal does only what has come to no
                good end: results of before are given again from the file, and a run that was on its way when
                the process ended is taken up by its id. Rows are known by their content.
            timeout: Seconds for each row, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of each body that this version does not know.

        Raises:
            ConfigurationError: an argument cannot be right.
        """
        form = Form(self._core, extra_headers) if check_inputs else None
        user = self._core.identity.asked_user(operations.RUN_WORKFLOW.asked.operation)
        book = Journal(journal, user) if journal is not None else None

        async def work(row: Mapping[str, Json], key: str) -> WorkflowResult:
            known = await self._known(book, key, timeout, extra_headers) if book is not None else None
            if known is not None:
                return known
            if form is not None:
                await form.check(row)
            stream = self.stream(row, timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
            async with stream as run:
                if book is not None and (handle := await begun(run)) is not None:
                    book.note_started(key, handle)
                return await run.result()

        return Batch(rows, work, concurrency=concurrency, ordered=ordered, adaptive=adaptive, journal=book)

    async def _known(
        self,
        book: Journal,
        key: str,
        timeout: float | Timeouts | None,
        extra_headers: Mapping[str, str] | None,
    ) -> WorkflowResult | None:
        """Give what a journal knows of a row, be it that its run has to be waited for."""
        handle = book.in_flight.get(key)
        if handle is None:
            return book.result_of(key)
        try:
            return await self.wait(handle, timeout=timeout, extra_headers=extra_headers)
        except RunPaused:
            raise
        except StreamInterrupted:
            # Its worker was killed, and it will say "running" for ever; unless the server could not be asked.
            record = await self.get(handle.run_id, timeout=timeout, extra_headers=extra_headers)
            if record.status != RunStatus.RUNNING:
                raise
        except (NotFound, RunFailed):
            pass  # It is missing, like a row whose run failed while somebody was there.
        del book.in_flight[key]
        return None

    async def get(
        self,
        workflow_run_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowRun:
        """Get the stored record of a run, also of one that still runs, failed or waits: none of it raises.

        Works for runs of chatflows too. A run whose worker was killed says "running" for ever.

        Raises:
            NotFound: there is no such run of this app.
        """
        run = await self._core.call(
            operations.GET_WORKFLOW_RUN,
            ids={"workflow_run_id": workflow_run_id},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )
        if not run.id:
            # Servers of early 2025 answer 200 with empty fields.
            raise NotFound(
                "404: there is no such run",
                status=404,
                operation=operations.GET_WORKFLOW_RUN.asked.operation,
                server_version=self._core.transport.server_version,
            )
        return run

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
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[WorkflowLog]:
        """List the app's past runs, newest first.

        Entries hold no inputs and outputs: `get(entry.workflow_run.id)` has them.

        Args:
            keyword: Only runs whose inputs or outputs hold it; the server takes 30 characters of it.
            status: Only runs that ended so. Servers refuse "partial-succeeded" and "paused" here.
            created_at__before: ISO 8601 text, or a `datetime` with a zone. Servers of 2024 ignore it.
            created_at__after: The same.
            created_by_end_user_session_id: Only runs of this `user`. Servers of 2024 ignore it.
            created_by_account: Only runs of this member, by e-mail. Servers of 2024 ignore it.
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        query: dict[str, Any] = {
            "keyword": keyword,
            "status": status,
            "created_at__before": _iso(created_at__before),
            "created_at__after": _iso(created_at__after),
            "created_by_end_user_session_id": created_by_end_user_session_id,
            "created_by_account": created_by_account,
        }
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return pages(
            self._core, operations.LIST_WORKFLOW_LOGS, query, by_number, limit=limit, options=options
        )

    def _request(
        self,
        inputs: Mapping[str, Json],
        files: FileInputs | Omit,
        workflow_id: str | None,
        response_mode: str,
        options: Options,
    ) -> Request:
        body = asked(inputs, files, response_mode=response_mode)
        operation, ids = operations.RUN_WORKFLOW, {}
        if workflow_id is not None:
            operation, ids = operations.RUN_WORKFLOW_VERSION, {"workflow_id": workflow_id}
        return self._core.prepare(operation, ids=ids, body=body, options=options)

    def _events(
        self, request: Request, on_ping: Callable[[], object] | None = None
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        user = self._core.identity.asked_user(request.asked.operation)
        run = Run(request=request, kind="workflow", user=user, stop=operations.STOP_WORKFLOW, recovers=True)
        return EventStream(self._core, run, WorkflowAccumulator(), on_ping=on_ping)


def _iso(time: datetime | str | None) -> str | None:
    return time.isoformat() if isinstance(time, datetime) else time
