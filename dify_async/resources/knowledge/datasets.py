"""Knowledge bases, which Dify's API calls datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Unpack

from dify_async._http.pager import Pager
from dify_async._types import Json
from dify_async.knowledge_options import CreateDatasetOptions, UpdateDatasetOptions
from dify_async.models.datasets import Dataset, ExternalRetrievalModel
from dify_async.models.retrieval import RetrievalModel, RetrievalResult
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, given, next_number, pages


class Datasets(Resource):
    """The knowledge bases of the workspace."""

    def list(
        self,
        *,
        keyword: str | None = None,
        tag_ids: Sequence[str] | None = None,
        include_all: bool | None = None,
        limit: int = 20,
        **options: Unpack[CallOptions],
    ) -> Pager[Dataset]:
        """List the knowledge bases, newest first.

        Args:
            keyword: Only those whose names contain it.
            tag_ids: Only those that have all of these tags.
            include_all: For keys of the workspace's owner: those of all members.
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.
        """
        query = {"keyword": keyword, "tag_ids": tag_ids, "include_all": include_all}
        return pages(self._api, operations.LIST_DATASETS, options, next_number, query=query, limit=limit)

    async def create(self, name: str, **options: Unpack[CreateDatasetOptions]) -> Dataset:
        """Create a knowledge base.

        Args:
            name: Its name, at most 40 characters, unique in the workspace.
            **options: See `CreateDatasetOptions`.

        Raises:
            Conflict: a knowledge base has that name.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        return await self._api.call(operations.CREATE_DATASET, options, json={"name": name})

    async def get(self, dataset_id: str, **options: Unpack[CallOptions]) -> Dataset:
        """Return a knowledge base.

        Args:
            dataset_id: The knowledge base's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            Forbidden: the key's member may not use it.
        """
        return await self._api.call(operations.GET_DATASET, options, ids={"dataset_id": dataset_id})

    async def update(self, dataset_id: str, **options: Unpack[UpdateDatasetOptions]) -> Dataset:
        """Change a knowledge base, and return it.

        Args:
            dataset_id: The knowledge base's id.
            **options: What is to change. See `UpdateDatasetOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            InvalidParam: a knowledge base has that name, or the embedding model cannot be used.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id}
        return await self._api.call(operations.UPDATE_DATASET, options, ids=ids, json={})

    async def delete(self, dataset_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a knowledge base with its documents.

        Args:
            dataset_id: The knowledge base's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            Conflict: an app uses it.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        await self._api.call(operations.DELETE_DATASET, options, ids={"dataset_id": dataset_id})

    async def retrieve(
        self,
        dataset_id: str,
        query: str,
        *,
        retrieval_model: RetrievalModel | Mapping[str, Json] | None = None,
        external_retrieval_model: ExternalRetrievalModel | Mapping[str, Json] | None = None,
        attachment_ids: Sequence[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> RetrievalResult:
        """Search a knowledge base.

        Args:
            dataset_id: The knowledge base's id.
            query: What to search for, at most 250 characters. May be empty with `attachment_ids`.
            retrieval_model: How to search. Default: the settings of the knowledge base.
            external_retrieval_model: How to search an external knowledge base.
            attachment_ids: The ids of uploaded images to search for.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            InvalidParam: the query is too long, or `retrieval_model` is not complete.
            ProviderNotInitialized: the embedding model cannot be used.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        body = given(
            query=query,
            retrieval_model=retrieval_model,
            external_retrieval_model=external_retrieval_model,
            attachment_ids=attachment_ids,
        )
        ids = {"dataset_id": dataset_id}
        return await self._api.call(operations.RETRIEVE, options, ids=ids, json=body)
