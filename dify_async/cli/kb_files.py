"""The commands `kb upload` and `kb sync`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dify_async.batch import Outcome
from dify_async.cli.kb_options import (
    Concurrency,
    IndexingTechnique,
    KnowledgeBase,
    PerMinute,
    ProcessRule,
    Wait,
    dataset_id_of,
    process_rule_of,
)
from dify_async.cli.kb_progress import ProgressDisplay
from dify_async.cli.options import AsJsonLines, with_knowledge_client
from dify_async.cli.output import print_json_line, print_rows, say
from dify_async.cli.process import FAILED, SUCCEEDED
from dify_async.cli.settings import Settings, knowledge_command
from dify_async.cli.terms import in_terms_of_the_command
from dify_async.clients.knowledge import KnowledgeClient
from dify_async.errors import DifyError
from dify_async.models.documents import DocumentAndBatch
from dify_async.resources.knowledge.folder_report import SyncAction, SyncChange, SyncReport

_UPLOADS: Final = ("document", "file", "batch")
_CHANGES: Final = ("", "file", "document")
_DONE: Final = {
    SyncAction.CREATE: "created",
    SyncAction.UPDATE: "updated",
    SyncAction.ADOPT: "adopted",
    SyncAction.KEEP: "unchanged",
    SyncAction.DELETE: "deleted",
    SyncAction.LEAVE: "removed, but not deleted (--delete)",
}
_PLANNED: Final = {
    **_DONE,
    SyncAction.CREATE: "to create",
    SyncAction.UPDATE: "to update",
    SyncAction.ADOPT: "to adopt",
    SyncAction.DELETE: "to delete",
}


@knowledge_command
def upload(
    settings: Settings,
    knowledge_base: KnowledgeBase,
    files: Annotated[list[Path], typer.Argument(show_default=False, help="Paths of the files.")],
    indexing_technique: IndexingTechnique = None,
    process_rule: ProcessRule = None,
    concurrency: Concurrency = 4,
    per_minute: PerMinute = None,
    wait: Wait = False,
    as_json: AsJsonLines = False,
) -> None:
    """Upload files into a knowledge base: a new document for each. The exit code is 1 if a file fails."""

    async def work(client: KnowledgeClient) -> int:
        rule = process_rule_of(process_rule)
        dataset_id = await dataset_id_of(client, knowledge_base)
        batches: list[str] = []
        uploads = client.documents.upload_many(
            dataset_id,
            files,
            concurrency=concurrency,
            per_minute=per_minute,
            indexing_technique=indexing_technique,
            process_rule=rule,
        )
        async with uploads:
            with ProgressDisplay("files", len(files)) as progress:
                async for outcome in uploads:
                    progress.advance()
                    _print_upload(outcome, as_json=as_json)
                    batches += [outcome.result.batch] if outcome.ok else []
        if wait:
            await _wait(client, dataset_id, batches)
        return SUCCEEDED if len(batches) == len(files) else FAILED

    with_knowledge_client(settings, work)


def _print_upload(outcome: Outcome[DocumentAndBatch], *, as_json: bool) -> None:
    path = str(outcome.row)
    if outcome.error is not None:
        _print_problem(path, outcome.error, {"file": path}, as_json=as_json)
        return
    created = outcome.result
    if as_json:
        known = {"file": path, "document_id": created.document.id, "batch": created.batch}
        print_json_line({**known, "error": None})
    else:
        print_rows(_UPLOADS, [(created.document.id, path, created.batch)])


@knowledge_command
def sync(
    settings: Settings,
    knowledge_base: KnowledgeBase,
    folder: Annotated[
        Path, typer.Argument(show_default=False, help="The folder to upload and keep up to date.")
    ],
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the documents of files that were removed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            show_default="all files",
            help="Only files that match this pattern, such as '*.md' or 'guides/**'; repeat it for several.",
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(show_default="a hidden file in the folder", help="File that records what was uploaded."),
    ] = None,
    indexing_technique: IndexingTechnique = None,
    process_rule: ProcessRule = None,
    concurrency: Concurrency = 4,
    per_minute: PerMinute = None,
    wait: Wait = False,
    as_json: AsJsonLines = False,
) -> None:
    """Keep a folder in a knowledge base: upload new and changed files, and delete removed ones if asked.

    A sync that was interrupted is finished by the next one; no document is uploaded twice. Unchanged files
    are not shown. The exit code is 1 if a file fails.

    `dify-async kb sync handbook docs --include '*.md' --delete --dry-run`
    """

    async def work(client: KnowledgeClient) -> int:
        rule = process_rule_of(process_rule)
        dataset_id = await dataset_id_of(client, knowledge_base)
        with ProgressDisplay("files") as progress:

            def show(change: SyncChange) -> None:
                progress.advance()
                _print_change(change, dry_run=dry_run, as_json=as_json)

            report = await client.documents.sync_folder(
                dataset_id,
                folder,
                delete=delete,
                dry_run=dry_run,
                journal=journal,
                include=include or (),
                concurrency=concurrency,
                per_minute=per_minute,
                progress=show,
                indexing_technique=indexing_technique,
                process_rule=rule,
            )
        say(_summary(report))
        if wait:
            await _wait(client, dataset_id, report.batches)
        return SUCCEEDED if report.ok else FAILED

    with_knowledge_client(settings, work)


def _print_change(change: SyncChange, *, dry_run: bool, as_json: bool) -> None:
    if change.error is not None:
        known = {"action": change.action, "path": change.path, "document_id": change.document_id}
        _print_problem(change.path, change.error, known, as_json=as_json)
    elif as_json:
        print_json_line(change.to_dict())
    elif change.action is not None and change.action != SyncAction.KEEP:
        words = _PLANNED if dry_run else _DONE
        print_rows(_CHANGES, [(words[change.action], change.path, change.document_id or "")])


def _print_problem(path: str, error: DifyError, known: dict[str, Any], *, as_json: bool) -> None:
    why = in_terms_of_the_command(str(error))
    if as_json:
        print_json_line({**known, "error": why})
    say(f"{path}: {why}")


def _summary(report: SyncReport) -> str:
    words = _PLANNED if report.dry_run else _DONE
    counts = [(report.count(action), word) for action, word in words.items()]
    parts = [f"{count} {word}" for count, word in counts if count]
    parts += [f"{len(report.failed)} failed"] if report.failed else []
    return ", ".join(parts) or "no files"


async def _wait(client: KnowledgeClient, dataset_id: str, batches: list[str]) -> None:
    with ProgressDisplay("indexing") as progress:
        report = await client.documents.wait_indexed(dataset_id, batches, progress=progress.show)
    say(f"{len(report.indexed)} documents can be searched")
