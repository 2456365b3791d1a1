"""Run the workflow of a web app, and follow its runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs
from dify_async._wire.results import WorkflowAccumulator
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import RunHandle
from dify_async.operations import runs as operations
from dify_async.options import RunOptions
from dify_async.resources.followed_runs import FollowedRuns
from dify_async.resources.run_bodies import run_body, start


class WebWorkflows(FollowedRuns):
    """Run workflows, and wait for, follow, stop and inspect runs."""

    async def run(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        **options: Unpack[RunOptions],
    ) -> WorkflowResult:
        """Run the app's workflow and return its result.

        The run is streamed and accumulated to its result; the Web API always streams. Cancelling the call
        stops the run on the server.

        Args:
            inputs: The values of the app's input form, by variable name, including `InputFile`s; `{}` for
                none.
            files: Files in addition to the inputs, for apps that accept them.
            **options: See `RunOptions`.

        Raises:
            RunFailed: the run failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            ApiError: the server rejected the call.
            OutcomeUnknown: the connection broke before the run sent its id; it may have started.
            StreamInterrupted: the stream was interrupted, and the SDK could not reconnect; wait for the run
                later with `handle`.
            TransportError: no connection, or a timeout expired.
        """
        stream = self.stream(inputs, files=files, **options)
        del options  # Its headers may be secrets, and tools show the local variables of a traceback.
        async with stream as run:
            return await run.result()

    def stream(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[RunOptions],
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Run the app's workflow and follow its events. They omit the inputs and outputs of nodes.

        Entering the returned `EventStream` sends the request, and raises the errors of `run`.

        Args:
            inputs: The values of the app's input form, by variable name, including `InputFile`s; `{}` for
                none.
            files: Files in addition to the inputs, for apps that accept them.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `RunOptions`.
        """
        request = self._api.build(operations.RUN_WORKFLOW, options, json=run_body(inputs, files))
        spec = RunSpec(request=request, kind="workflow", stop=operations.STOP_WORKFLOW, recovers=True)
        return EventStream(self._api, spec, WorkflowAccumulator(), on_ping=on_ping)

    async def submit(
        self,
        inputs: Inputs,
        *,
        files: FileInputs | None = None,
        **options: Unpack[RunOptions],
    ) -> RunHandle:
        """Start a run without waiting for its end, and return its handle.

        With the handle, this or another process of the same end user can wait for the run. Cancelling the
        call before it returns stops the run.

        Args:
            inputs: The values of the app's input form, by variable name, including `InputFile`s; `{}` for
                none.
            files: Files in addition to the inputs, for apps that accept them.
            **options: See `RunOptions`.

        Raises:
            RunRejected: the server rejected the run, usually because an input is missing or invalid.
            ApiError: the server rejected the call.
            OutcomeUnknown: the connection broke before the run sent its id.
            TransportError: no connection, or a timeout expired.
        """
        stream = self.stream(inputs, files=files, **options)
        del options
        return await start(stream)
