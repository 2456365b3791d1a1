"""A consumer's file. It is never run: mypy --strict and pyright strict read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import assert_type

from dify_async import AppClient, EventStream, KnowledgeClient, Pager, sync
from dify_async.events import DatasourceEvent
from dify_async.models import (
    Annotation,
    AnnotationJob,
    ChildChunk,
    Dataset,
    DatasourceResult,
    Document,
    DocumentAndBatch,
    EndUserDetail,
    IndexingStatus,
    KnowledgeTag,
    Page,
    PipelineRunResult,
    ProcessRule,
    RetrievalModel,
    RetrievalResult,
    Segment,
)


async def knowledge() -> None:
    async with KnowledgeClient("dataset-x") as client:
        assert_type(client.datasets.list(tag_ids=["t"]), Pager[Dataset])
        dataset = await client.datasets.create("n", indexing_technique="economy", timeout=5)
        assert_type(dataset, Dataset)
        await client.datasets.create("n", indexing_tecnique="economy")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        await client.datasets.create("n", permission=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        search = RetrievalModel(search_method="keyword_search", top_k=3)
        found = await client.datasets.retrieve("d", "q", retrieval_model=search)
        assert_type(found, RetrievalResult)
        await client.datasets.retrieve("d", "q", retrieval_model=dataset.retrieval_model_dict)
        rule = ProcessRule(mode="automatic")
        made = await client.documents.create_by_file("d", "a.txt", process_rule=rule)
        assert_type(made, DocumentAndBatch)
        await client.documents.create_by_text("d", "n", "t", process_rule={"mode": "automatic"})
        assert_type(await client.documents.indexing_status("d", made.batch), Page[IndexingStatus])
        assert_type([one async for one in client.documents.list("d")], list[Document])
        assert_type(await client.documents.download("d", "o"), bytes)
        assert_type(await client.documents.download_zip("d", ["o"], "a.zip"), Path)
        assert_type(await client.segments.create("d", "o", [{"content": "c"}]), Sequence[Segment])
        assert_type(await client.child_chunks.create("d", "o", "s", "c"), ChildChunk)
        assert_type(await client.tags.list().all(), list[KnowledgeTag])
        stream = client.pipeline.stream_datasource("d", "n", "online_drive", {})
        assert_type(stream, EventStream[DatasourceEvent, DatasourceResult])
        assert_type(await client.pipeline.run("d", "n", "local_file", [], {}), PipelineRunResult)
        client.user  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression] # noqa: B018


async def prepared_answers(client: AppClient) -> None:
    job = await client.annotations.switch_reply(
        "enable", score_threshold=0.9, embedding_provider_name="p", embedding_model_name="m", user="bob"
    )
    assert_type(await client.annotations.wait(job), AnnotationJob)
    assert_type(await client.annotations.list().all(), list[Annotation])
    assert_type(await client.end_users.get("u"), EndUserDetail)


def blocking() -> None:
    with sync.KnowledgeClient("dataset-x") as client:
        assert_type(client.datasets.list(), sync.Pager[Dataset])
        assert_type(client.datasets.get("d"), Dataset)
        client.datasets.get("d", timout=5)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        assert_type(list(client.documents.list("d")), list[Document])
        with client.pipeline.stream_datasource("d", "n", "online_drive", {}) as run:
            assert_type(run.result(), DatasourceResult)
