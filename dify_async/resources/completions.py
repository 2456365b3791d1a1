"""Completions: apps that answer inputs with one text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.request import Options, Request
from dify_async._core.stream import EventStream, Run
from dify_async._types import OMIT, Json, Omit
from dify_async._wire.results import CompletionAccumulator
from dify_async.batch import Batch, Rows
from dify_async.events import CompletionEvent
from dify_async.files import FileInputs
from dify_async.models import CompletionResult
from dify_async.resources._asking import Form, answered, asked
from dify_async.settings import Timeouts


@attrs.frozen
class Completions:
    """Ask completion apps."""

    _core: Core

    async def create(
        self,
        inputs: Mapping[str, Json],
        *,
        query: str | None = None,
        files: FileInputs | Omit = OMIT,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> CompletionResult:
        """Ask, and wait for the answer.

        It is followed as a stream and folded to its result, because an answer in one piece dies at gateways
        after 60 to 100 seconds of silence. Cancelling the call stops the answer on the server.

        Args:
            inputs: The values of the app's form, by variable name; `{}` for none.
            query: The text to complete, for apps that take one beside their inputs.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            response_mode: "blocking" asks for an answer in one piece. It cannot be stopped, and only
                `Timeouts.total` ends the wait.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's; traces are named by `X-Trace-Id`.
            extra_body: Fields of the body that this version does not know.

        Raises:
            ApiError: the server refused the call, or the stream ended with an error that has a code.
            StreamInterrupted: the stream broke off; `partial` has the text so far.
            OutcomeUnknown: the connection broke before anything came.
            TransportError: no connection, or a clock ran out.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        request = self._request(inputs, query, files, response_mode, options)
        if response_mode == "blocking":
            return (await answered(self._core, operations.CREATE_COMPLETION, request)).completion()
        async with self._events(request) as run:
            return await run.result()

    def stream(
        self,
        inputs: Mapping[str, Json],
        *,
        query: str | None = None,
        files: FileInputs | Omit = OMIT,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[CompletionEvent, CompletionResult]:
        """Ask, and follow the answer as it comes: `async with`, and then `run.text` or the events.

        Args:
            inputs: The values of the app's form, by variable name; `{}` for none.
            query: The text to complete, for apps that take one beside their inputs.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's; traces are named by `X-Trace-Id`.
            extra_body: Fields of the body that this version does not know.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)
        return self._events(self._request(inputs, query, files, "streaming", options), on_ping)

    def create_many(
        self,
        rows: Rows[Mapping[str, Json]],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        check_inputs: bool = True,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> Batch[Mapping[str, Json], CompletionResult]:
        """Ask for many inputs, a few at a time. See `Batch` for what follows.

        Args:
            rows: Inputs, as for `create`: any iterable or asynchronous iterable, read as it goes.
            concurrency: How many rows are on their way or waiting to be read, at most. A stock Dify serves 10
                connections. The client's `max_concurrent` holds as well.
            ordered: Give outcomes in the order of the rows, instead of as they come.
            adaptive: Begin with one at a time, and find out how many the server bears.
            check_inputs: Ask for the app's form first, and give rows that do not fit it back without a call.
            timeout: Seconds for each row, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of each body that this version does not know.

        Raises:
            ConfigurationError: an argument cannot be right.
        """
        form = Form(self._core, extra_headers) if check_inputs else None

        async def work(row: Mapping[str, Json], _: str) -> CompletionResult:
            if form is not None:
                await form.check(row)
            return await self.create(row, timeout=timeout, extra_headers=extra_headers, extra_body=extra_body)

        return Batch(rows, work, concurrency=concurrency, ordered=ordered, adaptive=adaptive)

    async def stop(
        self,
        task_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Ask the server to stop an answer; what was said by then is kept.

        Dify says "success" for every task id, also for unknown ones and for answers that are over.

        Args:
            task_id: From `EventStream.task_id` or any event.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        await self._core.call(operations.STOP_COMPLETION, ids={"task_id": task_id}, options=options)

    def _request(
        self,
        inputs: Mapping[str, Json],
        query: str | None,
        files: FileInputs | Omit,
        response_mode: str,
        options: Options,
    ) -> Request:
        body = asked(inputs, files, query=query, response_mode=response_mode)
        return self._core.prepare(operations.CREATE_COMPLETION, body=body, options=options)

    def _events(
        self, request: Request, on_ping: Callable[[], object] | None = None
    ) -> EventStream[CompletionEvent, CompletionResult]:
        run = Run(
            request=request,
            kind="completion",
            user=self._core.identity.asked_user(request.asked.operation),
            stop=operations.STOP_COMPLETION,
        )
        return EventStream(self._core, run, CompletionAccumulator(), on_ping=on_ping)
