"""Chats: with chat, agent and chatflow apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.request import Options, Request
from dify_async._core.stream import EventStream, Run
from dify_async._types import OMIT, Json, Omit
from dify_async._wire.results import ChatAccumulator
from dify_async.batch import Batch, Rows
from dify_async.errors import ConfigurationError
from dify_async.events import ChatEvent
from dify_async.files import FileInputs
from dify_async.models import ChatResult
from dify_async.resources._asking import answered, arguments_of, asked, traced
from dify_async.settings import Timeouts


@attrs.frozen
class _Chats:
    """What chats of both APIs have in common."""

    _core: Core

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
        await self._core.call(operations.STOP_CHAT_MESSAGE, ids={"task_id": task_id}, options=options)

    def _request(
        self,
        query: str,
        inputs: Mapping[str, Json] | None,
        files: FileInputs | Omit,
        options: Options,
        **fields: Json,
    ) -> Request:
        if not isinstance(query, str):
            raise ConfigurationError(f"the query is a text, not {type(query).__name__}")
        body = asked(inputs or {}, files, query=query, **fields)
        return self._core.prepare(operations.SEND_CHAT_MESSAGE, body=body, options=options)

    async def _result(self, request: Request, response_mode: str) -> ChatResult:
        if response_mode == "blocking":
            answer = await answered(self._core, operations.SEND_CHAT_MESSAGE, request)
            result = answer.chat(self._core.identity.user)
            return self._core.accepted(result, request.asked, handle=result.handle)
        async with self._events(request) as run:
            return await run.result()

    def _events(
        self, request: Request, on_ping: Callable[[], object] | None = None
    ) -> EventStream[ChatEvent, ChatResult]:
        run = Run(
            request=request,
            kind="chat",
            user=self._core.identity.asked_user(request.asked.operation),
            stop=operations.STOP_CHAT_MESSAGE,
            recovers=True,
        )
        return EventStream(self._core, run, ChatAccumulator(), on_ping=on_ping)


@attrs.frozen
class Chat(_Chats):
    """Ask chat, agent and chatflow apps."""

    async def send(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        conversation_id: str | None = None,
        files: FileInputs | Omit = OMIT,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> ChatResult:
        """Ask, and wait for the answer.

        It is followed as a stream and folded to its result, because an answer in one piece dies at gateways
        after 60 to 100 seconds of silence. Cancelling the call stops the answer on the server.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            conversation_id: Goes on with this conversation: `result.conversation_id` of the last answer.
                A chatflow silently begins a new one where it does not know it.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            response_mode: "blocking" asks for an answer in one piece; agent apps refuse it. It cannot be
                stopped, and only `Timeouts.total` ends the wait.
            auto_generate_name: Whether the server names a new conversation; it does if this is not given.
            workflow_id: Chatflows: a published version to run instead of the current one.
            trace_id: Goes to the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            ApiError: the server refused the call, or the stream ended with an error that has a code.
            StreamInterrupted: the stream broke off; `partial` has the text so far. A chatflow is found
                again first.
            RunFailed: a chatflow ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            OutcomeUnknown: the connection broke before anything came.
            TransportError: no connection, or a clock ran out.
        """
        headers = traced(trace_id, trace_session_id, extra_headers)
        request = self._request(
            query,
            inputs,
            files,
            Options(timeout=timeout, extra_headers=headers, extra_body=extra_body),
            conversation_id=conversation_id,
            auto_generate_name=auto_generate_name,
            workflow_id=workflow_id,
            response_mode=response_mode,
        )
        return await self._result(request, response_mode)

    def stream(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        conversation_id: str | None = None,
        files: FileInputs | Omit = OMIT,
        auto_generate_name: bool | None = None,
        workflow_id: str | None = None,
        trace_id: str | None = None,
        trace_session_id: str | None = None,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[ChatEvent, ChatResult]:
        """Ask, and follow the answer as it comes: `async with`, and then `run.text` or the events.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            conversation_id: Goes on with this conversation.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            auto_generate_name: Whether the server names a new conversation; it does if this is not given.
            workflow_id: Chatflows: a published version to run instead of the current one.
            trace_id: Goes to the server's traces: up to 128 letters, digits, "-" and "_".
            trace_session_id: Groups traces: up to 200 characters.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.
        """
        headers = traced(trace_id, trace_session_id, extra_headers)
        request = self._request(
            query,
            inputs,
            files,
            Options(timeout=timeout, extra_headers=headers, extra_body=extra_body),
            conversation_id=conversation_id,
            auto_generate_name=auto_generate_name,
            workflow_id=workflow_id,
            response_mode="streaming",
        )
        return self._events(request, on_ping)

    def send_many(
        self,
        rows: Rows[str | Mapping[str, Any]],
        *,
        concurrency: int = 5,
        ordered: bool = False,
        adaptive: bool = False,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Batch[str | Mapping[str, Any], ChatResult]:
        """Ask many questions, a few at a time, each in a new conversation. See `Batch` for what follows.

        Args:
            rows: Questions, or arguments of `send` by their names: `{"query": "Hi?", "inputs": {...}}`. Any
                iterable or asynchronous iterable, read as it goes.
            concurrency: How many rows are on their way or waiting to be read, at most. A stock Dify serves 10
                connections. The client's `max_concurrent` holds as well.
            ordered: Give outcomes in the order of the rows, instead of as they come.
            adaptive: Begin with one at a time, and find out how many the server bears.
            timeout: Seconds for each row, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ConfigurationError: an argument cannot be right.
        """

        async def work(row: str | Mapping[str, Any], _: str) -> ChatResult:
            given: dict[str, Any] = {"timeout": timeout, "extra_headers": extra_headers}
            given |= {"query": row} if isinstance(row, str) else arguments_of(self.send, row)
            return await self.send(**given)

        return Batch(rows, work, concurrency=concurrency, ordered=ordered, adaptive=adaptive)


@attrs.frozen
class WebChat(_Chats):
    """Ask chat, agent and chatflow apps."""

    async def send(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        conversation_id: str | None = None,
        parent_message_id: str | None = None,
        files: FileInputs | Omit = OMIT,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> ChatResult:
        """Ask, and wait for the answer: followed as a stream and folded to its result.

        Without `parent_message_id` the model forgets what was said: `conversation()` keeps both ids.
        Cancelling the call stops the answer on the server.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            conversation_id: Goes on with this conversation: `result.conversation_id` of the last answer.
            parent_message_id: The message that this one follows: `result.message_id` of the last answer.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            response_mode: "blocking" asks for an answer in one piece; agent apps refuse it. It cannot be
                stopped, and only `Timeouts.total` ends the wait.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            ApiError: the server refused the call, or the stream ended with an error that has a code.
            StreamInterrupted: the stream broke off; `partial` has the text so far. A chatflow is found
                again first.
            RunFailed: a chatflow ended badly; `RunStopped`, `RunPaused` and `RunRejected` are kinds of it.
            OutcomeUnknown: the connection broke before anything came.
            TransportError: no connection, or a clock ran out.
        """
        request = self._request(
            query,
            inputs,
            files,
            Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body),
            conversation_id=conversation_id,
            parent_message_id=parent_message_id,
            response_mode=response_mode,
        )
        return await self._result(request, response_mode)

    def stream(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        conversation_id: str | None = None,
        parent_message_id: str | None = None,
        files: FileInputs | Omit = OMIT,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[ChatEvent, ChatResult]:
        """Ask, and follow the answer as it comes: `async with`, and then `run.text` or the events.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            conversation_id: Goes on with this conversation.
            parent_message_id: The message that this one follows; without it the model forgets.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.
        """
        request = self._request(
            query,
            inputs,
            files,
            Options(timeout=timeout, extra_headers=extra_headers, extra_body=extra_body),
            conversation_id=conversation_id,
            parent_message_id=parent_message_id,
            response_mode="streaming",
        )
        return self._events(request, on_ping)

    def conversation(
        self, conversation_id: str | None = None, parent_message_id: str | None = None
    ) -> WebConversation:
        """Give a conversation that remembers where it is: a new one, or one that goes on.

        ```python
        talk = web.chat.conversation()
        await talk.send("My name is Ada.")
        print((await talk.send("What is my name?")).answer)
        ```

        Args:
            conversation_id: The conversation to go on with.
            parent_message_id: Its last message: `data[-1].id` of the first page that
                `web.messages.list(conversation_id)` gives. Without it the model forgets what was said.
        """
        return WebConversation(self, conversation_id, parent_message_id)


@attrs.define(eq=False)
class WebConversation:
    """A conversation of the Web API: each message follows the last one, so that the model remembers.

    One question at a time: what is asked before the last answer began follows the same message as it.
    """

    _chat: WebChat
    _conversation_id: str | None = None
    _message_id: str | None = None
    _last: EventStream[ChatEvent, ChatResult] | None = attrs.field(default=None, init=False)

    @property
    def conversation_id(self) -> str | None:
        """Its id; None before the first answer has begun."""
        self._catch_up()
        return self._conversation_id

    @property
    def last_message_id(self) -> str | None:
        """The message that the next one will follow."""
        self._catch_up()
        return self._message_id

    async def send(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        files: FileInputs | Omit = OMIT,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> ChatResult:
        """Ask, and wait for the answer.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.

        Raises:
            DifyError: as `WebChat.send` does.
        """
        stream = self.stream(
            query,
            inputs=inputs,
            files=files,
            timeout=timeout,
            extra_headers=extra_headers,
            extra_body=extra_body,
        )
        async with stream as run:
            return await run.result()

    def stream(
        self,
        query: str,
        *,
        inputs: Mapping[str, Json] | None = None,
        files: FileInputs | Omit = OMIT,
        on_ping: Callable[[], object] | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Json] | None = None,
    ) -> EventStream[ChatEvent, ChatResult]:
        """Ask, and follow the answer as it comes.

        Args:
            query: The question.
            inputs: The values of the app's form, by variable name; kept with the conversation.
            files: `InputFile`s, uploaded files, or objects as Dify has them.
            on_ping: Called at each ping, about every 10 seconds of silence.
            timeout: Seconds for the whole stream, or clocks of its own.
            extra_headers: Headers besides the client's.
            extra_body: Fields of the body that this version does not know.
        """
        self._last = self._chat.stream(
            query,
            inputs=inputs,
            conversation_id=self.conversation_id,
            parent_message_id=self.last_message_id,
            files=files,
            on_ping=on_ping,
            timeout=timeout,
            extra_headers=extra_headers,
            extra_body=extra_body,
        )
        return self._last

    def _catch_up(self) -> None:
        """Take the ids that the last answer has told by now."""
        if self._last is not None:
            told = self._last.partial_result
            self._conversation_id = told.conversation_id or self._conversation_id
            self._message_id = told.message_id or self._message_id
