"""Answers of completion apps that the end user has saved."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models.messages import SavedMessage
from dify_async.operations import web as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, after_last, pages


class SavedMessages(Resource):
    """Answers of completion apps that the end user has saved."""

    def list(self, *, limit: int = 20, **options: Unpack[CallOptions]) -> Pager[SavedMessage]:
        """List the saved answers, newest message first.

        Args:
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.
        """
        return pages(self._api, operations.LIST_SAVED_MESSAGES, options, after_last, limit=limit)

    async def save(self, message_id: str, **options: Unpack[CallOptions]) -> None:
        """Save an answer.

        Args:
            message_id: The answer's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: this end user has no such message.
        """
        await self._api.call(operations.SAVE_MESSAGE, options, json={"message_id": message_id})

    async def delete(self, message_id: str, **options: Unpack[CallOptions]) -> None:
        """Remove an answer from the saved ones; the message itself is not deleted.

        No error is raised if the answer is not saved.

        Args:
            message_id: The answer's id.
            **options: See `CallOptions`.
        """
        await self._api.call(operations.DELETE_SAVED_MESSAGE, options, ids={"message_id": message_id})
