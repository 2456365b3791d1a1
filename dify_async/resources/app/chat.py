"""Chat with chat, agent and chatflow apps."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

from dify_async._http.attempts import AttemptCounter
from dify_async._http.call_options import checked_options
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs, Json
from dify_async.events import ChatEvent
from dify_async.files import FileInputs
from dify_async.models.results import ChatResult
from dify_async.operations import runs as operations
from dify_async.options import AppCallOptions, AppRunOptions, RunOptions
from dify_async.resources._base import Resource
from dify_async.resources.conversation import ChatConversation, message_body, stream_message
from dify_async.resources.run_bodies import (
    journal_for,
    raise_for_run,
    row_arguments,
    run_in_blocking_mode,
    with_trace,
    wrong_mode,
)

if TYPE_CHECKING:
    from dify_async.batch import Batch, Rows


class ChatOfBothApis(Resource):
    """The methods that work the same on both APIs."""

    async def stop(self, task_id: str, **options: Unpack[AppCallOptions]) -> None:
        """Ask the server to stop an answer; it stores the text so far.

        Dify responds with "success" for every task id, including unknown ones and those of complete answers.

        Args:
            task_id: The task id, from `EventStream.task_id` or any event.
            **options: See `AppCallOptions`.
        """
        await self._api.call(operations.STOP_CHAT_MESSAGE, options, ids={"task_id": task_id})

    async def _send(
        self, body: dict[str, Json], response_mode: str, options: AppRunOptions | RunOptions
    ) -> ChatResult:
        if response_mode == "streaming":
            async with self._stream(body, options) as run:
                return await run.result()
        if response_mode != "blocking":
            raise wrong_mode(response_mode)
        operation = operations.SEND_CHAT_MESSAGE
        json = {**body, "response_mode": "blocking"}
        user = self._api.user_of(options)
        result = await run_in_blocking_mode(
            self._api, operation, options, lambda answer: answer.chat(user), kind="chat", json=json
        )
        raise_for_run(self._api, operation, options, result)
        return result

    def _stream(
        self,
        body: dict[str, Json],
        options: AppRunOptions | RunOptions,
        on_ping: Callable[[], object] | None = None,
    ) -> EventStream[ChatEvent, ChatResult]:
        return stream_message(self._api, body, options, on_ping)


class Chat(ChatOfBothApis):
    """Chat with chat, agent and chatflow apps."""

    async def send(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        conversation_id: str | None = None,
        files: FileInputs | None = None,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        **options: Unpack[AppRunOptions],
    ) -> ChatResult:
        """Send a message and return the answer.

        The answer is streamed and accumulated to its result, because gateways cut off a blocking response
        after 60 to 100 seconds of silence. Cancelling the call stops the answer on the server.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            conversation_id: Continue this conversation: `result.conversation_id` of the last answer. A
                chatflow silently starts a new conversation if it does not know the id.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            response_mode: "blocking" requests a single response without a stream; agent apps reject it. The
                answer cannot be stopped, and only `Timeouts.total` limits the wait.
            auto_generate_name: False if the server should not name a new conversation.
            workflow_id: Chatflows: a published version to run instead of the current one.
            trace_id: For the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            **options: See `AppRunOptions`.

        Raises:
            ApiError: the server rejected the call, or the stream ended with an error that has a code.
            StreamInterrupted: the stream was interrupted; `partial` contains the text so far. A chatflow
                reconnects first.
            RunFailed: a chatflow failed; `RunStopped`, `RunPaused` and `RunRejected` are subclasses.
            OutcomeUnknown: the connection broke before the first event arrived.
            TransportError: no connection, or a timeout expired.
        """
        body = message_body(
            query,
            inputs,
            files,
            conversation_id=conversation_id,
            auto_generate_name=auto_generate_name,
            workflow_id=workflow_id,
        )
        if trace_id is not None or trace_session_id is not None:
            options = with_trace(options, trace_id, trace_session_id)
        return await self._send(body, response_mode, options)

    def stream(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        conversation_id: str | None = None,
        files: FileInputs | None = None,
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[AppRunOptions],
    ) -> EventStream[ChatEvent, ChatResult]:
        """Send a message and stream the answer: its events, or `run.text`.

        Entering the returned `EventStream` sends the request, and raises the errors of `send`.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            conversation_id: Continue this conversation.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            auto_generate_name: False if the server should not name a new conversation.
            workflow_id: Chatflows: a published version to run instead of the current one.
            trace_id: For the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppRunOptions`.
        """
        body = message_body(
            query,
            inputs,
            files,
            conversation_id=conversation_id,
            auto_generate_name=auto_generate_name,
            workflow_id=workflow_id,
        )
        if trace_id is not None or trace_session_id is not None:
            options = with_trace(options, trace_id, trace_session_id)
        return self._stream(body, options, on_ping)

    def conversation(
        self, conversation_id: str | None = None, *, user: str | None = None
    ) -> ChatConversation:
        """Return a conversation object, which stores the conversation's id and end user.

        Args:
            conversation_id: The conversation to continue. Default: a new conversation.
            user: The end user. Default: the client's.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        checked_options({"user": user}, operations.SEND_CHAT_MESSAGE, takes_user=True)
        return ChatConversation(self._api.for_user(user), conversation_id)

    def send_many(
        self,
        rows: Rows[str | Mapping[str, Any]],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        journal: str | os.PathLike[str] | None = None,
        per_minute: float | None = None,
        **options: Unpack[AppRunOptions],
    ) -> Batch[str | Mapping[str, Any], ChatResult]:
        """Send many messages with bounded concurrency, each in a new conversation. See `Batch`.

        Args:
            rows: Messages, or arguments of `send` by name: `{"query": "Hi?", "inputs": {...}}`. Any iterable
                or async iterable, read as needed.
            concurrency: Maximum number of rows in flight or waiting to be read. A default Dify server handles
                10 connections. The client's `max_concurrent` applies as well.
            ordered: Yield outcomes in the order of the rows, instead of as they complete.
            adaptive: Start with one message at a time and increase until the server pushes back.
            journal: A file that records the progress. A later batch with the same rows and journal runs only
                rows that have not succeeded; earlier answers are read from the file. An answer that was in
                progress when the process ended is requested again. Rows are identified by their content.
            per_minute: Maximum number of messages that start in a minute, evenly spaced. Default: no maximum.
            **options: See `AppRunOptions`; `timeout` applies to each row. A row's own options take
                precedence.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        from dify_async.batch import Batch  # noqa: PLC0415 - only batches need it

        api = self._api
        checked_options(options, operations.SEND_CHAT_MESSAGE, takes_user=api.auth.sends_user)
        book = journal_for(api, journal, operations.SEND_CHAT_MESSAGE, options)

        async def run_row(row: str | Mapping[str, Any], _: str, attempts: AttemptCounter) -> ChatResult:
            given: dict[str, Any] = (
                {"query": row}
                if isinstance(row, str)
                else row_arguments(self.send, row, operations.SEND_CHAT_MESSAGE)
            )
            arguments: dict[str, Any] = {**options, **given}
            return await Chat(api.counted_by(attempts)).send(**arguments)

        def user_of(row: str | Mapping[str, Any]) -> str | None:
            return api.user_of({**options, **row} if isinstance(row, Mapping) else options)

        return Batch(
            rows,
            run_row,
            concurrency=concurrency,
            ordered=ordered,
            adaptive=adaptive,
            journal=book,
            observers=api.observers,
            per_minute=per_minute,
            user_of=user_of,
        )
