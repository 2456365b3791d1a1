"""The exact request of each operation of `KnowledgeClient`, and its decoded response."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dify_async import KnowledgeClient, Retry, models
from dify_async._wire.operation import Operation
from dify_async.operations import knowledge as operations
from tests.support.contract import description
from tests.support.requests import Case, answered, as_requested

SERVER = "https://dify.test/v1"
OK = {"result": "success"}
MADE = {"document": {"id": "o"}, "batch": "b"}
MADE_DOCUMENT = models.DocumentAndBatch(document=models.Document(id="o"), batch="b")
RULE = models.ProcessRule(
    mode="custom", rules=models.ProcessRules(segmentation=models.Segmentation(max_tokens=500))
)
SENT_RULE = {"mode": "custom", "rules": {"segmentation": {"max_tokens": 500}}}
SEARCH = models.RetrievalModel(
    search_method="keyword_search", reranking_enable=False, top_k=3, score_threshold_enabled=False
)
SENT_SEARCH = {
    "search_method": "keyword_search",
    "reranking_enable": False,
    "top_k": 3,
    "score_threshold_enabled": False,
}
EMBEDDING = {"embedding_model": "e", "embedding_model_provider": "p"}
SENT_FILE = ("a.txt", "text/plain")
FILE_SETTINGS: dict[str, Any] = {
    "indexing_technique": "economy",
    "process_rule": SENT_RULE,
    "doc_form": "text_model",
    "doc_language": "English",
    "retrieval_model": SENT_SEARCH,
    **EMBEDDING,
    "summary_index_setting": {"enable": False},
    "original_document_id": "old",
    "duplicate": False,
    "is_multimodal": False,
}
PIPELINE = {
    "inputs": {"a": 1},
    "datasource_type": "local_file",
    "datasource_info_list": [{"related_id": "f"}],
}
ENDED = json.dumps(
    {
        "event": "workflow_finished",
        "workflow_run_id": "r",
        "task_id": "t",
        "data": {"id": "r", "workflow_id": "w", "status": "succeeded"},
    }
)


def page(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"data": [*entries], "has_more": False, "limit": 20, "total": len(entries), "page": 1}


async def read(stream: Any) -> Any:
    async with stream as run:
        return await run.result()


CASES = [
    Case(
        operation=operations.LIST_DATASETS,
        call=lambda client: client.datasets.list(keyword="k", tag_ids=["a", "b"], include_all=True).all(),
        path="/datasets?keyword=k&tag_ids=a&tag_ids=b&include_all=true&limit=20",
        answer=page({"id": "d"}),
        gives=[models.Dataset(id="d")],
    ),
    Case(
        operation=operations.CREATE_DATASET,
        call=lambda client: client.datasets.create("Trips"),
        path="/datasets",
        body={"name": "Trips"},
        answer={"id": "d"},
        gives=models.Dataset(id="d"),
    ),
    Case(
        operation=operations.CREATE_DATASET,
        call=lambda client: client.datasets.create(
            "Trips",
            description="Where to go",
            indexing_technique="economy",
            permission="only_me",
            retrieval_model=SEARCH,
            summary_index_setting=models.SummaryIndexSetting(enable=False),
            provider="external",
            external_knowledge_api_id="x",
            external_knowledge_id="y",
            **EMBEDDING,
        ),
        path="/datasets",
        body={
            "name": "Trips",
            "description": "Where to go",
            "indexing_technique": "economy",
            "permission": "only_me",
            "retrieval_model": SENT_SEARCH,
            "summary_index_setting": {"enable": False},
            "provider": "external",
            "external_knowledge_api_id": "x",
            "external_knowledge_id": "y",
            **EMBEDDING,
        },
        answer={"id": "d"},
        gives=models.Dataset(id="d"),
    ),
    Case(
        operation=operations.GET_DATASET,
        call=lambda client: client.datasets.get("d"),
        path="/datasets/d",
        answer={"id": "d"},
        gives=models.Dataset(id="d"),
    ),
    Case(
        operation=operations.UPDATE_DATASET,
        call=lambda client: client.datasets.update("d", name="Trips", description=None),
        path="/datasets/d",
        body={"name": "Trips"},
        answer={"id": "d"},
        gives=models.Dataset(id="d"),
    ),
    Case(
        operation=operations.UPDATE_DATASET,
        call=lambda client: client.datasets.update(
            "d",
            description="",
            indexing_technique="economy",
            permission="partial_members",
            partial_member_list=[{"user_id": "m"}],
            retrieval_model=SEARCH,
            external_retrieval_model=models.ExternalRetrievalModel(top_k=2),
            external_knowledge_id="y",
            external_knowledge_api_id="x",
            **EMBEDDING,
        ),
        path="/datasets/d",
        body={
            "description": "",
            "indexing_technique": "economy",
            "permission": "partial_members",
            "partial_member_list": [{"user_id": "m"}],
            "retrieval_model": SENT_SEARCH,
            "external_retrieval_model": {"top_k": 2},
            "external_knowledge_id": "y",
            "external_knowledge_api_id": "x",
            **EMBEDDING,
        },
        answer={"id": "d"},
        gives=models.Dataset(id="d"),
    ),
    Case(
        operation=operations.DELETE_DATASET,
        call=lambda client: client.datasets.delete("d/1"),
        path="/datasets/d%2F1",
        answer=b"",
    ),
    Case(
        operation=operations.RETRIEVE,
        call=lambda client: client.datasets.retrieve("d", "Lisbon"),
        path="/datasets/d/retrieve",
        body={"query": "Lisbon"},
        answer={"query": {"content": "Lisbon"}, "records": []},
        gives=models.RetrievalResult(query=models.RetrievedQuery(content="Lisbon")),
    ),
    Case(
        operation=operations.RETRIEVE,
        call=lambda client: client.datasets.retrieve(
            "d",
            "Lisbon",
            retrieval_model=SEARCH,
            external_retrieval_model={"top_k": 2},
            attachment_ids=("f",),
        ),
        path="/datasets/d/retrieve",
        body={
            "query": "Lisbon",
            "retrieval_model": SENT_SEARCH,
            "external_retrieval_model": {"top_k": 2},
            "attachment_ids": ["f"],
        },
        answer={"query": {"content": "Lisbon"}, "records": []},
        gives=models.RetrievalResult(query=models.RetrievedQuery(content="Lisbon")),
    ),
    Case(
        operation=operations.CREATE_BY_TEXT,
        call=lambda client: client.documents.create_by_text("d", "n", "t"),
        path="/datasets/d/document/create-by-text",
        body={"name": "n", "text": "t"},
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.CREATE_BY_TEXT,
        call=lambda client: client.documents.create_by_text(
            "d",
            "n",
            "t",
            indexing_technique="economy",
            process_rule=RULE,
            doc_form="text_model",
            doc_language="English",
            retrieval_model=SEARCH,
            original_document_id="old",
            **EMBEDDING,
        ),
        path="/datasets/d/document/create-by-text",
        body={
            "name": "n",
            "text": "t",
            "indexing_technique": "economy",
            "process_rule": SENT_RULE,
            "doc_form": "text_model",
            "doc_language": "English",
            "retrieval_model": SENT_SEARCH,
            "original_document_id": "old",
            **EMBEDDING,
        },
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.CREATE_BY_FILE,
        call=lambda client: client.documents.create_by_file("d", b"x", name="a.txt"),
        path="/datasets/d/document/create-by-file",
        body={"file": SENT_FILE},
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.CREATE_BY_FILE,
        call=lambda client: client.documents.create_by_file("d", b"x", name="a.txt", **FILE_SETTINGS),
        path="/datasets/d/document/create-by-file",
        body={"file": SENT_FILE, "data": FILE_SETTINGS},
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.UPDATE_BY_TEXT,
        call=lambda client: client.documents.update_by_text(
            "d",
            "o",
            name="n",
            text="t",
            process_rule=RULE,
            doc_form="text_model",
            doc_language="English",
            retrieval_model=SEARCH,
        ),
        path="/datasets/d/documents/o/update-by-text",
        body={
            "name": "n",
            "text": "t",
            "process_rule": SENT_RULE,
            "doc_form": "text_model",
            "doc_language": "English",
            "retrieval_model": SENT_SEARCH,
        },
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.UPDATE_BY_FILE,
        call=lambda client: client.documents.update_by_file(
            "d", "o", b"x", name="a.txt", process_rule={"mode": "automatic"}
        ),
        path="/datasets/d/documents/o",
        body={"file": SENT_FILE, "data": {"process_rule": {"mode": "automatic"}}},
        answer=MADE,
        gives=MADE_DOCUMENT,
    ),
    Case(
        operation=operations.LIST_DOCUMENTS,
        call=lambda client: client.documents.list("d", keyword="k", status="error", limit=5).all(),
        path="/datasets/d/documents?keyword=k&status=error&limit=5",
        answer=page({"id": "o"}),
        gives=[models.Document(id="o")],
    ),
    Case(
        operation=operations.GET_DOCUMENT,
        call=lambda client: client.documents.get("d", "o"),
        path="/datasets/d/documents/o",
        answer={"id": "o"},
        gives=models.Document(id="o"),
    ),
    Case(
        operation=operations.GET_DOCUMENT,
        call=lambda client: client.documents.get("d", "o", metadata="without"),
        path="/datasets/d/documents/o?metadata=without",
        answer={"id": "o"},
        gives=models.Document(id="o"),
    ),
    Case(
        operation=operations.DELETE_DOCUMENT,
        call=lambda client: client.documents.delete("d", "o"),
        path="/datasets/d/documents/o",
        answer=b"",
    ),
    Case(
        operation=operations.UPDATE_DOCUMENT_STATUS,
        call=lambda client: client.documents.update_status("d", "disable", ["o"]),
        path="/datasets/d/documents/status/disable",
        body={"document_ids": ["o"]},
        answer=OK,
    ),
    Case(
        operation=operations.GET_INDEXING_STATUS,
        call=lambda client: client.documents.indexing_status("d", "b"),
        path="/datasets/d/documents/b/indexing-status",
        answer={"data": [{"id": "o", "indexing_status": "completed"}]},
        gives=models.Page(
            data=[models.IndexingStatus(id="o", indexing_status=models.IndexingState.COMPLETED)]
        ),
    ),
    Case(
        operation=operations.GET_DOWNLOAD_ADDRESS,
        call=lambda client: client.documents.download_address("d", "o"),
        path="/datasets/d/documents/o/download",
        answer={"url": "https://files.test/a?sign=s"},
        gives="https://files.test/a?sign=s",
    ),
    Case(
        operation=operations.DOWNLOAD_ZIP,
        call=lambda client: client.documents.download_zip("d", ["o"]),
        path="/datasets/d/documents/download-zip",
        body={"document_ids": ["o"]},
        answer=b"PK",
        gives=b"PK",
    ),
    Case(
        operation=operations.LIST_SEGMENTS,
        call=lambda client: client.segments.list("d", "o", keyword="k", status=["error", "paused"]).all(),
        path="/datasets/d/documents/o/segments?keyword=k&status=error&status=paused&limit=20",
        answer={**page({"id": "s"}), "doc_form": "text_model"},
        gives=[models.Segment(id="s")],
    ),
    Case(
        operation=operations.CREATE_SEGMENTS,
        call=lambda client: client.segments.create(
            "d",
            "o",
            [
                models.NewSegment(content="Faro", keywords=["f"]),
                {"content": "Braga", "attachment_ids": ["i"]},
            ],
        ),
        path="/datasets/d/documents/o/segments",
        body={
            "segments": [
                {"content": "Faro", "keywords": ["f"]},
                {"content": "Braga", "attachment_ids": ["i"]},
            ]
        },
        answer={"data": [{"id": "s"}], "doc_form": "text_model"},
        gives=[models.Segment(id="s")],
    ),
    Case(
        operation=operations.GET_SEGMENT,
        call=lambda client: client.segments.get("d", "o", "s"),
        path="/datasets/d/documents/o/segments/s",
        answer={"data": {"id": "s"}, "doc_form": "text_model"},
        gives=models.Segment(id="s"),
    ),
    Case(
        operation=operations.UPDATE_SEGMENT,
        call=lambda client: client.segments.update("d", "o", "s", enabled=False),
        path="/datasets/d/documents/o/segments/s",
        body={"segment": {"enabled": False}},
        answer={"data": {"id": "s"}, "doc_form": "text_model"},
        gives=models.Segment(id="s"),
    ),
    Case(
        operation=operations.UPDATE_SEGMENT,
        call=lambda client: client.segments.update(
            "d",
            "o",
            "s",
            content="c",
            answer="a",
            keywords=["k"],
            regenerate_child_chunks=True,
            attachment_ids=["i"],
            summary="",
        ),
        path="/datasets/d/documents/o/segments/s",
        body={
            "segment": {
                "content": "c",
                "answer": "a",
                "keywords": ["k"],
                "regenerate_child_chunks": True,
                "attachment_ids": ["i"],
                "summary": "",
            }
        },
        answer={"data": {"id": "s"}, "doc_form": "text_model"},
        gives=models.Segment(id="s"),
    ),
    Case(
        operation=operations.DELETE_SEGMENT,
        call=lambda client: client.segments.delete("d", "o", "s"),
        path="/datasets/d/documents/o/segments/s",
        answer=b"",
    ),
    Case(
        operation=operations.LIST_CHILD_CHUNKS,
        call=lambda client: client.child_chunks.list("d", "o", "s", keyword="k").all(),
        path="/datasets/d/documents/o/segments/s/child_chunks?keyword=k&limit=20",
        answer={"data": [{"id": "c"}], "total": 1, "total_pages": 1, "page": 1, "limit": 20},
        gives=[models.ChildChunk(id="c")],
    ),
    Case(
        operation=operations.CREATE_CHILD_CHUNK,
        call=lambda client: client.child_chunks.create("d", "o", "s", "Faro"),
        path="/datasets/d/documents/o/segments/s/child_chunks",
        body={"content": "Faro"},
        answer={"data": {"id": "c"}},
        gives=models.ChildChunk(id="c"),
    ),
    Case(
        operation=operations.UPDATE_CHILD_CHUNK,
        call=lambda client: client.child_chunks.update("d", "o", "s", "c", "Faro"),
        path="/datasets/d/documents/o/segments/s/child_chunks/c",
        body={"content": "Faro"},
        answer={"data": {"id": "c"}},
        gives=models.ChildChunk(id="c"),
    ),
    Case(
        operation=operations.DELETE_CHILD_CHUNK,
        call=lambda client: client.child_chunks.delete("d", "o", "s", "c"),
        path="/datasets/d/documents/o/segments/s/child_chunks/c",
        answer=b"",
    ),
    Case(
        operation=operations.GET_METADATA_FIELDS,
        call=lambda client: client.metadata.fields("d"),
        path="/datasets/d/metadata",
        answer={"doc_metadata": [{"id": "m", "name": "lang"}], "built_in_field_enabled": True},
        gives=models.MetadataFields(
            doc_metadata=[models.MetadataField(id="m", name="lang")], built_in_field_enabled=True
        ),
    ),
    Case(
        operation=operations.CREATE_METADATA_FIELD,
        call=lambda client: client.metadata.create("d", "lang", "string"),
        path="/datasets/d/metadata",
        body={"name": "lang", "type": "string"},
        answer={"id": "m"},
        gives=models.MetadataField(id="m"),
    ),
    Case(
        operation=operations.UPDATE_METADATA_FIELD,
        call=lambda client: client.metadata.update("d", "m", "language"),
        path="/datasets/d/metadata/m",
        body={"name": "language"},
        answer={"id": "m"},
        gives=models.MetadataField(id="m"),
    ),
    Case(
        operation=operations.DELETE_METADATA_FIELD,
        call=lambda client: client.metadata.delete("d", "m"),
        path="/datasets/d/metadata/m",
        answer={"result": "success"},  # Older servers; newer ones send nothing.
    ),
    Case(
        operation=operations.GET_BUILT_IN_FIELDS,
        call=lambda client: client.metadata.built_in_fields("d"),
        path="/datasets/d/metadata/built-in",
        answer={"fields": [{"name": "uploader", "type": "string"}]},
        gives=models.BuiltInFields(fields=[models.MetadataField(name="uploader")]),
    ),
    Case(
        operation=operations.SWITCH_BUILT_IN_FIELDS,
        call=lambda client: client.metadata.switch_built_in_fields("d", "enable"),
        path="/datasets/d/metadata/built-in/enable",
        answer=OK,
    ),
    Case(
        operation=operations.UPDATE_DOCUMENT_METADATA,
        call=lambda client: client.metadata.update_documents(
            "d",
            [
                models.DocumentMetadata(
                    document_id="o",
                    metadata_list=[models.MetadataValue(id="m", name="lang", value="en")],
                    partial_update=True,
                )
            ],
        ),
        path="/datasets/d/documents/metadata",
        body={
            "operation_data": [
                {
                    "document_id": "o",
                    "metadata_list": [{"id": "m", "name": "lang", "value": "en"}],
                    "partial_update": True,
                }
            ]
        },
        answer=OK,
    ),
    Case(
        operation=operations.LIST_TAGS,
        call=lambda client: client.tags.list().all(),
        path="/datasets/tags",
        answer=[{"id": "g", "binding_count": "2"}],
        gives=[models.KnowledgeTag(id="g", binding_count=2)],
    ),
    Case(
        operation=operations.CREATE_TAG,
        call=lambda client: client.tags.create("Travel"),
        path="/datasets/tags",
        body={"name": "Travel"},
        answer={"id": "g"},
        gives=models.KnowledgeTag(id="g"),
    ),
    Case(
        operation=operations.UPDATE_TAG,
        call=lambda client: client.tags.update("g", "Trips"),
        path="/datasets/tags",
        body={"name": "Trips", "tag_id": "g"},
        answer={"id": "g"},
        gives=models.KnowledgeTag(id="g"),
    ),
    Case(
        operation=operations.DELETE_TAG,
        call=lambda client: client.tags.delete("g"),
        path="/datasets/tags",
        body={"tag_id": "g"},
        answer=b"",
    ),
    Case(
        operation=operations.BIND_TAGS,
        call=lambda client: client.tags.bind("d", ["g"]),
        path="/datasets/tags/binding",
        body={"tag_ids": ["g"], "target_id": "d"},
        answer=b"",
    ),
    Case(
        operation=operations.UNBIND_TAGS,
        call=lambda client: client.tags.unbind("d", ["g"]),
        path="/datasets/tags/unbinding",
        body={"tag_ids": ["g"], "target_id": "d"},
        answer=b"",
    ),
    Case(
        operation=operations.LIST_TAGS_OF_DATASET,
        call=lambda client: client.tags.of_dataset("d").all(),
        path="/datasets/d/tags",
        answer={"data": [{"id": "g", "name": "Travel"}], "total": 1},
        gives=[models.KnowledgeTag(id="g", name="Travel")],
    ),
    Case(
        operation=operations.LIST_MODELS,
        call=lambda client: client.models.list("text-embedding").all(),
        path="/workspaces/current/models/model-types/text-embedding",
        answer={"data": [{"provider": "p", "models": [{"model": "e"}]}]},
        gives=[models.ModelProvider(provider="p", models=[models.ProviderModel(model="e")])],
    ),
    Case(
        operation=operations.LIST_DATASOURCE_PLUGINS,
        call=lambda client: client.pipeline.datasource_plugins("d", is_published=False).all(),
        path="/datasets/d/pipeline/datasource-plugins?is_published=false",
        answer=[{"node_id": "n"}],
        gives=[models.DatasourcePlugin(node_id="n")],
    ),
    Case(
        operation=operations.UPLOAD_PIPELINE_FILE,
        call=lambda client: client.pipeline.upload_file(b"x", name="a.txt"),
        path="/datasets/pipeline/file-upload",
        body={"file": SENT_FILE},
        answer={"id": "f"},
        gives=models.PipelineFile(id="f"),
    ),
    Case(
        operation=operations.RUN_DATASOURCE,
        call=lambda client: read(
            client.pipeline.stream_datasource("d", "n", "online_drive", {"a": 1}, credential_id="c")
        ),
        path="/datasets/d/pipeline/datasource/nodes/n/run",
        body={
            "inputs": {"a": 1},
            "datasource_type": "online_drive",
            "credential_id": "c",
            "is_published": True,
        },
        answer=[json.dumps({"event": "datasource_completed", "data": [1], "time_consuming": 0.5})],
        gives=models.DatasourceResult(data=[[1]], time_consuming=0.5),
    ),
    Case(
        operation=operations.RUN_PIPELINE,
        call=lambda client: client.pipeline.run("d", "n", "local_file", [{"related_id": "f"}], {"a": 1}),
        path="/datasets/d/pipeline/run",
        body={**PIPELINE, "start_node_id": "n", "is_published": True, "response_mode": "blocking"},
        answer={"batch": "b", "dataset": {"id": "d"}, "documents": [{"id": "o"}]},
        gives=models.PipelineRunResult(
            batch="b", dataset=models.PipelineDataset(id="d"), documents=[models.Document(id="o")]
        ),
    ),
    Case(
        operation=operations.RUN_PIPELINE,
        call=lambda client: read(
            client.pipeline.stream_draft("d", "n", "local_file", [{"related_id": "f"}], {"a": 1})
        ),
        path="/datasets/d/pipeline/run",
        body={**PIPELINE, "start_node_id": "n", "is_published": False, "response_mode": "streaming"},
        answer=[ENDED],
        gives=models.WorkflowResult(
            task_id="t", workflow_run_id="r", workflow_id="w", status=models.RunStatus.SUCCEEDED
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operation.method} {case.path}")
async def test_the_request_has_the_documented_shape(case: Case) -> None:
    client = KnowledgeClient("dataset-x", base_url=SERVER, retry=Retry(attempts=1))
    sent = await answered(client, case)
    assert (sent.method, sent.url) == (case.operation.method, as_requested(SERVER + case.path))
    assert sent.headers["Authorization"] == "Bearer dataset-x"
    body = sent.body
    if case.body is not None and "data" in case.body:
        body = {**body, "data": json.loads(body["data"])}
    assert body == case.body
    assert sent.given == case.gives


def test_every_operation_is_tested() -> None:
    cases = {id(case.operation) for case in CASES}
    table = {name: value for name, value in vars(operations).items() if isinstance(value, Operation)}
    assert [name for name, value in table.items() if id(value) not in cases] == []


def names_sent(operation: Operation[Any]) -> set[str]:
    """Return the parameters that are sent by any of the cases of an operation."""
    found: set[str] = set()
    for case in CASES:
        if case.operation is operation:
            found |= {name for name, _ in parse_qsl(urlsplit(case.path).query)}
            found |= (case.body or {}).keys()
    return found


NOT_SENT = {("POST", "/datasets/tags/unbinding"): {"tag_id"}}  # One tag; `tag_ids` takes several.


@pytest.mark.parametrize(
    "operation",
    [value for value in vars(operations).values() if isinstance(value, Operation)],
    ids=lambda operation: operation.name,
)
def test_every_parameter_can_be_passed(operation: Operation[Any]) -> None:
    (described,) = (
        one
        for one in description("service")["operations"]
        if (one["method"], one["path"]) == (operation.method, operation.path)
    )
    names = {param["name"] for param in described["params"] if param["in"] != "path"}
    not_sent = NOT_SENT.get((operation.method, operation.path), set()) | {"page"}
    assert names - not_sent == names_sent(operation)
