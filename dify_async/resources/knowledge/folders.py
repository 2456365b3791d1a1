"""Sync a folder, or contents with names, to a knowledge base."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final, cast

import attrs

from dify_async._http.api import Api
from dify_async._http.attempts import AttemptCounter
from dify_async._local_files import checked_path
from dify_async.batch import Outcome
from dify_async.errors import ApiError, ConfigurationError, NotFound, ServerError
from dify_async.files import InputFile
from dify_async.knowledge_options import FileOptions
from dify_async.models._base import as_object
from dify_async.models.documents import Document, DocumentAndBatch, IndexingState
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import next_number, pages
from dify_async.resources.knowledge.contents import Digest, Source
from dify_async.resources.knowledge.folder_journal import FolderJournal, Stored
from dify_async.resources.knowledge.folder_report import SyncAction, SyncChange
from dify_async.resources.knowledge.indexing import ENDED, delays
from dify_async.resources.knowledge.pacing import ChangeCounter, Pacing

_INDEXED_AFTER: Final = 600.0
"""Seconds to wait at most for the end of the indexing of a document that is to be replaced."""
_STORED_AFTER: Final = 2.0
"""Seconds after which the server has stored what was uploaded by a process that was killed."""


@attrs.frozen
class Removed:
    """A file that was in the folder at the last sync."""

    path: str
    stored: Stored


@attrs.define
class FolderSync:
    """One sync of one folder."""

    api: Api
    dataset_id: str
    journal: FolderJournal
    pacing: Pacing
    delete: bool
    dry_run: bool
    options: FileOptions
    _listed: dict[str, Document] = attrs.Factory(dict[str, Document])
    _unrecorded: defaultdict[tuple[str, int | None], list[Document]] = attrs.Factory(
        lambda: defaultdict[tuple[str, int | None], list[Document]](list)
    )
    _planned: dict[str, SyncChange] = attrs.Factory(dict[str, SyncChange])
    _paths: dict[str, str] = attrs.Factory(dict[str, str])
    """Paths of this sync by the names of their documents."""

    async def list_documents(self) -> None:
        """Read which documents there are."""
        await self._list()
        unknown = [
            path
            for path, digest in self.journal.started.items()
            if path not in self.journal.stored and not self._unrecorded[_key(path, digest)]
        ]
        if unknown and not self.dry_run:
            # A process was killed during these uploads; the server may be about to store them.
            await asyncio.sleep(_STORED_AFTER)
            await self._list()

    async def _list(self) -> None:
        self._unrecorded.clear()
        recorded = {stored.document_id for stored in self.journal.stored.values()}
        ids = {"dataset_id": self.dataset_id}
        pager = pages(self.api, operations.LIST_DOCUMENTS, self._calls, next_number, ids=ids, limit=100)
        async for document in pager:
            self._listed[document.id] = document
            if document.id not in recorded:
                self._unrecorded[document.name, _size_of(document)].append(document)

    async def steps(self, sources: AsyncIterator[Source]) -> AsyncIterator[Source | Removed]:
        """Yield the files of the folder, then those that were removed from it."""
        paths: set[str] = set()
        async for source in sources:
            paths.add(source.path)
            yield source
        if self.delete and not paths and self.journal.stored:
            raise ConfigurationError(
                "the folder is empty, so nothing was deleted: if this is right, delete the knowledge base"
            )
        for path, stored in [*self.journal.stored.items()]:
            if path not in paths:
                yield Removed(path, stored)

    async def take(self, step: Source | Removed, _: str, attempts: AttemptCounter) -> SyncChange:
        """Upload, replace, delete or skip one file."""
        api = self.api.counted_by(ChangeCounter(attempts))
        if isinstance(step, Removed):
            return await self._remove(api, step)
        name = step.document_name
        if self._paths.setdefault(name, step.path) != step.path:
            raise ConfigurationError(
                f"{step.path!r} and {self._paths[name]!r} would be documents of the same name: rename one"
            )
        digest = await step.digest()
        action, document = await self._decide(api, step, digest)
        change = self._planned[step.path] = SyncChange(
            action=action,
            path=step.path,
            name=name,
            size=digest.size,
            document_id=None if document is None else document.id,
        )
        if self.dry_run or action == SyncAction.KEEP:
            return change
        if action == SyncAction.ADOPT and document is not None:
            self.journal.note_stored(step.path, Stored(digest, document.id, _file_of(document)))
            return change
        answer = await self._upload(api, step, document)
        return attrs.evolve(change, document_id=answer.document.id, batch=answer.batch)

    def change_of(self, outcome: Outcome[SyncChange]) -> SyncChange:
        """Return what was done with a file, or its error."""
        if outcome.ok:
            return outcome.result
        path: str = outcome.row.path
        unknown = SyncChange(action=None, path=path, name=Source(path, b"").document_name)
        return attrs.evolve(self._planned.get(path, unknown), error=outcome.error)

    async def _decide(self, api: Api, step: Source, digest: Digest) -> tuple[SyncAction, Document | None]:
        stored, started = self.journal.stored.get(step.path), self.journal.started.get(step.path)
        document = await self._known(api, stored) if stored is not None else None
        if stored is not None and document is not None:
            held = stored.digest
            if started is not None and _file_of(document) != stored.file_id:
                held = started  # The update had arrived when the process was killed.
            unchanged = SyncAction.KEEP if started is None else SyncAction.ADOPT
        else:
            held = started or digest
            found = self._unrecorded[_key(step.path, held)]
            if not found:
                return SyncAction.CREATE, None
            document, unchanged = found.pop(), SyncAction.ADOPT
        is_good = held == digest and document.indexing_status != IndexingState.ERROR
        return unchanged if is_good else SyncAction.UPDATE, document

    async def _known(self, api: Api, stored: Stored) -> Document | None:
        """Return the document that a file was stored in, if it still exists."""
        if stored.document_id in self._listed:
            return self._listed[stored.document_id]
        try:  # Deleted, or lists were changed by others while they were read.
            return await self._get(api, stored.document_id)
        except NotFound:
            return None

    async def _upload(self, api: Api, step: Source, document: Document | None) -> DocumentAndBatch:
        content = await step.read()  # Read completely, so that the hash is that of the content that is sent.
        digest = Digest.of(content)
        if document is not None and document.indexing_status not in ENDED:
            document = await self._indexed(api, document.id)
        if document is not None and document.indexing_status == IndexingState.ERROR:
            # The server does not update such a document.
            await self._delete(api, document.id)
            document = None
        self.journal.record_start(step.path, digest)
        file = InputFile(content, name=step.document_name)
        ids = {"dataset_id": self.dataset_id}
        operation = operations.CREATE_BY_FILE
        if document is not None:
            operation, ids = operations.UPDATE_BY_FILE, {**ids, "document_id": document.id}
        try:
            answer = await self.pacing.send(lambda: api.call(operation, self.options, ids=ids, file=file))
        except ApiError as error:
            if not isinstance(error, ServerError):
                self.journal.note_rejected(step.path)
            raise
        stored = Stored(digest, answer.document.id, _file_of(answer.document))
        self.journal.note_stored(step.path, stored)
        return answer

    async def _indexed(self, api: Api, document_id: str) -> Document:
        """Wait for the end of the indexing of a document: until then the server does not update it."""
        until = monotonic() + _INDEXED_AFTER
        for delay in delays():
            document = await self._get(api, document_id)
            if document.indexing_status in ENDED or monotonic() >= until:
                return document
            await asyncio.sleep(delay)
        raise AssertionError  # `delays` has no end.

    async def _remove(self, api: Api, step: Removed) -> SyncChange:
        change = self._planned[step.path] = SyncChange(
            action=SyncAction.DELETE if self.delete else SyncAction.LEAVE,
            path=step.path,
            name=Source(step.path, b"").document_name,
            document_id=step.stored.document_id,
        )
        if self.delete and not self.dry_run:
            await self._delete(api, step.stored.document_id)
            self.journal.note_deleted(step.path)
        return change

    async def _get(self, api: Api, document_id: str) -> Document:
        return await api.call(operations.GET_DOCUMENT, self._calls, ids=self._ids_of(document_id))

    async def _delete(self, api: Api, document_id: str) -> None:
        ids = self._ids_of(document_id)
        with suppress(NotFound):  # Somebody else may have deleted it.
            await self.pacing.send(lambda: api.call(operations.DELETE_DOCUMENT, self._calls, ids=ids))

    def _ids_of(self, document_id: str) -> dict[str, str]:
        return {"dataset_id": self.dataset_id, "document_id": document_id}

    @property
    def _calls(self) -> CallOptions:
        """The options of calls that send no settings."""
        names = CallOptions.__annotations__
        return cast(CallOptions, {name: value for name, value in self.options.items() if name in names})


def journal_path(contents: object, journal: str | os.PathLike[str] | None, dataset_id: str) -> Path:
    """Return where to record the state of a folder, or of contents with names."""
    if journal is not None:
        return checked_path(journal, "journal")
    if isinstance(contents, str | os.PathLike):
        return Path(cast(Any, contents), f".dify-async-{dataset_id[:8]}.jsonl")
    raise ConfigurationError("names with contents have no folder to keep a journal in: pass `journal=`")


def _key(path: str, digest: Digest) -> tuple[str, int | None]:
    return Source(path, b"").document_name, digest.size


def _file_of(document: Document) -> str:
    """Return the id of a document's upload, which `get` returns in another place than lists."""
    info = document.data_source_info
    upload = as_object(info.get("upload_file"))
    return str(info.get("upload_file_id") if upload is None else upload.get("id"))


def _size_of(document: Document) -> int | None:
    upload = as_object(document.data_source_detail_dict.get("upload_file"))
    return None if upload is None else upload.get("size")
