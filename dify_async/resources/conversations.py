"""Conversations of an end user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from dify_async._core import operations, web_operations
from dify_async._core.core import Core
from dify_async._core.pager import Pager
from dify_async._core.request import Options
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models import Conversation, ConversationVariable
from dify_async.resources._asking import after_last, pages
from dify_async.settings import Timeouts

SortBy: TypeAlias = Literal["created_at", "-created_at", "updated_at", "-updated_at"]


@attrs.frozen
class _AllConversations:
    """What conversations of both APIs have in common."""

    _core: Core

    async def delete(
        self,
        conversation_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Delete a conversation.

        Args:
            conversation_id: Its id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such conversation of this end user.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        ids = {"conversation_id": conversation_id}
        await self._core.perform(operations.DELETE_CONVERSATION, ids=ids, options=options)

    async def rename(
        self,
        conversation_id: str,
        name: str | None = None,
        *,
        auto_generate: bool = False,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Conversation:
        """Give a conversation a name, or let a model find one.

        Args:
            conversation_id: Its id.
            name: The new name.
            auto_generate: Let a model name it instead; the old name stays where that fails.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such conversation of this end user.
        """
        if (name is None) is not auto_generate:
            raise ConfigurationError("rename takes either a name or auto_generate=True")
        body: dict[str, Json] = {"auto_generate": True} if auto_generate else {"name": name}
        return await self._core.call(
            operations.RENAME_CONVERSATION,
            ids={"conversation_id": conversation_id},
            body=body,
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )


@attrs.frozen
class Conversations(_AllConversations):
    """Conversations of the end user that were started through this API."""

    def list(
        self,
        *,
        sort_by: SortBy | None = None,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[Conversation]:
        """List the conversations.

        Args:
            sort_by: A minus sign puts the newest first. Default: `-updated_at`.
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        query = {"sort_by": sort_by}
        return pages(
            self._core, operations.LIST_CONVERSATIONS, query, after_last, limit=limit, options=options
        )

    def variables(
        self,
        conversation_id: str,
        *,
        variable_name: str | None = None,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[ConversationVariable]:
        """List the variables that a chatflow keeps for a conversation.

        Args:
            conversation_id: The conversation's id.
            variable_name: Only the variable of this name.
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such conversation of this end user.
        """
        return pages(
            self._core,
            operations.LIST_CONVERSATION_VARIABLES,
            {"variable_name": variable_name},
            after_last,
            ids={"conversation_id": conversation_id},
            limit=limit,
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def update_variable(
        self,
        conversation_id: str,
        variable_id: str,
        value: Json,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> ConversationVariable:
        """Set a variable of a conversation.

        Args:
            conversation_id: The conversation's id.
            variable_id: The variable's id, from `variables`.
            value: What it is from now on, of its own type.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: the value is of another type.
            NotFound: there is no such conversation or variable.
        """
        return await self._core.call(
            operations.UPDATE_CONVERSATION_VARIABLE,
            ids={"conversation_id": conversation_id, "variable_id": variable_id},
            body={"value": value},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )


@attrs.frozen
class WebConversations(_AllConversations):
    """Conversations of the end user that were started through this API."""

    def list(
        self,
        *,
        pinned: bool | None = None,
        sort_by: SortBy | None = None,
        limit: int = 20,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Pager[Conversation]:
        """List the conversations.

        Args:
            pinned: Only those that are pinned, or only those that are not.
            sort_by: A minus sign puts the newest first. Default: `-updated_at`.
            limit: Entries a page, 1 to 100.
            timeout: Seconds for each page, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        query = {"pinned": pinned, "sort_by": sort_by}
        return pages(
            self._core, operations.LIST_CONVERSATIONS, query, after_last, limit=limit, options=options
        )

    async def pin(
        self,
        conversation_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Pin a conversation.

        Args:
            conversation_id: Its id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no such conversation of this end user.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        ids = {"conversation_id": conversation_id}
        await self._core.call(web_operations.PIN_CONVERSATION, ids=ids, options=options)

    async def unpin(
        self,
        conversation_id: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take the pin off a conversation; also of one that has none, or is not there.

        Args:
            conversation_id: Its id.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        ids = {"conversation_id": conversation_id}
        await self._core.call(web_operations.UNPIN_CONVERSATION, ids=ids, options=options)
