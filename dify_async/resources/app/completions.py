"""Completions: apps that answer inputs with one text."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Unpack

from dify_async._http.attempts import AttemptCounter
from dify_async._http.call_options import checked_options
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs
from dify_async._wire.blocking import BlockingMessage
from dify_async._wire.results import CompletionAccumulator
from dify_async.events import CompletionEvent
from dify_async.files import FileInputs
from dify_async.models.results import CompletionResult
from dify_async.operations import runs as operations
from dify_async.options import AppCallOptions, AppRunOptions
from dify_async.resources._base import Resource
from dify_async.resources.run_bodies import (
    FormCheck,
    call_options,
    journal_for,
    run_body,
    run_in_blocking_mode,
    wrong_mode,
)

if TYPE_CHECKING:
    from dify_async.batch import Batch, Rows


class Completions(Resource):
    """Generate text with completion apps."""

    async def create(
        self,
        inputs: Inputs,
        *,
        query: str | None = None,
        files: FileInputs | None = None,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        **options: Unpack[AppRunOptions],
    ) -> CompletionResult:
        """Send inputs and return the answer.

        The answer is streamed and accumulated to its result, because gateways cut off a blocking response
        after 60 to 100 seconds of silence. Cancelling the call stops the answer on the server.

        Args:
            inputs: The values of the app's input form, by variable name; `{}` for none.
            query: The text to complete, for apps that accept one in addition to the inputs.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            response_mode: "blocking" requests a single response without a stream. The answer cannot be
                stopped, and only `Timeouts.total` limits the wait.
            **options: See `AppRunOptions`. Pass a trace id in `extra_headers`, as `X-Trace-Id`.

        Raises:
            ApiError: the server rejected the call, or the stream ended with an error that has a code.
            StreamInterrupted: the stream was interrupted; `partial` contains the text so far.
            OutcomeUnknown: the connection broke before the first event arrived.
            TransportError: no connection, or a timeout expired.
        """
        if response_mode == "streaming":
            stream = self.stream(inputs, query=query, files=files, **options)
            del options  # Its headers may be secrets, and tools show the local variables of a traceback.
            async with stream as run:
                return await run.result()
        if response_mode != "blocking":
            raise wrong_mode(response_mode)
        body = run_body(inputs, files, query=query, response_mode="blocking")
        return await run_in_blocking_mode(
            self._api,
            operations.CREATE_COMPLETION,
            options,
            BlockingMessage.completion,
            kind="completion",
            json=body,
        )

    def stream(
        self,
        inputs: Inputs,
        *,
        query: str | None = None,
        files: FileInputs | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[AppRunOptions],
    ) -> EventStream[CompletionEvent, CompletionResult]:
        """Send inputs and stream the answer: its events, or `run.text`.

        Entering the returned `EventStream` sends the request, and raises the errors of `create`.

        Args:
            inputs: The values of the app's input form, by variable name; `{}` for none.
            query: The text to complete, for apps that accept one in addition to the inputs.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppRunOptions`.
        """
        body = run_body(inputs, files, query=query, response_mode="streaming")
        request = self._api.build(operations.CREATE_COMPLETION, options, json=body)
        spec = RunSpec(request=request, kind="completion", stop=operations.STOP_COMPLETION)
        return EventStream(self._api, spec, CompletionAccumulator(), on_ping=on_ping)

    def create_many(
        self,
        rows: Rows[Inputs],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        check_inputs: bool = True,
        journal: str | os.PathLike[str] | None = None,
        per_minute: float | None = None,
        **options: Unpack[AppRunOptions],
    ) -> Batch[Inputs, CompletionResult]:
        """Send many inputs with bounded concurrency. See `Batch`.

        Args:
            rows: Inputs, as for `create`: any iterable or async iterable, read as needed.
            concurrency: Maximum number of rows in flight or waiting to be read. A default Dify server handles
                10 connections. The client's `max_concurrent` applies as well.
            ordered: Yield outcomes in the order of the rows, instead of as they complete.
            adaptive: Start with one call at a time and increase until the server pushes back.
            check_inputs: Request the app's input form first; rows that do not match it fail without a call.
            journal: A file that records the progress. A later batch with the same rows and journal runs only
                rows that have not succeeded; earlier answers are read from the file. An answer that was in
                progress when the process ended is requested again. Rows are identified by their content.
            per_minute: Maximum number of calls that start in a minute, evenly spaced. Default: no maximum.
            **options: See `AppRunOptions`; `timeout` applies to each row.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        from dify_async.batch import Batch  # noqa: PLC0415 - only batches need it

        api = self._api
        checked_options(options, operations.CREATE_COMPLETION, takes_user=api.auth.sends_user)
        form = FormCheck(api, call_options(options)) if check_inputs else None
        book = journal_for(api, journal, operations.CREATE_COMPLETION, options)

        async def run_row(row: Inputs, _: str, attempts: AttemptCounter) -> CompletionResult:
            if form is not None:
                await form.check(row)
            return await Completions(api.counted_by(attempts)).create(row, **options)

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

    async def stop(self, task_id: str, **options: Unpack[AppCallOptions]) -> None:
        """Ask the server to stop an answer; it stores the text so far.

        Dify responds with "success" for every task id, including unknown ones and those of complete answers.

        Args:
            task_id: The task id, from `EventStream.task_id` or any event.
            **options: See `AppCallOptions`.
        """
        await self._api.call(operations.STOP_COMPLETION, options, ids={"task_id": task_id})
