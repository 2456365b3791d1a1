"""The chunks of documents, which Dify's API calls segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from dify_async._http.pager import Pager
from dify_async._types import Json
from dify_async.models._base import with_raw_of
from dify_async.models.segments import NewSegment, Segment
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, given, next_number, pages, sendable_list


class Segments(Resource):
    """The chunks of documents."""

    def list(
        self,
        dataset_id: str,
        document_id: str,
        *,
        keyword: str | None = None,
        status: Sequence[str] | None = None,
        limit: int = 20,
        **options: Unpack[CallOptions],
    ) -> Pager[Segment]:
        """List the chunks of a document, in their order.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            keyword: Only those that contain it.
            status: Only those in these states: `waiting`, `indexing`, `completed`, `error`, `paused`,
                `re_segment`.
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.

        Raises:
            NotFound: there is no such document.
        """
        query = {"keyword": keyword, "status": status}
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        return pages(
            self._api, operations.LIST_SEGMENTS, options, next_number, query=query, ids=ids, limit=limit
        )

    async def create(
        self,
        dataset_id: str,
        document_id: str,
        segments: Sequence[NewSegment | Mapping[str, Json]],
        **options: Unpack[CallOptions],
    ) -> Sequence[Segment]:
        """Add chunks to a document, and return them.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segments: The chunks, at least one.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such document, or it is not indexed yet, or disabled.
            BadRequest: a chunk is not valid, for example without `answer` in a Q&A document.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        body = {"segments": sendable_list("segments", segments)}
        return (await self._api.call(operations.CREATE_SEGMENTS, options, ids=ids, json=body)).data

    async def get(
        self, dataset_id: str, document_id: str, segment_id: str, **options: Unpack[CallOptions]
    ) -> Segment:
        """Return a chunk.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such chunk.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        answer = await self._api.call(operations.GET_SEGMENT, options, ids=ids)
        return with_raw_of(answer, answer.data)

    async def update(
        self,
        dataset_id: str,
        document_id: str,
        segment_id: str,
        *,
        content: str | None = None,
        answer: str | None = None,
        keywords: Sequence[str] | None = None,
        enabled: bool | None = None,
        regenerate_child_chunks: bool | None = None,
        attachment_ids: Sequence[str] | None = None,
        summary: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Segment:
        """Change a chunk, and return it. None leaves a value unchanged.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            content: The new text; in a Q&A document the question.
            answer: The new answer, in a Q&A document.
            keywords: Keywords by which it is found.
            enabled: Whether it is searched.
            regenerate_child_chunks: Divide it into child chunks again.
            attachment_ids: The ids of uploaded images.
            summary: The new summary.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such chunk.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        segment = given(
            content=content,
            answer=answer,
            keywords=keywords,
            enabled=enabled,
            regenerate_child_chunks=regenerate_child_chunks,
            attachment_ids=attachment_ids,
            summary=summary,
        )
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        found = await self._api.call(operations.UPDATE_SEGMENT, options, ids=ids, json={"segment": segment})
        return with_raw_of(found, found.data)

    async def delete(
        self, dataset_id: str, document_id: str, segment_id: str, **options: Unpack[CallOptions]
    ) -> None:
        """Delete a chunk.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            segment_id: The chunk's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such chunk.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id, "segment_id": segment_id}
        await self._api.call(operations.DELETE_SEGMENT, options, ids=ids)
