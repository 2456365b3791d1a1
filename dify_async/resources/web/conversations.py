"""Conversations of an end user of a web app."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models.conversations import Conversation
from dify_async.operations import app, web
from dify_async.options import CallOptions
from dify_async.resources._base import after_last, pages
from dify_async.resources.app.conversations import ConversationsOfBothApis, SortBy


class WebConversations(ConversationsOfBothApis):
    """Conversations of the end user that were started through this API."""

    def list(
        self,
        *,
        sort_by: SortBy | None = None,
        pinned: bool | None = None,
        limit: int = 20,
        **options: Unpack[CallOptions],
    ) -> Pager[Conversation]:
        """List the conversations.

        Args:
            sort_by: The field to sort by; with a minus sign, newest first. Default: `-updated_at`.
            pinned: True for pinned conversations only, False for the others only. Default: all.
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.
        """
        query = {"sort_by": sort_by, "pinned": pinned}
        return pages(self._api, app.LIST_CONVERSATIONS, options, after_last, query=query, limit=limit)

    async def pin(self, conversation_id: str, **options: Unpack[CallOptions]) -> None:
        """Pin a conversation. Pinning it again has no effect.

        Args:
            conversation_id: The conversation's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: this end user has no such conversation.
        """
        await self._api.call(web.PIN_CONVERSATION, options, ids={"conversation_id": conversation_id})

    async def unpin(self, conversation_id: str, **options: Unpack[CallOptions]) -> None:
        """Unpin a conversation. No error is raised if it is not pinned or does not exist.

        Args:
            conversation_id: The conversation's id.
            **options: See `CallOptions`.
        """
        await self._api.call(web.UNPIN_CONVERSATION, options, ids={"conversation_id": conversation_id})
