"""The commands `kb list`, `create`, `upload`, `sync`, `search` and `delete`."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from dify_async.cli.kb_files import sync, upload
from dify_async.cli.kb_options import IndexingTechnique, KnowledgeBase, dataset_id_of
from dify_async.cli.options import AsJson, AsJsonLines, with_knowledge_client
from dify_async.cli.output import print_json, print_json_line, print_rows, say, shown
from dify_async.cli.settings import Settings, knowledge_command
from dify_async.clients.knowledge import KnowledgeClient
from dify_async.errors import ConfigurationError
from dify_async.models.datasets import Dataset
from dify_async.models.retrieval import RetrievalModel, RetrievedRecord

kb = typer.Typer(name="kb", help="Knowledge bases: list, create, fill, search and delete them.")

_DATASETS: Final = ("id", "name", "documents", "indexing")
_RECORDS: Final = ("score", "document", "text")
_PAGE: Final = 100
_TOP_K: Final = 2
"""Chunks that Dify returns if nothing else is set."""


@kb.command(name="list")
@knowledge_command
def list_datasets(
    settings: Settings,
    keyword: Annotated[
        str | None,
        typer.Option(show_default=False, help="Only those with this text in their names."),
    ] = None,
    as_json: AsJsonLines = False,
) -> None:
    """List the knowledge bases: id, name, number of documents, indexing technique."""

    async def work(client: KnowledgeClient) -> None:
        datasets = await client.datasets.list(keyword=keyword, limit=_PAGE).all()
        if as_json:
            for dataset in datasets:
                print_json_line(dataset.to_dict())
        else:
            print_rows(_DATASETS, [_dataset_row(dataset) for dataset in datasets])

    with_knowledge_client(settings, work)


def _dataset_row(dataset: Dataset) -> tuple[str, ...]:
    return dataset.id, dataset.name, shown(dataset.document_count), str(dataset.indexing_technique or "")


@kb.command()
@knowledge_command
def create(
    settings: Settings,
    name: Annotated[str, typer.Argument(show_default=False, help="Name of the knowledge base.")],
    indexing_technique: IndexingTechnique = None,
    description: Annotated[str | None, typer.Option(show_default=False)] = None,
    permission: Annotated[
        str | None, typer.Option(show_default="only_me", help="only_me or all_team_members.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a knowledge base, and print its id."""

    async def work(client: KnowledgeClient) -> None:
        dataset = await client.datasets.create(
            name, indexing_technique=indexing_technique, description=description, permission=permission
        )
        if as_json:
            print_json(dataset.to_dict())
        else:
            print(dataset.id)

    with_knowledge_client(settings, work)


kb.command()(upload)
kb.command()(sync)


@kb.command()
@knowledge_command
def search(
    settings: Settings,
    knowledge_base: KnowledgeBase,
    query: Annotated[str, typer.Argument(show_default=False, help="What to search for.")],
    method: Annotated[
        str | None,
        typer.Option(
            show_default="that of the knowledge base",
            help="semantic_search, full_text_search, hybrid_search or keyword_search.",
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, show_default="that of the knowledge base", help="Maximum number of chunks."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search a knowledge base: score, document and text of the chunks that were found."""

    async def work(client: KnowledgeClient) -> None:
        dataset_id = await dataset_id_of(client, knowledge_base)
        model = None
        if method is not None or top_k is not None:
            # Dify takes all of these settings or none.
            known = (await client.datasets.get(dataset_id)).retrieval_model_dict
            model = RetrievalModel(
                search_method=method or known.search_method,
                reranking_enable=known.reranking_enable or False,
                reranking_mode=known.reranking_mode,
                reranking_model=known.reranking_model,
                weights=known.weights,
                top_k=top_k or known.top_k or _TOP_K,
                score_threshold_enabled=known.score_threshold_enabled or False,
                score_threshold=known.score_threshold,
            )
        found = await client.datasets.retrieve(dataset_id, query, retrieval_model=model)
        if as_json:
            print_json(found.to_dict())
        else:
            print_rows(_RECORDS, [_record_row(record) for record in found.records])

    with_knowledge_client(settings, work)


def _record_row(record: RetrievedRecord) -> tuple[str, ...]:
    segment = record.segment
    score = "" if record.score is None else f"{record.score:.2f}"
    name = segment.document.name if segment.document is not None else ""
    return score, name, shown(segment.content)


@kb.command()
@knowledge_command
def delete(
    settings: Settings,
    knowledge_base: KnowledgeBase,
    document: Annotated[
        list[str] | None,
        typer.Option(show_default=False, help="Id of a document to delete instead; repeat it for several."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a knowledge base with all its documents, or some of its documents."""

    async def work(client: KnowledgeClient) -> None:
        dataset_id = await dataset_id_of(client, knowledge_base)
        if document:
            for document_id in document:
                await client.documents.delete(dataset_id, document_id)
            say(f"deleted {len(document)} documents")
            return
        dataset = await client.datasets.get(dataset_id)
        _confirm(f"Delete {dataset.name!r} with {dataset.document_count} documents?", yes=yes)
        await client.datasets.delete(dataset_id)
        say(f"deleted the knowledge base {dataset.name!r}")

    with_knowledge_client(settings, work)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("a knowledge base is deleted with all its documents: pass --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfigurationError("nothing was deleted")
