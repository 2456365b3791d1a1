"""Stored messages of a web app."""

from __future__ import annotations

from typing import Unpack

import attrs

from dify_async._wire.blocking import BlockingMessage
from dify_async._wire.operation import Operation
from dify_async.models.messages import SuggestedQuestions
from dify_async.models.results import CompletionResult
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources.app.messages import Messages
from dify_async.resources.run_bodies import run_in_blocking_mode


@attrs.frozen
class WebMessages(Messages):
    """The messages of conversations and completions."""

    _suggest: Operation[SuggestedQuestions] = attrs.field(
        default=operations.SUGGEST_WEB_QUESTIONS, repr=False
    )

    async def more_like_this(self, message_id: str, **options: Unpack[CallOptions]) -> CompletionResult:
        """Return another answer of a completion app to the same inputs, at the same cost as the first one.

        The answer is not streamed: Dify 1.14 closes the stream before its first byte.

        Args:
            message_id: The first answer.
            **options: See `CallOptions`.

        Raises:
            Forbidden: the app does not have this feature enabled.
            NotFound: this end user has no such message.
            OutcomeUnknown: the connection broke; the answer may have been generated.
        """
        return await run_in_blocking_mode(
            self._api,
            operations.MORE_LIKE_THIS,
            options,
            BlockingMessage.completion,
            kind="completion",
            ids={"message_id": message_id},
            query={"response_mode": "blocking"},
        )
