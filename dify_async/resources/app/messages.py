"""Stored messages, and the feedback of end users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

import attrs

from dify_async._http.pager import Pager
from dify_async._wire.operation import Operation
from dify_async.models.messages import Message, SuggestedQuestions
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource, before_first, pages


@attrs.frozen
class Messages(Resource):
    """The messages of conversations."""

    _suggest: Operation[SuggestedQuestions] = attrs.field(default=operations.SUGGEST_QUESTIONS, repr=False)

    def list(
        self, conversation_id: str, *, limit: int = 20, **options: Unpack[AppCallOptions]
    ) -> Pager[Message]:
        """List the messages of a conversation: the newest page first, and in each page the oldest first.

        The server pages by whole seconds (Dify 1.16.1), so messages of the same second may be missing where
        two pages meet. Messages that are on two pages are yielded once.

        Args:
            conversation_id: The conversation's id.
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.

        Raises:
            NotFound: this end user has no such conversation.
        """
        query = {"conversation_id": conversation_id}
        return pages(self._api, operations.LIST_MESSAGES, options, before_first, query=query, limit=limit)

    async def feedback(
        self,
        message_id: str,
        rating: Literal["like", "dislike"] | None,
        *,
        content: str | None = None,
        **options: Unpack[AppCallOptions],
    ) -> None:
        """Send the end user's rating of an answer.

        Args:
            message_id: The message's id.
            rating: "like" or "dislike". None withdraws the rating; the server rejects this if there is none.
            content: A comment.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: this end user has no such message.
        """
        await self._api.call(
            operations.SEND_FEEDBACK,
            options,
            ids={"message_id": message_id},
            json={"rating": rating, "content": content},
        )

    async def suggested(self, message_id: str, **options: Unpack[AppCallOptions]) -> Sequence[str]:
        """Return suggestions for the next question.

        The server calls a model, so the request is not retried if its outcome is unknown.

        Args:
            message_id: The message before the next question.
            **options: See `AppCallOptions`.

        Raises:
            BadRequest: the app does not suggest questions (Service API).
            Forbidden: the app does not suggest questions (Web API).
            NotFound: this end user has no such message.
        """
        return (await self._api.call(self._suggest, options, ids={"message_id": message_id})).data
