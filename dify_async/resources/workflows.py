"""Workflow runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import attrs

from dify_async._core import operations
from dify_async._core.core import Core, Options, Request
from dify_async._core.pager import Pager
from dify_async._core.recovery import following
from dify_async._core.stream import EventStream, Run
from dify_async._types import OMIT, Json, Omit
from dify_async._wire.fold import Progress, WorkflowFold
from dify_async.errors import ConfigurationError, DecodeError, NotFound
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs, InputFile
from dify_async.models import Page, RunHandle, UploadedFile, WorkflowLog, WorkflowResult, WorkflowRun
from dify_async.models._base import as_list
from dify_async.settings import Timeouts

_log: Final = logging.getLogger("dify_async")


@attrs.frozen
class Workflows:
    """Run workflows, and find their runs again. For keys of workflow apps."""

    _core: Core

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
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        request = self._request(
            inputs, files, workflow_id, response_mode, trace_id, trace_session_id, options
        )
        if response_mode == "blocking":
            return await self._answer(request)
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
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        request = self._request(inputs, files, workflow_id, "streaming", trace_id, trace_session_id, options)
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
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        request = self._request(inputs, files, workflow_id, "streaming", trace_id, trace_session_id, options)
        async with self._events(request) as run:
            async for _ in run:
                if run.handle is not None:
                    run.detach()
                    return run.handle
            result = await run.result()  # Raises, for no run ends well without having begun.
        raise DecodeError(
            f"the run ended as {result.status} without an id", operation=request.asked.operation
        )

    def attach(
        self,
        run: str | RunHandle,
        *,
        include_state_snapshot: bool = True,
        continue_on_pause: bool = False,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Follow a run that was started elsewhere, or before; runs of chatflows too.

        Nothing that the server sends is left out: what a snapshot repeats comes as it is, with the run's id
        in place of the task's. Text that was streamed before is lost; the outputs in the end are whole. A
        run that is over gives its last event. Leaving the stream leaves the run alone.

        Args:
            run: The run's id, or its handle; a handle's own end user is asked for.
            include_state_snapshot: First repeat the nodes that started and finished so far.
            continue_on_pause: Go on after a pause, instead of ending there.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such run of this app and this end user.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return self._followed(run, include_state_snapshot, continue_on_pause, options, on_ping)

    async def wait(
        self,
        run: str | RunHandle,
        *,
        continue_on_pause: bool = False,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowResult:
        """Wait for the end of a run that was started elsewhere, or before; runs of chatflows too.

        The run is followed, and its record is read where it cannot be: through broken connections,
        restarts of the server and its deploys. Leaving the call leaves the run alone.

        Args:
            run: The run's id, or its handle; a handle's own end user is asked for.
            continue_on_pause: Go on waiting where the run waits for a person.
            timeout: Seconds for the whole call, or clocks of its own. Without one, a run that shows no life
                is given up after 21 minutes: one whose worker was killed says "running" for ever.
            extra_headers: Headers besides the client's.

        Raises:
            RunFailed: the run ended badly; `RunStopped` and `RunPaused` are kinds of it.
            NotFound: there is no such run of this app.
            StreamInterrupted: the run showed no sign of life for 21 minutes.
            TotalTimeout: it did not end within `timeout`.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        async with self._followed(run, True, continue_on_pause, options, is_stored=True) as stream:
            return await stream.result()

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

    async def stop(
        self,
        task_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Ask the server to stop a run; it ends within a second or two, as stopped.

        Dify says "success" for every task id, also for unknown ones and for runs that are over, so nothing
        can be told from it. Never held back by `max_concurrent`.

        Args:
            task_id: From `EventStream.task_id`, a `RunHandle` or any event: not the run's id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        await self._core.call(
            operations.STOP_WORKFLOW,
            ids={"task_id": task_id},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

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
        if not 1 <= limit <= 100:
            raise ConfigurationError(f"limit is 1 to 100 entries a page, not {limit!r}")
        query: dict[str, Any] = {
            "keyword": keyword,
            "status": status,
            "created_at__before": _iso(created_at__before),
            "created_at__after": _iso(created_at__after),
            "created_by_end_user_session_id": created_by_end_user_session_id,
            "created_by_account": created_by_account,
            "limit": limit,
        }
        options = Options(timeout=timeout, extra_headers=extra_headers)

        async def fetch(last: Page[WorkflowLog] | None) -> Page[WorkflowLog] | None:
            if last is not None and not last.has_more:
                return None
            number = 1 if last is None else (last.page or 0) + 1
            return await self._core.call(
                operations.LIST_WORKFLOW_LOGS, query={**query, "page": number}, options=options
            )

        return Pager(fetch)

    def _request(
        self,
        inputs: Mapping[str, Json],
        files: FileInputs | Omit,
        workflow_id: str | None,
        response_mode: str,
        trace_id: str | None,
        trace_session_id: str | None,
        options: Options,
    ) -> Request:
        if not isinstance(inputs, Mapping):
            raise ConfigurationError(
                f"inputs are values by variable name, as a dict, not {type(inputs).__name__}"
            )
        body: dict[str, Json] = {"inputs": _given(inputs), "response_mode": response_mode}
        if files is not OMIT:
            body["files"] = [dict(file) if isinstance(file, Mapping) else file for file in files]
        operation, ids = operations.RUN_WORKFLOW, {}
        if workflow_id is not None:
            operation, ids = operations.RUN_WORKFLOW_VERSION, {"workflow_id": workflow_id}
        headers = {"X-Trace-Id": trace_id, "X-Trace-Session-Id": trace_session_id}
        traces = {name: value for name, value in headers.items() if value is not None}
        options = attrs.evolve(options, extra_headers={**traces, **(options.extra_headers or {})})
        return self._core.prepare(operation, ids=ids, body=body, options=options)

    def _events(
        self, request: Request, on_ping: Callable[[], object] | None = None
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        user = self._core.identity.asked_user(request.asked.operation)
        run = Run(request=request, kind="workflow", user=user, stop=operations.STOP_WORKFLOW, recovers=True)
        return EventStream(self._core, run, WorkflowFold(), on_ping=on_ping)

    def _followed(
        self,
        run: str | RunHandle,
        snapshot: bool,
        through_pauses: bool,
        options: Options,
        on_ping: Callable[[], object] | None = None,
        *,
        is_stored: bool = False,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        handle = run if isinstance(run, RunHandle) else None
        run_id = run if not isinstance(run, RunHandle) else run.run_id
        user = handle.user if handle is not None else None
        user = user or self._core.identity.asked_user(operations.FOLLOW_RUN.asked.operation)
        request = following(
            self._core, run_id, user=user, snapshot=snapshot, through_pauses=through_pauses, options=options
        )
        followed = Run(
            request=request,
            kind="workflow" if handle is None else handle.kind,
            user=user,
            stop=operations.STOP_WORKFLOW,
            is_ours=False,
            recovers=is_stored,
            is_stored=is_stored,
            through_pauses=through_pauses,
        )
        fold = WorkflowFold(Progress(run_id=run_id), through_pauses=through_pauses)
        return EventStream(self._core, followed, fold, on_ping=on_ping)

    async def _answer(self, request: Request) -> WorkflowResult:
        async with self._core.slot():
            try:
                response = await self._core.exchange(request, harmless=False)
            except asyncio.CancelledError:
                _log.warning("%s: left in blocking mode, so its run goes on", request.asked.operation)
                raise
        user = self._core.identity.asked_user(request.asked.operation)
        result = self._core.decoded(operations.RUN_WORKFLOW, response).result(user)
        return self._core.accepted(result, request.asked, handle=result.handle)


def _given(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what is None, also among several files: the server takes both for not given."""
    return {name: _without_none(value) for name, value in inputs.items() if value is not None}


def _without_none(value: Json) -> Json:
    items = as_list(value)
    if items is None or not any(isinstance(item, (InputFile, UploadedFile)) for item in items):
        return value
    return [item for item in items if item is not None]


def _iso(time: datetime | str | None) -> str | None:
    return time.isoformat() if isinstance(time, datetime) else time
