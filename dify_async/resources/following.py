"""Runs that are there already: following, resuming and stopping them. The same on both APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.recovery import following
from dify_async._core.request import Options
from dify_async._core.stream import EventStream, Run
from dify_async._types import Json
from dify_async._wire.results import Progress, WorkflowAccumulator
from dify_async.events import WorkflowEvent
from dify_async.models import RunHandle, WorkflowResult
from dify_async.resources.forms import submitted
from dify_async.settings import Timeouts


@attrs.frozen
class StoredRuns:
    """Runs of workflows and chatflows, found again by their ids or handles."""

    _core: Core

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
        # The Web API ends its stream at a pause all the same, so the run is looked for again.
        goes_on = continue_on_pause and not self._core.identity.names_user
        run_of = self._run_of(run, include_state_snapshot, continue_on_pause, options)
        return self._stream(attrs.evolve(run_of, recovers=goes_on), run, on_ping)

    async def wait(
        self,
        run: str | RunHandle,
        *,
        continue_on_pause: bool = False,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> WorkflowResult:
        """Wait for the end of a run that was started elsewhere, or before; runs of chatflows too.

        The run is followed, and its record is read where it cannot be (the Web API has no records): through
        broken connections, restarts of the server and its deploys. Leaving the call leaves the run alone.

        Args:
            run: The run's id, or its handle; a handle's own end user is asked for.
            continue_on_pause: Wait on when the run waits for a person; right after a form was submitted
                elsewhere, the server may still say that it does.
            timeout: Seconds for the whole wait, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            RunFailed: the run ended badly; `RunStopped` and `RunPaused` are kinds of it.
            NotFound: there is no such run of this app.
            StreamInterrupted: it showed no sign of life for 21 minutes.
            TotalTimeout: it took longer than `timeout`.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        run_of = self._run_of(run, True, continue_on_pause, options)
        async with self._stream(attrs.evolve(run_of, recovers=True, is_stored=True), run) as stream:
            return await stream.result()

    def resume(
        self,
        run: str | RunHandle,
        form_token: str,
        inputs: Mapping[str, Json],
        action: str,
        *,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        """Fill in the form that a run waits for, and follow what comes then; runs of chatflows too.

        ```python
        except errors.RunPaused as exc:
            (form,) = exc.paused.forms
            answer = {"comment": "fine"}
            async with client.workflows.resume(exc.handle, form.form_token, answer, "approve") as run:
                result = await run.result()
        ```

        The stream is opened before the form is submitted, so that no event is lost. The run may pause
        again. Leaving the stream leaves the run alone. A run can be resumed days later and from another
        process: its handle and the form's token are texts.

        Args:
            run: The run's id, or its handle; a handle's own end user is asked for.
            form_token: From the form: `result.paused.forms[...].form_token`.
            inputs: A value for each input of the form, by `output_variable_name`. A file input takes an
                `InputFile`, uploaded as the run's end user, or a file of the Web API's `forms.upload`.
            action: The `id` of one of the form's actions.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            InvalidFormData: an input is missing, or there is no such action.
            FormClosed: the form was submitted already, or has expired (412).
            NotFound: there is no such run, or no such form.
            RateLimited: too many submits within a minute (Web API, by address).
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        run_of = self._run_of(run, False, False, options)

        async def submit() -> None:
            await submitted(self._core_of(run), form_token, inputs, action, options)

        resumed = attrs.evolve(run_of, recovers=True, once_open=submit)
        return self._stream(resumed, run, on_ping, submitted_form=form_token)

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

    def _run_of(self, run: str | RunHandle, snapshot: bool, continue_on_pause: bool, options: Options) -> Run:
        core = self._core_of(run)
        request = following(
            core,
            run if not isinstance(run, RunHandle) else run.run_id,
            snapshot=snapshot,
            continue_on_pause=continue_on_pause,
            options=options,
        )
        return Run(
            request=request,
            kind=run.kind if isinstance(run, RunHandle) else "workflow",
            user=core.identity.user,
            stop=operations.STOP_WORKFLOW,
            is_ours=False,
            continue_on_pause=continue_on_pause,
        )

    def _stream(
        self,
        run_of: Run,
        run: str | RunHandle,
        on_ping: Callable[[], object] | None = None,
        submitted_form: str | None = None,
    ) -> EventStream[WorkflowEvent, WorkflowResult]:
        progress = Progress(run_id=run if not isinstance(run, RunHandle) else run.run_id)
        # Until the worker has picked the answer up, a snapshot still says that the run waits for it.
        progress.note_form(submitted_form)
        fold = WorkflowAccumulator(progress, continue_on_pause=run_of.continue_on_pause)
        return EventStream(self._core_of(run), run_of, fold, on_ping=on_ping)

    def _core_of(self, run: str | RunHandle) -> Core:
        return self._core.for_user(run.user if isinstance(run, RunHandle) else None)
