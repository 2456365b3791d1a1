"""The documents of knowledge bases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Unpack, overload

from dify_async._http.pager import Pager
from dify_async.files import FileSource, InputFile
from dify_async.knowledge_options import FileOptions, TextOptions, UpdateTextOptions
from dify_async.models._base import Page
from dify_async.models.documents import Document, DocumentAndBatch, IndexingStatus
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import next_number, pages, sendable_list
from dify_async.resources.downloads import fetch, fetch_link
from dify_async.resources.knowledge.document_jobs import DocumentJobs
from dify_async.resources.uploads import upload_of


class Documents(DocumentJobs):
    """The documents of knowledge bases.

    ```python
    rule = ProcessRule(mode="automatic")
    created = await client.documents.create_by_text(
        dataset_id, "Lisbon", text, indexing_technique="economy", process_rule=rule
    )
    await client.documents.wait_indexed(dataset_id, created.batch)
    ```

    A document can be found once it is indexed, which happens in the background.
    """

    async def create_by_text(
        self, dataset_id: str, name: str, text: str, **options: Unpack[TextOptions]
    ) -> DocumentAndBatch:
        """Create a document from a text, and return it with the batch that it is indexed in.

        A knowledge base without documents needs `indexing_technique` (unless it was created with one) and
        `process_rule`.

        Args:
            dataset_id: The knowledge base's id.
            name: The document's name.
            text: Its text.
            **options: See `TextOptions`.

        Raises:
            InvalidParam: the knowledge base does not exist, or needs a setting: the error tells which.
            ProviderNotInitialized: the embedding model cannot be used.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids, body = {"dataset_id": dataset_id}, {"name": name, "text": text}
        return await self._api.call(operations.CREATE_BY_TEXT, options, ids=ids, json=body)

    async def create_by_file(
        self,
        dataset_id: str,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[FileOptions],
    ) -> DocumentAndBatch:
        """Create a document from a file, and return it with the batch that it is indexed in.

        A knowledge base without documents needs `indexing_technique` (unless it was created with one) and
        `process_rule`.

        Args:
            dataset_id: The knowledge base's id.
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name of the document. Default: that of the source; bytes and iterables need one.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `FileOptions`.

        Raises:
            InvalidParam: the knowledge base does not exist, the file is too large or of an unsupported type,
                or a setting is missing: the error tells which.
            ProviderNotInitialized: the embedding model cannot be used.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
            ConfigurationError: the file cannot be read, or has no name.
        """
        upload = upload_of(file, name, mime_type)
        ids = {"dataset_id": dataset_id}
        return await self._api.call(operations.CREATE_BY_FILE, options, ids=ids, file=upload)

    async def update_by_text(
        self, dataset_id: str, document_id: str, **options: Unpack[UpdateTextOptions]
    ) -> DocumentAndBatch:
        """Change a document, and return it with the batch that it is indexed in again.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            **options: What is to change. See `UpdateTextOptions`.

        Raises:
            InvalidParam: the document does not exist, or is not available: disabled, or being indexed.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        return await self._api.call(operations.UPDATE_BY_TEXT, options, ids=ids, json={})

    async def update_by_file(
        self,
        dataset_id: str,
        document_id: str,
        file: FileSource | InputFile,
        *,
        name: str | None = None,
        mime_type: str | None = None,
        **options: Unpack[FileOptions],
    ) -> DocumentAndBatch:
        """Replace the content of a document by a file, and return it with the batch that it is indexed in.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            file: A path, bytes, a file opened in binary mode, an async iterable of bytes, or an `InputFile`.
            name: The name of the document. Default: that of the source; bytes and iterables need one.
            mime_type: The declared MIME type. Default: by the extension.
            **options: See `FileOptions`.

        Raises:
            InvalidParam: the document does not exist, or is not available: disabled, or being indexed.
            FileTooLarge: the file is larger than the server's limit.
            UnsupportedFileType: the server cannot read files of this type.
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
            ConfigurationError: the file cannot be read, or has no name.
        """
        upload = upload_of(file, name, mime_type)
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        return await self._api.call(operations.UPDATE_BY_FILE, options, ids=ids, file=upload)

    def list(
        self,
        dataset_id: str,
        *,
        keyword: str | None = None,
        status: str | None = None,
        limit: int = 20,
        **options: Unpack[CallOptions],
    ) -> Pager[Document]:
        """List the documents of a knowledge base, newest first.

        Args:
            dataset_id: The knowledge base's id.
            keyword: Only those whose names contain it.
            status: Only those in this state: `queuing`, `indexing`, `paused`, `error`, `available`,
                `disabled` or `archived`. Servers 1.14 to 1.16 ignore other values.
            limit: Entries per page, 1 to 100.
            **options: See `CallOptions`; `timeout` applies to each page.

        Raises:
            NotFound: there is no such knowledge base.
        """
        query = {"keyword": keyword, "status": status}
        ids = {"dataset_id": dataset_id}
        return pages(
            self._api, operations.LIST_DOCUMENTS, options, next_number, query=query, ids=ids, limit=limit
        )

    async def get(
        self,
        dataset_id: str,
        document_id: str,
        *,
        metadata: Literal["all", "only", "without"] | None = None,
        **options: Unpack[CallOptions],
    ) -> Document:
        """Return a document.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            metadata: "only" returns nothing but id, type and metadata; "without" all but these. Default: all.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such document.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        return await self._api.call(operations.GET_DOCUMENT, options, ids=ids, query={"metadata": metadata})

    async def delete(self, dataset_id: str, document_id: str, **options: Unpack[CallOptions]) -> None:
        """Delete a document.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such document.
            BadRequest: the document is being indexed (`document_indexing`).
            Forbidden: the document is archived (`archived_document_immutable`).
            KnowledgeRateLimited: the plan's limit on requests per minute is reached.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        await self._api.call(operations.DELETE_DOCUMENT, options, ids=ids)

    async def update_status(
        self,
        dataset_id: str,
        action: Literal["enable", "disable", "archive", "un_archive"],
        document_ids: Sequence[str],
        **options: Unpack[CallOptions],
    ) -> None:
        """Enable, disable, archive or unarchive documents.

        Args:
            dataset_id: The knowledge base's id.
            action: What is done to them. Archived documents are kept as they are, and not searched.
            document_ids: The documents' ids.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such knowledge base.
            BadRequest: a document does not exist, or is being indexed (`invalid_action`).
        """
        ids = {"dataset_id": dataset_id, "action": action}
        body = {"document_ids": sendable_list("document_ids", document_ids)}
        await self._api.call(operations.UPDATE_DOCUMENT_STATUS, options, ids=ids, json=body)

    async def indexing_status(
        self, dataset_id: str, batch: str, **options: Unpack[CallOptions]
    ) -> Page[IndexingStatus]:
        """Return how far the indexing of a batch has come, for each of its documents.

        Args:
            dataset_id: The knowledge base's id.
            batch: From `DocumentAndBatch.batch`.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such batch, or it has no documents any more.
        """
        ids = {"dataset_id": dataset_id, "batch": batch}
        return await self._api.call(operations.GET_INDEXING_STATUS, options, ids=ids)

    @overload
    async def download(
        self, dataset_id: str, document_id: str, path: None = None, **options: Unpack[CallOptions]
    ) -> bytes: ...
    @overload
    async def download(
        self, dataset_id: str, document_id: str, path: str | os.PathLike[str], **options: Unpack[CallOptions]
    ) -> Path: ...
    async def download(
        self,
        dataset_id: str,
        document_id: str,
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> bytes | Path:
        """Return the file that a document was made of, or write it to `path` and return the path.

        Two requests: `download_address`, and one to that address without the API key and the client's
        headers.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            path: Where to write the file as it arrives, in constant memory, whatever its size. It is written
                once the file is complete: an interrupted download leaves what was there before.
            **options: See `CallOptions`; `timeout` applies to each request.

        Raises:
            NotFound: there is no such document, or it was not made of a file.
            TooLarge: the file is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the path cannot be written to.
        """
        url = await self.download_address(dataset_id, document_id, **options)
        return await fetch_link(self._api, url, options, path)

    async def download_address(
        self, dataset_id: str, document_id: str, **options: Unpack[CallOptions]
    ) -> str:
        """Return the address of the file that a document was made of.

        It is signed and valid for a short time: whoever has it can read the file.

        Args:
            dataset_id: The knowledge base's id.
            document_id: The document's id.
            **options: See `CallOptions`.

        Raises:
            NotFound: there is no such document, or it was not made of a file.
            NotSupportedByServer: the server is older than the endpoint.
        """
        ids = {"dataset_id": dataset_id, "document_id": document_id}
        return (await self._api.call(operations.GET_DOWNLOAD_ADDRESS, options, ids=ids)).url

    @overload
    async def download_zip(
        self, dataset_id: str, document_ids: Sequence[str], path: None = None, **options: Unpack[CallOptions]
    ) -> bytes: ...
    @overload
    async def download_zip(
        self,
        dataset_id: str,
        document_ids: Sequence[str],
        path: str | os.PathLike[str],
        **options: Unpack[CallOptions],
    ) -> Path: ...
    async def download_zip(
        self,
        dataset_id: str,
        document_ids: Sequence[str],
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[CallOptions],
    ) -> bytes | Path:
        """Return the files of several documents as a ZIP archive, or write it to `path` and return the path.

        Args:
            dataset_id: The knowledge base's id.
            document_ids: The documents' ids, at most 100.
            path: Where to write the archive as it arrives, in constant memory, whatever its size. It is
                written once it is complete: an interrupted download leaves what was there before.
            **options: See `CallOptions`.

        Raises:
            NotFound: a document does not exist, or was not made of a file.
            TooLarge: the archive is larger than the client's `max_event_bytes`: pass `path`.
            ConfigurationError: the path cannot be written to.
            NotSupportedByServer: the server is older than the endpoint.
        """
        body = {"document_ids": sendable_list("document_ids", document_ids)}
        request = self._api.build(operations.DOWNLOAD_ZIP, options, ids={"dataset_id": dataset_id}, json=body)
        return await fetch(self._api, request, path)
