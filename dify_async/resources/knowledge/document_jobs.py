"""Long tasks with documents: upload many files, sync a folder, wait for the indexing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, Unpack

from dify_async._http.attempts import AttemptCounter
from dify_async._http.call_options import check_callback, checked_options
from dify_async._journal_file import open_in_thread
from dify_async.batch import Batch, Rows
from dify_async.errors import ConfigurationError, IndexingFailed
from dify_async.files import FileSource, InputFile
from dify_async.knowledge_options import FileOptions
from dify_async.models.documents import DocumentAndBatch
from dify_async.models.indexing import IndexingReport
from dify_async.operations import knowledge as operations
from dify_async.options import CallOptions
from dify_async.resources._base import Resource
from dify_async.resources.knowledge.contents import NamedContents, sources_of
from dify_async.resources.knowledge.folder_journal import FolderJournal
from dify_async.resources.knowledge.folder_report import SyncChange, SyncReport
from dify_async.resources.knowledge.folders import FolderSync, journal_path
from dify_async.resources.knowledge.indexing import IndexingPoller, delays, summary
from dify_async.resources.knowledge.pacing import ChangeCounter, Pacing
from dify_async.resources.uploads import upload_of


class DocumentJobs(Resource):
    """The methods of `Documents` that send many requests."""

    async def wait_indexed(
        self,
        dataset_id: str,
        batches: str | Sequence[str],
        *,
        progress: Callable[[IndexingReport], object] | None = None,
        stuck_after: float = 600,
        **options: Unpack[CallOptions],
    ) -> IndexingReport:
        """Wait until the documents of one or more batches can be searched.

        Their status is requested one batch after the other, after 1 s at first and up to 15 s while nothing
        happens. Interruptions and restarts of the server count as no progress.

        Args:
            dataset_id: The knowledge base's id.
            batches: `DocumentAndBatch.batch`, or several: `SyncReport.batches`, for example.
            progress: Called each time that something has changed, with the state of all documents.
            stuck_after: Seconds without any progress after which the wait ends.
            **options: See `CallOptions`; `timeout` applies to each request.

        Raises:
            IndexingFailed: not all documents can be searched. `report` tells those that `failed`, those that
                are `empty` (no text was found) and those that are `stuck`.
            NotFound: there is no such batch.
        """
        if isinstance(stuck_after, bool) or not isinstance(stuck_after, int | float) or not stuck_after > 0:
            raise ConfigurationError(
                f"`stuck_after` must be a positive number of seconds, got {stuck_after!r:.100}"
            )
        if progress is not None:
            check_callback(progress, "progress")
        wanted = _checked_batches(batches)
        poller = IndexingPoller(self._api, dataset_id, wanted, options)
        progress_at, waits = monotonic(), delays()
        while True:
            if await poller.poll():
                progress_at, waits = monotonic(), delays()
                if progress is not None:
                    progress(poller.report(is_over=not poller.waiting))
            remaining = progress_at + stuck_after - monotonic()
            if not poller.waiting or remaining <= 0:
                break
            await asyncio.sleep(min(next(waits), remaining))
        if poller.waiting and poller.trouble is not None:
            raise poller.trouble
        report = poller.report(is_over=True)
        if not report.ok:
            raise IndexingFailed(summary(report, stuck_after), report=report)
        return report

    def upload_many(
        self,
        dataset_id: str,
        files: Rows[FileSource | InputFile],
        *,
        concurrency: int = 4,
        per_minute: int | None = None,
        **options: Unpack[FileOptions],
    ) -> Batch[FileSource | InputFile, DocumentAndBatch]:
        """Create a document from each file. See `Batch`: each file has an outcome.

        A file that is rejected because of the plan's limit per minute is sent again a minute later. Nothing
        else is sent twice.

        Args:
            dataset_id: The knowledge base's id.
            files: As for `create_by_file`: any iterable or async iterable, read as needed.
            concurrency: Maximum number of uploads at the same time, and of outcomes that wait to be read.
            per_minute: Maximum number of uploads within any minute. Default: as many as the server takes.
            **options: See `FileOptions`; `timeout` applies to each file.

        Raises:
            ConfigurationError: an argument is not valid.
        """
        api, pacing, ids = self._api, Pacing(per_minute), {"dataset_id": dataset_id}
        operation = operations.CREATE_BY_FILE
        checked_options(options, operation, takes_user=False)

        async def upload(file: FileSource | InputFile, _: str, attempts: AttemptCounter) -> DocumentAndBatch:
            counted, source = api.counted_by(ChangeCounter(attempts)), upload_of(file, None, None)
            return await pacing.send(lambda: counted.call(operation, options, ids=ids, file=source))

        return Batch(
            files,
            upload,
            concurrency=concurrency,
            ordered=False,
            adaptive=False,
            observers=api.observers,
        )

    async def sync_folder(
        self,
        dataset_id: str,
        contents: str | os.PathLike[str] | NamedContents,
        *,
        delete: bool = False,
        dry_run: bool = False,
        journal: str | os.PathLike[str] | None = None,
        include: Sequence[str] = (),
        concurrency: int = 4,
        per_minute: int | None = None,
        progress: Callable[[SyncChange], object] | None = None,
        **options: Unpack[FileOptions],
    ) -> SyncReport:
        """Keep a folder in a knowledge base: upload what is new or has changed since the last sync.

        Which document holds which content is recorded in the journal. If a process was killed during an
        upload, the next sync finds the document by its name and size and adopts it. The same holds for a
        document of that name and size from elsewhere. Hidden files are left out. The document of
        `guides/setup.md` is named `guides - setup.md`.

        The call does not wait for the indexing: pass `report.batches` to `wait_indexed`.

        Args:
            dataset_id: The knowledge base's id.
            contents: A folder, or relative paths with their contents: a mapping, or any iterable or async
                iterable of pairs. A content is bytes, or the path of a file.
            delete: Delete the documents of files that were removed. Only documents of the journal are
                deleted, and none if there are no files at all.
            dry_run: Return what would be done, and change nothing.
            journal: Path of the journal. Required for contents without a folder. Default: a hidden file in
                the folder, named after the first 8 characters of the knowledge base's id, such as
                `.dify-async-0f3c9a1b.jsonl`.
            include: Patterns such as `["*.md", "guides/**", "/*.txt"]`. A pattern matches in all folders,
                unless it starts with a slash; `**` stands for any number of folders. Default: all files.
                Other files count as removed.
            concurrency: Maximum number of files at the same time.
            per_minute: Maximum number of uploads and deletions within any minute. Default: as many as the
                server takes.
            progress: Called with each file when it is done.
            **options: See `FileOptions`; `timeout` applies to each request.

        Raises:
            ConfigurationError: an argument is not valid, the folder cannot be read, another sync uses the
                journal, or it belongs to another knowledge base.
            NotFound: there is no such knowledge base.
            ApiError: an error that every other file would meet too, such as a wrong API key. Errors of one
                file are in the report.
        """
        checked_options(options, operations.CREATE_BY_FILE, takes_user=False)
        if progress is not None:
            check_callback(progress, "progress")
        book = FolderJournal(journal_path(contents, journal, dataset_id), dataset_id, creates=not dry_run)
        sync = FolderSync(
            self._api, dataset_id, book, Pacing(per_minute), delete=delete, dry_run=dry_run, options=options
        )
        steps = sync.steps(sources_of(contents, include, book.path))
        batch = Batch(steps, sync.take, concurrency=concurrency, ordered=dry_run, adaptive=False)
        report = SyncReport(changes=[], dry_run=dry_run)
        await open_in_thread(book)
        try:
            await sync.list_documents()
            async with batch:
                async for outcome in batch:
                    change = sync.change_of(outcome)
                    report.changes.append(change)
                    if progress is not None:
                        progress(change)
        finally:
            book.close()
        return report


def _checked_batches(batches: object) -> list[str]:
    """Return batches without repetitions."""
    if isinstance(batches, str):
        return [batches]
    given: list[Any] = [*batches] if isinstance(batches, Iterable) else [batches]
    if not all(isinstance(batch, str) for batch in given):
        raise ConfigurationError(f"`batches` must be a str or a list of str, got {batches!r:.100}")
    return [*dict.fromkeys(given)]
