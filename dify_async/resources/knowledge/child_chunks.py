"""The child chunks of chunks, in documents whose `doc_form` is `hierarchical_model`."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models._base import with_raw_of
from dify_async.models.segments import ChildChunk
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, next_number, pages


class ChildChunks(Resource):
    """The child chunks of chunks."""

    def list(
        self,
        dataset_id: str,
        document_id: str,
        segment_id: str,
        *,
        keyword: str | None = None,
        limit: int = 20,
        **options: Unpack[CallOptions],
    ) -> Pager[ChildChunk]:
        """List the child chunks of a chunk, in their order.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            keyword: Only those that contain it.
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.

        Raises:
            NotFound: there is no such chunk.
        """
        query = {"keyword": keyword}
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        return pages(
            self._api, operations.LIST_CHILD_CHUNKS, options, next_number, query=query, ids=ids, limit=limit
        )

    async def create(
        self, dataset_id: str, document_id: str, segment_id: str, content: str, **options: Unpack[CallOptions]
    ) -> ChildChunk:
        """Add a child chunk to a chunk, and return it.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            content: Its text.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such chunk.
            InvalidParam: its indexing failed.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        body = {"content": content}
        answer = await self._api.call(operations.CREATE_CHILD_CHUNK, options, ids=ids, json=body)
        return with_raw_of(answer, answer.data)

    async def update(
        self,
        dataset_id: str,
        document_id: str,
        segment_id: str,
        child_chunk_id: str,
        content: str,
        **options: Unpack[CallOptions],
    ) -> ChildChunk:
        """Change the text of a child chunk, and return it.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            child_chunk_id: The child chunk's id.
            content: The new text.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such child chunk.
            InvalidParam: its indexing failed.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        ids["child_chunk_id"] = child_chunk_id
        body = {"content": content}
        answer = await self._api.call(operations.UPDATE_CHILD_CHUNK, options, ids=ids, json=body)
        return with_raw_of(answer, answer.data)

    async def delete(
        self,
        dataset_id: str,
        document_id: str,
        segment_id: str,
        child_chunk_id: str,
        **options: Unpack[CallOptions],
    ) -> None:
        """Delete a child chunk.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            child_chunk_id: The child chunk's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such child chunk.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        ids["child_chunk_id"] = child_chunk_id
        await self._api.call(operations.DELETE_CHILD_CHUNK, options, ids=ids)
