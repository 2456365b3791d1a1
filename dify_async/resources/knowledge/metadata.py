"""The metadata of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Unpack

from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models.metadata import BuiltInFields, DocumentMetadata, MetadataField, MetadataFields
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource, sendable_list


class Metadata(Resource):
    """The metadata fields of knowledge bases, and their values in documents.

    ```python
    value = MetadataValue(id=field.id, name=field.name, value="en")
    change = DocumentMetadata(document_id=document.id, metadata_list=[value], partial_update=True)
    await client.metadata.update_documents(dataset_id, [change])
    ```
    """

    async def fields(self, dataset_id: str, **options: Unpack[CallOptions]) -> MetadataFields:
        """Return the metadata fields of a knowledge base, and whether it has the built-in ones.

        Args:
            dataset_id: The knowledge base's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
        """
        return await self._api.call(operations.GET_METADATA_FIELDS, options, ids={"dataset_id": dataset_id})

    async def create(
        self,
        dataset_id: str,
        name: str,
        type: Literal["string", "number", "time"],  # noqa: A002 - the server's name
        **options: Unpack[CallOptions],
    ) -> MetadataField:
        """Add a metadata field to a knowledge base, and return it.

        Args:
            dataset_id: The knowledge base's id.
            name: Its name, at most 255 characters, unique in the knowledge base.
            type: The type of its values.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            InvalidParam: a field has that name.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids, body = {"dataset_id": dataset_id}, {"type": type, "name": name}
        return await self._api.call(operations.CREATE_METADATA_FIELD, options, ids=ids, json=body)

    async def update(
        self, dataset_id: str, metadata_id: str, name: str, **options: Unpack[CallOptions]
    ) -> MetadataField:
        """Rename a metadata field, and return it.

        Args:
            dataset_id: The knowledge base's id.
            metadata_id: The field's id.
            name: The new name.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            InvalidParam: there is no such field, or another one has that name.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids, body = {"dataset_id": dataset_id, "metadata_id": metadata_id}, {"name": name}
        return await self._api.call(operations.UPDATE_METADATA_FIELD, options, ids=ids, json=body)

    async def delete(self, dataset_id: str, metadata_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a metadata field. The server does not complain if there is no such field.

        Args:
            dataset_id: The knowledge base's id.
            metadata_id: The field's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "metadata_id": metadata_id}
        await self._api.call(operations.DELETE_METADATA_FIELD, options, ids=ids)

    async def built_in_fields(self, dataset_id: str, **options: Unpack[CallOptions]) -> BuiltInFields:
        """Return the built-in metadata fields, whether they are switched on or not.

        Args:
            dataset_id: The knowledge base's id.
            **options: See `CallOptions`.
        """
        return await self._api.call(operations.GET_BUILT_IN_FIELDS, options, ids={"dataset_id": dataset_id})

    async def switch_built_in_fields(
        self, dataset_id: str, action: Literal["enable", "disable"], **options: Unpack[CallOptions]
    ) -> None:
        """Switch the built-in metadata fields on or off.

        Args:
            dataset_id: The knowledge base's id.
            action: "enable" or "disable".
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            ConfigurationError: `action` is something else, which the server would accept and ignore.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        if action not in ("enable", "disable"):
            raise ConfigurationError(f'`action` must be "enable" or "disable", got {action!r:.100}')
        ids = {"dataset_id": dataset_id, "action": action}
        await self._api.call(operations.SWITCH_BUILT_IN_FIELDS, options, ids=ids)

    async def update_documents(
        self,
        dataset_id: str,
        documents: Sequence[DocumentMetadata | Mapping[str, Json]],
        **options: Unpack[CallOptions],
    ) -> None:
        """Set the metadata of documents.

        Args:
            dataset_id: The knowledge base's id.
            documents: The values, by document. Without `partial_update` they replace all values of the
                document.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids, body = {"dataset_id": dataset_id}, {"operation_data": sendable_list("documents", documents)}
        await self._api.call(operations.UPDATE_DOCUMENT_METADATA, options, ids=ids, json=body)
