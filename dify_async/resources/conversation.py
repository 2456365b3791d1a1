"""A conversation, which stores the ids that each of its messages needs. The same for both APIs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import attrs

from dify_async._http.api import Api
from dify_async._streaming.run_spec import RunSpec
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs, Json
from dify_async._wire.results import ChatAccumulator
from dify_async.errors import ConfigurationError
from dify_async.events import ChatEvent
from dify_async.files import FileInputs
from dify_async.models.results import ChatResult
from dify_async.operations import runs as operations
from dify_async.options import AppRunOptions, RunOptions
from dify_async.resources.run_bodies import run_body


def message_body(
    query: str, inputs: Inputs | None, files: FileInputs | None, **fields: Json
) -> dict[str, Json]:
    """Return the body of a chat message; fields that are None are omitted."""
    if not isinstance(query, str):
        raise ConfigurationError(f"`query` must be a str, got {type(query).__name__}")
    return run_body(inputs or {}, files, query=query, **fields)


def stream_message(
    api: Api,
    body: dict[str, Json],
    options: AppRunOptions | RunOptions,
    on_ping: Callable[[], object] | None = None,
) -> EventStream[ChatEvent, ChatResult]:
    """Return the stream of a message's answer."""
    request = api.build(operations.SEND_CHAT_MESSAGE, options, json={**body, "response_mode": "streaming"})
    spec = RunSpec(request=request, kind="chat", stop=operations.STOP_CHAT_MESSAGE, recovers=True)
    return EventStream(api, spec, ChatAccumulator(), on_ping=on_ping)


@attrs.define(eq=False)
class ChatConversation:
    """A conversation: each message follows the last one, so that the model remembers.

    ```python
    conversation = client.chat.conversation()
    await conversation.send("My name is Ada.")
    print((await conversation.send("What is my name?")).answer)
    ```

    Send one message at a time: a message that is sent before the last answer has begun starts another
    conversation, or follows the same message as the last one.
    """

    _api: Api = attrs.field(repr=False)
    _conversation_id: str | None = None
    _message_id: str | None = None
    _sends_parent: bool = attrs.field(default=False, kw_only=True, repr=False, alias="sends_parent")
    _last: EventStream[ChatEvent, ChatResult] | None = attrs.field(default=None, init=False, repr=False)

    @property
    def user(self) -> str | None:
        """The end user. None if the server chooses one, as it does for visitors of a web app."""
        return self._api.auth.user

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
        **options: Unpack[AppRunOptions],
    ) -> ChatResult:
        """Send a message and return the answer.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            **options: See `AppRunOptions`; a conversation belongs to one end user.

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
        **options: Unpack[AppRunOptions],
    ) -> EventStream[ChatEvent, ChatResult]:
        """Send a message and stream the answer: its events, or `run.text`.

        Args:
            query: The message.
            inputs: The values of the app's input form, by variable name; the server stores them with the
                conversation.
            files: `InputFile`s, uploaded files, or objects in Dify's format.
            on_ping: Called at each ping, about every 10 seconds of silence.
            **options: See `AppRunOptions`; a conversation belongs to one end user.
        """
        body = message_body(
            query,
            inputs,
            files,
            conversation_id=self.conversation_id,
            parent_message_id=self.last_message_id if self._sends_parent else None,
        )
        self._last = stream_message(self._api, body, options, on_ping)
        return self._last

    def _update(self) -> None:
        """Store the ids of the last answer."""
        if self._last is not None:
            result = self._last.partial_result
            self._conversation_id = result.conversation_id or self._conversation_id
            self._message_id = result.message_id or self._message_id
