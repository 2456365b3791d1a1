"""Tags of knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models.tags import KnowledgeTag
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, one_page, sendable_list


class Tags(Resource):
    """The tags of the workspace's knowledge bases."""

    def list(self, **options: Unpack[CallOptions]) -> Pager[KnowledgeTag]:
        """List all tags. The server sends them at once, on one page.

        Args:
            **options: See `CallOptions`.
        """
        return one_page(self._api, operations.LIST_TAGS, options)

    def of_dataset(self, dataset_id: str, **options: Unpack[CallOptions]) -> Pager[KnowledgeTag]:
        """List the tags of a knowledge base: their ids and names only. The server sends them at once.

        Args:
            dataset_id: The knowledge base's id.
            **options: See `CallOptions`.
        """
        return one_page(self._api, operations.LIST_TAGS_OF_DATASET, options, ids={"dataset_id": dataset_id})

    async def create(self, name: str, **options: Unpack[CallOptions]) -> KnowledgeTag:
        """Create a tag.

        Args:
            name: Its name, at most 50 characters, unique in the workspace.
            **options: See `CallOptions`.

        Raises:
            InvalidParam: a tag has that name.
            Forbidden: the key's member may not change tags.
        """
        return await self._api.call(operations.CREATE_TAG, options, json={"name": name})

    async def update(self, tag_id: str, name: str, **options: Unpack[CallOptions]) -> KnowledgeTag:
        """Rename a tag, and return it.

        Args:
            tag_id: The tag's id.
            name: The new name.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such tag.
            Forbidden: the key's member may not change tags.
        """
        return await self._api.call(operations.UPDATE_TAG, options, json={"name": name, "tag_id": tag_id})

    async def delete(self, tag_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a tag; knowledge bases that had it stay.

        Args:
            tag_id: The tag's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such tag.
            Forbidden: the key's member may not delete tags.
        """
        await self._api.call(operations.DELETE_TAG, options, json={"tag_id": tag_id})

    async def bind(self, dataset_id: str, tag_ids: Sequence[str], **options: Unpack[CallOptions]) -> None:
        """Add tags to a knowledge base.

        Args:
            dataset_id: The knowledge base's id.
            tag_ids: The tags' ids.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base, or no such tag.
            Forbidden: the key's member may not change tags.
        """
        body = {"tag_ids": sendable_list("tag_ids", tag_ids), "target_id": dataset_id}
        await self._api.call(operations.BIND_TAGS, options, json=body)

    async def unbind(self, dataset_id: str, tag_ids: Sequence[str], **options: Unpack[CallOptions]) -> None:
        """Remove tags from a knowledge base.

        Args:
            dataset_id: The knowledge base's id.
            tag_ids: The tags' ids.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            Forbidden: the key's member may not change tags.
        """
        body = {"tag_ids": sendable_list("tag_ids", tag_ids), "target_id": dataset_id}
        await self._api.call(operations.UNBIND_TAGS, options, json=body)
