"""Follow, resume and stop existing runs, on both APIs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Unpack

from dify_async._http.api import Api
from dify_async._http.auth import is_text
from dify_async._http.redaction import hidden
from dify_async._streaming.recovery import follow_request
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Json
from dify_async._wire.results import Progress, WorkflowAccumulator
from dify_async.errors import ConfigurationError
from dify_async.events import WorkflowEvent
from dify_async.models.results import WorkflowResult
from dify_async.models.runs import RunHandle
from dify_async.operations import runs as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource
from dify_async.resources.app.forms import submit_form


class FollowedRuns(Resource):
    """Runs of workflows and chatflows, by their ids or handles."""

    def attach(
        self,
        run: str | RunHandle,
        *,
        include_state_snapshot: bool = True,
        continue_on_pause: bool = False,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[AppCallOptions],
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Follow the events of a run that was started earlier or by another process; also runs of chatflows.

        The first events are a snapshot: the events of nodes that have already started and finished, with the
        run's id in place of the task id. Text that was streamed earlier is not repeated; the outputs at the
        end are complete. For a run that has ended, only its last event is delivered. Leaving the stream does
        not stop the run.

        Args:
            run: The run's id, or its handle. With a handle, the run is followed as the handle's end user.
            include_state_snapshot: False omits the snapshot.
            continue_on_pause: Continue after a pause, instead of ending there.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: this app and this end user have no such run.
        """
        # The Web API ends its stream at a pause nevertheless, so the stream reconnects.
        goes_on = continue_on_pause and not self._api.auth.sends_user
        return self._follow(
            run,
            options,
            snapshot=include_state_snapshot,
            continue_on_pause=continue_on_pause,
            recovers=goes_on,
            on_ping=on_ping,
        )

    async def wait(
        self, run: str | RunHandle, *, continue_on_pause: bool = False, **options: Unpack[AppCallOptions]
    ) -> WorkflowResult:
        """Wait for the end of a run that was started earlier or by another process; also runs of chatflows.

        Interrupted connections and restarts of the server do not end the wait: the SDK reconnects to the
        run's stream or, on the Service API, polls the run's record. Cancelling the call does not stop the
        run.

        Args:
            run: The run's id, or its handle. With a handle, the run is followed as the handle's end user.
            continue_on_pause: Keep waiting while the run waits for a person. Use it also right after a form
                was submitted elsewhere, because the server may still report the pause.
            **options: See `AppCallOptions`.

        Raises:
            RunFailed: the run failed; `RunStopped` and `RunPaused` are subclasses.
            NotFound: this app has no such run.
            StreamInterrupted: the run made no progress for 21 minutes.
            TotalTimeout: the call took longer than `timeout`.
        """
        stream = self._follow(
            run, options, snapshot=True, continue_on_pause=continue_on_pause, recovers=True, is_stored=True
        )
        async with stream:
            return await stream.result()

    def resume(
        self,
        run: str | RunHandle,
        form_token: str,
        inputs: Mapping[str, Json],
        action: str,
        *,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[AppCallOptions],
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Submit the form that a run waits for, and follow the run; also runs of chatflows.

        The stream is opened before the form is submitted, so that no event is lost. (With a `session` that
        allows a single connection, the form is submitted first, and the stream starts with a snapshot.) The
        run may pause again. Leaving the stream does not stop the run. A run can be resumed days later and by
        another process, which needs only its handle and the form's token.

        Args:
            run: The run's id, or its handle. With a handle, the run is followed as the handle's end user.
            form_token: The form's token: `result.paused.forms[...].form_token`.
            inputs: A value for each input of the form, by `output_variable_name`. A file input takes an
                `InputFile`, uploaded as the run's end user, or a file from the Web API's `forms.upload`.
            action: The `id` of one of the form's actions.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppCallOptions`.

        Raises:
            InvalidFormData: an input is missing, or there is no such action.
            FormClosed: the form was submitted already, or has expired (412).
            NotFound: there is no such run, or no such form.
            RateLimited: too many submissions within a minute (Web API, per IP address).
        """
        form_token = hidden(form_token)
        if not is_text(form_token):
            raise ConfigurationError("`form_token` must be a non-empty str")
        api = self._api_of(run)

        async def submit() -> None:
            await submit_form(api, form_token, inputs, action, options)

        return self._follow(
            run,
            options,
            snapshot=api.transport.has_one_connection,
            continue_on_pause=False,
            recovers=True,
            on_ping=on_ping,
            submit=submit,
            submitted_form=form_token,
        )

    async def stop(self, task_id: str, **options: Unpack[AppCallOptions]) -> None:
        """Ask the server to stop a run, which usually takes one or two seconds.

        Dify responds with "success" for every task id, including unknown ones and those of runs that have
        ended. `max_concurrent` does not apply to this call.

        Args:
            task_id: The task id, from `EventStream.task_id`, a `RunHandle` or any event. Not the run's id.
            **options: See `AppCallOptions`.
        """
        await self._api.call(operations.STOP_WORKFLOW, options, ids={"task_id": task_id})

    def _follow(
        self,
        run: str | RunHandle,
        options: AppCallOptions,
        *,
        snapshot: bool,
        continue_on_pause: bool,
        recovers: bool,
        is_stored: bool = False,
        on_ping: Callable[[], object] | None = None,
        submit: Callable[[], Awaitable[None]] | None = None,
        submitted_form: str | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        api = self._api_of(run)
        run_id = run.run_id if isinstance(run, RunHandle) else run
        spec = RunSpec(
            request=follow_request(
                api, run_id, options, snapshot=snapshot, continue_on_pause=continue_on_pause
            ),
            kind=run.kind if isinstance(run, RunHandle) else "workflow",
            stop=operations.STOP_WORKFLOW,
            is_ours=False,
            recovers=recovers,
            is_stored=is_stored,
            continue_on_pause=continue_on_pause,
            submit=submit,
        )
        progress = Progress(run_id=run_id)
        # Until the worker has received the form, a snapshot still reports that the run waits for it.
        progress.note_form(submitted_form)
        accumulator = WorkflowAccumulator(progress, continue_on_pause=continue_on_pause)
        return EventStream(api, spec, accumulator, on_ping=on_ping)

    def _api_of(self, run: str | RunHandle) -> Api:
        return self._api.for_user(run.user if isinstance(run, RunHandle) else None)
