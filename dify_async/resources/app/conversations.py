"""Conversations of an end user."""

from __future__ import annotations

from typing import Literal, TypeAlias, Unpack

from dify_async._http.pager import Pager
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models.conversations import Conversation, ConversationVariable
from dify_async.operations import app as operations
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource, after_last, pages

SortBy: TypeAlias = Literal["created_at", "-created_at", "updated_at", "-updated_at"]


class ConversationsOfBothApis(Resource):
    """The methods that work the same on both APIs."""

    async def delete(self, conversation_id: str, **options: Unpack[AppCallOptions]) -> None:
        """Delete a conversation.

        Args:
            conversation_id: The conversation's id.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: this end user has no such conversation.
        """
        ids = {"conversation_id": conversation_id}
        await self._api.call(operations.DELETE_CONVERSATION, options, ids=ids)

    async def rename(
        self,
        conversation_id: str,
        name: str | None = None,
        *,
        auto_generate: bool = False,
        **options: Unpack[AppCallOptions],
    ) -> Conversation:
        """Set the name of a conversation, or let a model choose one, and return the conversation.

        Args:
            conversation_id: The conversation's id.
            name: The new name.
            auto_generate: Let a model choose the name instead; if that fails, the name does not change.
            **options: See `AppCallOptions`.

        Raises:
            NotFound: this end user has no such conversation.
        """
        if (name is None) is not auto_generate:
            raise ConfigurationError(
                "`name` must be None if auto_generate=True, otherwise a str: pass one of them"
            )
        body: dict[str, Json] = {"auto_generate": True} if auto_generate else {"name": name}
        ids = {"conversation_id": conversation_id}
        return await self._api.call(operations.RENAME_CONVERSATION, options, ids=ids, json=body)


class Conversations(ConversationsOfBothApis):
    """Conversations of the end user that were started through this API."""

    def list(
        self, *, sort_by: SortBy | None = None, limit: int = 20, **options: Unpack[AppCallOptions]
    ) -> Pager[Conversation]:
        """List the conversations.

        Args:
            sort_by: The field to sort by; with a minus sign, newest first. Default: `-updated_at`.
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.
        """
        query = {"sort_by": sort_by}
        return pages(self._api, operations.LIST_CONVERSATIONS, options, after_last, query=query, limit=limit)

    def variables(
        self,
        conversation_id: str,
        *,
        variable_name: str | None = None,
        limit: int = 20,
        **options: Unpack[AppCallOptions],
    ) -> Pager[ConversationVariable]:
        """List the variables that a chatflow keeps for a conversation.

        Args:
            conversation_id: The conversation's id.
            variable_name: Only the variable with this name.
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.

        Raises:
            NotFound: this end user has no such conversation.
        """
        return pages(
            self._api,
            operations.LIST_CONVERSATION_VARIABLES,
            options,
            after_last,
            ids={"conversation_id": conversation_id},
            query={"variable_name": variable_name},
            limit=limit,
        )

    async def update_variable(
        self, conversation_id: str, variable_id: str, value: Json, **options: Unpack[AppCallOptions]
    ) -> ConversationVariable:
        """Set a variable of a conversation, and return it.

        Args:
            conversation_id: The conversation's id.
            variable_id: The variable's id, from `variables`.
            value: The new value, of the variable's type.
            **options: See `AppCallOptions`.

        Raises:
            BadRequest: the value has another type.
            NotFound: there is no such conversation or variable.
        """
        ids = {"conversation_id": conversation_id, "variable_id": variable_id}
        return await self._api.call(
            operations.UPDATE_CONVERSATION_VARIABLE, options, ids=ids, json={"value": value}
        )
