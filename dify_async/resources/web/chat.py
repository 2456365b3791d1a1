"""Chat with chat, agent and chatflow apps through their web app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Unpack

import attrs

from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs
from dify_async.events import ChatEvent
from dify_async.files import FileInputs
from dify_async.models import ChatResult
from dify_async.options import RunOptions
from dify_async.resources.app.chat import ChatOfBothApis, message_body


class WebChat(ChatOfBothApis):
    """Chat with chat, agent and chatflow apps."""

    async def send(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        conversation_id: str | None = None,
        parent_message_id: str | None = None,
        files: FileInputs | None = None,
        response_mode: Literal["streaming", "blocking"] = "streaming",
        **options: Unpack[RunOptions],
    ) -> ChatResult:
        """Send a message and return the answer.

        The answer is streamed and accumulated to its result. Without `parent_message_id` the model does not
        see the earlier messages; `conversation()` stores both ids for you. Cancelling the call stops the
        answer on the server.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            conversation_id: Continue this conversation: `result.conversation_id` of the last answer.
            parent_message_id: The message that this one follows: `result.message_id` of the last answer.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            response_mode: "blocking" requests a single response without a stream; agent apps reject it. The
                answer cannot be stopped, and only `Timeouts.total` limits the wait.
            **options: See `RunOptions`.

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
            parent_message_id=parent_message_id,
        )
        return await self._send(body, response_mode, options)

    def stream(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        conversation_id: str | None = None,
        parent_message_id: str | None = None,
        files: FileInputs | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[RunOptions],
    ) -> EventStream[ChatEvent, ChatResult]:
        """Send a message and stream the answer: its events, or `run.text`.

        Entering the returned `EventStream` sends the request, and raises the errors of `send`.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            conversation_id: Continue this conversation.
            parent_message_id: The message that this one follows; without it the model does not see the
                earlier messages.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `RunOptions`.
        """
        body = message_body(
            query,
            inputs,
            files,
            conversation_id=conversation_id,
            parent_message_id=parent_message_id,
        )
        return self._stream(body, options, on_ping)

    def conversation(
        self, conversation_id: str | None = None, parent_message_id: str | None = None
    ) -> WebConversation:
        """Return a conversation object, which stores the ids that each message needs.

        Args:
            conversation_id: The conversation to continue. Default: a new conversation.
            parent_message_id: The last message of the conversation: `data[-1].id` of the first page of
                `messages.list(...)`. Without it the model does not see the earlier messages.
        """
        return WebConversation(self, conversation_id, parent_message_id)


@attrs.define(eq=False)
class WebConversation:
    """A conversation of the Web API: each message follows the last one, so that the model remembers.

    ```python
    conversation = web.chat.conversation()
    await conversation.send("My name is Ada.")
    print((await conversation.send("What is my name?")).answer)
    ```

    Send one message at a time: a message that is sent before the last answer has begun follows the same
    message as the last one.
    """

    _chat: WebChat
    _conversation_id: str | None = None
    _message_id: str | None = None
    _last: EventStream[ChatEvent, ChatResult] | None = attrs.field(default=None, init=False)

    @property
    def conversation_id(self) -> str | None:
        """The conversation's id. None before the first answer has begun."""
        self._update()
        return self._conversation_id

    @property
    def last_message_id(self) -> str | None:
        """Id of the message that the next one will follow. None before the first answer has begun."""
        self._update()
        return self._message_id

    async def send(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        files: FileInputs | None = None,
        **options: Unpack[RunOptions],
    ) -> ChatResult:
        """Send a message and return the answer.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            **options: See `RunOptions`.

        Raises:
            DifyError: in the same cases as `chat.send`.
        """
        stream = self.stream(query, inputs=inputs, files=files, **options)
        del options  # Its headers may be secrets, and tools show the local variables of a traceback.
        async with stream as run:
            return await run.result()

    def stream(
        self,
        query: str,
        *,
        inputs: Inputs | None = None,
        files: FileInputs | None = None,
        on_ping: Callable[[], object] | None = None,
        **options: Unpack[RunOptions],
    ) -> EventStream[ChatEvent, ChatResult]:
        """Send a message and stream the answer: its events, or `run.text`.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `RunOptions`.
        """
        self._last = self._chat.stream(
            query,
            inputs=inputs,
            conversation_id=self.conversation_id,
            parent_message_id=self.last_message_id,
            files=files,
            on_ping=on_ping,
            **options,
        )
        return self._last

    def _update(self) -> None:
        """Store the ids of the last answer."""
        if self._last is not None:
            result = self._last.partial_result
            self._conversation_id = result.conversation_id or self._conversation_id
            self._message_id = result.message_id or self._message_id
