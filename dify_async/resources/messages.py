"""Messages as they are kept, and what people think of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs

from dify_async._core import operations, web_operations
from dify_async._core.core import Core
from dify_async._core.operations import Operation
from dify_async._core.pager import Pager
from dify_async._core.request import Options
from dify_async.errors import ConfigurationError
from dify_async.models import CompletionResult, Message, SavedMessage, SuggestedQuestions
from dify_async.resources._asking import after_last, answered, before_first, pages
from dify_async.settings import Timeouts


@attrs.frozen
class Messages:
    """The messages of conversations."""

    _core: Core
    _suggest: Operation[SuggestedQuestions] = operations.SUGGEST_QUESTIONS

    def list(
        self,
        conversation_id: str,
        *,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[Message]:
        """List the messages of a conversation: the newest page first, and in each page the oldest first.

        Args:
            conversation_id: The conversation's id.
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such conversation of this end user.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        query = {"conversation_id": conversation_id}
        return pages(self._core, operations.LIST_MESSAGES, query, before_first, limit=limit, options=options)

    async def feedback(
        self,
        message_id: str,
        rating: Literal["like", "dislike"] | None,
        *,
        content: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say what the end user thinks of an answer.

        Args:
            message_id: The message's id.
            rating: None takes it back; the server refuses that where there is none.
            content: What is to be said with it.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such message of this end user.
        """
        await self._core.call(
            operations.SEND_FEEDBACK,
            ids={"message_id": message_id},
            body={"rating": rating, "content": content},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def suggested(
        self,
        message_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Sequence[str]:
        """Get questions that could come next. A model is asked for them, so it is never asked twice.

        Args:
            message_id: The message after which they would come.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: the app does not suggest questions (Service API).
            Forbidden: the same on the Web API.
            NotFound: there is no such message of this end user.
        """
        found = await self._core.call(
            self._suggest,
            ids={"message_id": message_id},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )
        return found.data


@attrs.frozen
class WebMessages(Messages):
    """The messages of conversations, and of completions."""

    _suggest: Operation[SuggestedQuestions] = web_operations.SUGGEST_WEB_QUESTIONS

    async def more_like_this(
        self,
        message_id: str,
        *,
        response_mode: Literal["blocking"] = "blocking",
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> CompletionResult:
        """Ask a completion app for another answer to the same inputs. It costs what the first one did.

        Args:
            message_id: The first answer.
            response_mode: Only "blocking": the server's stream breaks off before its first byte (1.14).
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            Forbidden: the app does not have it switched on.
            NotFound: there is no such message of this end user.
            OutcomeUnknown: the connection broke; the answer may have been made.
        """
        if response_mode != "blocking":
            raise ConfigurationError(
                "more_like_this is answered in one piece: the server's stream of it breaks off at once"
            )
        request = self._core.prepare(
            web_operations.MORE_LIKE_THIS,
            ids={"message_id": message_id},
            query={"response_mode": response_mode},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )
        return (await answered(self._core, web_operations.MORE_LIKE_THIS, request)).completion()


@attrs.frozen
class SavedMessages:
    """Answers of completion apps that the end user has kept."""

    _core: Core

    def list(
        self,
        *,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[SavedMessage]:
        """List what was saved, newest message first.

        Args:
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return pages(
            self._core, web_operations.LIST_SAVED_MESSAGES, {}, after_last, limit=limit, options=options
        )

    async def save(
        self,
        message_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep an answer.

        Args:
            message_id: The answer's id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such message of this end user.
        """
        await self._core.call(
            web_operations.SAVE_MESSAGE,
            body={"message_id": message_id},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def delete(
        self,
        message_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep an answer no longer; also one that was not kept. The message itself stays.

        Args:
            message_id: The answer's id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        ids = {"message_id": message_id}
        await self._core.perform(web_operations.DELETE_SAVED_MESSAGE, ids=ids, options=options)
