"""Chat with chat, agent and chatflow apps through their web app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Unpack

from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs
from dify_async.events import ChatEvent
from dify_async.files import FileInputs
from dify_async.models.results import ChatResult
from dify_async.options import RunOptions
from dify_async.resources.app.chat import ChatOfBothApis
from dify_async.resources.conversation import ChatConversation, message_body


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
    ) -> ChatConversation:
        """Return a conversation object, which stores the ids that each message needs.

        Args:
            conversation_id: The conversation to continue. Default: a new conversation.
            parent_message_id: The last message of the conversation: `data[-1].id` of the first page of
                `messages.list(...)`. Without it the model does not see the earlier messages.
        """
        return ChatConversation(self._api, conversation_id, parent_message_id, sends_parent=True)
