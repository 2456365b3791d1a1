"""FakeDify's knowledge bases are compared with recordings of a real server; their state changes over time."""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any

import attrs
import pytest

from dify_async.testing import FakeDify, Indexing, Refuse
from tests.support import recordings
from tests.support.fake_server import ask, first_sentence, upload

TEXT = {"name": "t", "text": "Lisbon is the capital of Portugal.\n\nSecond part."}
NEW = {**TEXT, "indexing_technique": "economy", "process_rule": {"mode": "automatic"}}
SEARCH = {
    "search_method": "semantic_search",
    "reranking_enable": False,
    "top_k": 5,
    "score_threshold_enabled": False,
}


@attrs.frozen
class Caller:
    """Sends requests with the key of the Knowledge API."""

    dify: FakeDify

    async def __call__(self, method: str, path: str, body: Any = None, **given: Any) -> tuple[int, Any]:
        key = f"Bearer {self.dify.knowledge.api_key}"
        given = given or ({} if body is None else {"json": body})
        status, kind, content = await ask(self.dify, method, f"/v1{path}", key=key, **given)
        return status, json.loads(content) if kind == "application/json" and content else content

    async def done(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        status, answer = await self(method, path, body, **given)
        assert status < 300, answer
        return answer

    async def new_document(self, dataset_id: str, **changes: Any) -> Any:
        body = {**NEW, **changes}
        return await self.done("POST", f"/datasets/{dataset_id}/document/create-by-text", body)


@pytest.fixture
def call(fake_dify: FakeDify) -> Caller:
    return Caller(fake_dify)


@pytest.fixture
def kb(fake_dify: FakeDify) -> str:
    """The path of a new knowledge base."""
    return f"/datasets/{fake_dify.knowledge.add('kb', indexing_technique='economy').id}"


def deep_shape(value: Any) -> Any:
    """Return the keys of all nested objects; for a list, those of its first entry."""
    if isinstance(value, dict):
        return {key: deep_shape(inner) for key, inner in sorted(value.items())}
    return [deep_shape(one) for one in value[:1]] if isinstance(value, list) else None


def check(name: str, status: int, ours: Any) -> None:
    """Compare an answer with a recorded one."""
    real = recordings.load(name)
    assert status == real.status, name
    if real.body:
        assert deep_shape(ours) == deep_shape(json.loads(real.body)), name
    else:
        assert ours == b""


async def story(call: Caller) -> dict[str, tuple[int, Any]]:
    """Repeat the recorded requests, from the first knowledge base to its deletion."""
    got: dict[str, tuple[int, Any]] = {}
    new = {"name": "kb", "indexing_technique": "economy", "permission": "only_me"}
    got["create"] = await call("POST", "/datasets", new)
    kb = f"/datasets/{got['create'][1]['id']}"
    got["create_duplicate"] = await call("POST", "/datasets", new)
    got["list"] = await call("GET", "/datasets?limit=20")
    got["text"] = await call("POST", f"{kb}/document/create-by-text", NEW)
    one = f"{kb}/documents/{got['text'][1]['document']['id']}"
    got["status"] = await call("GET", f"{kb}/documents/{got['text'][1]['batch']}/indexing-status")
    got["done"] = await call("GET", f"{kb}/documents/{got['text'][1]['batch']}/indexing-status")
    got["without"] = await call("GET", f"{one}?metadata=without")
    got["only"] = await call("GET", f"{one}?metadata=only")
    got["documents"] = await call("GET", f"{kb}/documents")
    got["segments"] = await call("GET", f"{one}/segments")
    got["segment_create"] = await call("POST", f"{one}/segments", {"segments": [{"content": "new"}]})
    segment = f"{one}/segments/{got['segment_create'][1]['data'][0]['id']}"
    got["segment_get"] = await call("GET", segment)
    got["children"] = await call("GET", f"{segment}/child_chunks")
    got["segments_bad"] = await call("POST", f"{one}/segments", {"segments": []})
    got["segment_delete"] = await call("DELETE", segment)
    got["retrieve"] = await call("POST", f"{kb}/retrieve", {"query": "capital"})
    got["download"] = await call("GET", f"{one}/download")
    got["update"] = await call("POST", f"{one}/update-by-text", {"name": "t2", "text": "Changed."})
    got["update_again"] = await call("POST", f"{one}/update-by-text", {"name": "t2", "text": "Changed."})
    await call("GET", one)
    got["metadata_create"] = await call("POST", f"{kb}/metadata", {"type": "string", "name": "lang"})
    field = got["metadata_create"][1]
    got["metadata_update"] = await call("PATCH", f"{kb}/metadata/{field['id']}", {"name": "lang2"})
    value = {"id": field["id"], "name": "lang2", "value": "zh"}
    data = [{"document_id": one.rpartition("/")[2], "metadata_list": [value]}]
    got["assign"] = await call("POST", f"{kb}/documents/metadata", {"operation_data": data})
    got["metadata_list"] = await call("GET", f"{kb}/metadata")
    got["built_in"] = await call("GET", f"{kb}/metadata/built-in")
    got["built_in_enable"] = await call("POST", f"{kb}/metadata/built-in/enable")
    got["detail"] = await call("GET", one)
    got["metadata_delete"] = await call("DELETE", f"{kb}/metadata/{field['id']}")
    got["tag_create"] = await call("POST", "/datasets/tags", {"name": "tag"})
    tag, target = got["tag_create"][1]["id"], kb.rpartition("/")[2]
    got["tag_bind"] = await call("POST", "/datasets/tags/binding", {"tag_ids": [tag], "target_id": target})
    got["tags_of"] = await call("GET", f"{kb}/tags")
    got["tag_unbind"] = await call("POST", "/datasets/tags/unbinding", {"tag_id": tag, "target_id": target})
    got["tag_delete"] = await call("DELETE", "/datasets/tags", {"tag_id": tag})
    got["disable"] = await call("PATCH", f"{kb}/documents/status/disable", {"document_ids": [one[-36:]]})
    got["document_delete"] = await call("DELETE", one)
    got["models"] = await call("GET", "/workspaces/current/models/model-types/text-embedding")
    got["delete"] = await call("DELETE", kb)
    return got


@pytest.mark.fake_dify(version="1.14")
async def test_responses_match_dify_1_14(call: Caller) -> None:
    got = await story(call)
    for name, ours in {
        "ds_create_economy": "create",
        "err_ds_create_duplicate": "create_duplicate",
        "ds_list": "list",
        "ds_doc_create_by_text": "text",
        "ds_doc_indexing_status_at_once": "status",
        "ds_doc_indexing_status_done": "done",
        "ds_doc_get_only_metadata": "only",
        "ds_docs": "documents",
        "ds_segments": "segments",
        "ds_segment_create": "segment_create",
        "ds_segment_get": "segment_get",
        "err_ds_child_chunks": "children",
        "ds_segment_delete": "segment_delete",
        "ds_retrieve": "retrieve",
        "ds_doc_download": "download",
        "ds_metadata_create": "metadata_create",
        "ds_metadata_update": "metadata_update",
        "ds_docs_metadata_assign": "assign",
        "ds_metadata_list": "metadata_list",
        "ds_metadata_builtin_list": "built_in",
        "ds_metadata_builtin_enable": "built_in_enable",
        "ds_tag_create": "tag_create",
        "ds_tag_bind": "tag_bind",
        "ds_tags_of": "tags_of",
        "ds_tag_delete": "tag_delete",
        "ds_doc_update_by_text": "update",
        "ds_doc_status_disable": "disable",
        "ds_doc_delete": "document_delete",
        "ds_models": "models",
        "ds_delete": "delete",
    }.items():
        check(name, *got[ours])


@pytest.mark.fake_dify(version="1.16")
async def test_responses_match_dify_1_16(call: Caller) -> None:
    got = await story(call)
    for name, ours in {
        "116_ds_create": "create",
        "116_ds_list": "list",
        "116_ds_doc_text": "text",
        "116_ds_segments_add": "segment_create",
        "116_ds_segments_add_bad": "segments_bad",
        "116_ds_segment": "segment_get",
        "116_ds_hit_testing": "retrieve",
        "116_ds_meta_create": "metadata_create",
        "116_ds_meta_rename": "metadata_update",
        "116_ds_meta_delete": "metadata_delete",
        "116_ds_meta_builtin2": "built_in",
        "116_ds_tag_create": "tag_create",
        "116_ds_ds_tags": "tags_of",
        "116_ds_tag_unbind": "tag_unbind",
        "116_ds_doc_update": "update_again",
        "116_ds_models": "models",
    }.items():
        check(name, *got[ours])
    assert (
        got["status"][1]["data"][0].keys()
        > json.loads(recordings.load("ds_doc_indexing_status_done").body)["data"][0].keys()
    )


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("err_ds_create_no_name", ""),
        ("err_ds_doc_create_missing_text", "/{}/document/create-by-text"),
        ("err_ds_retrieve_no_query", "/{}/retrieve"),
        ("err_ds_retrieve_long_query", "/{}/retrieve"),
    ],
)
async def test_rejections_match_a_real_server(call: Caller, kb: str, name: str, where: str) -> None:
    real = recordings.load(name)
    path = "/datasets" + where.format(kb.rpartition("/")[2])
    status, ours = await call(real.method, path, real.request_body)
    theirs = json.loads(real.body)
    assert (status, ours["code"]) == (real.status, theirs["code"])
    # Its first two lines name the model and the field; the rest depends on the validator.
    assert ours["message"].splitlines()[:2] == theirs["message"].splitlines()[:2]


async def test_ids_that_are_not_uuids_are_not_paths(call: Caller) -> None:
    status, page = await call("GET", "/datasets/nope")
    assert (status, page.decode()) == (404, recordings.load("err_ds_get_bad_uuid").body.decode())


async def test_forms_without_a_file_are_rejected(call: Caller, kb: str) -> None:
    status, ours = await call("POST", f"{kb}/document/create-by-file", **upload())
    theirs = json.loads(recordings.load("err_ds_doc_create_by_file_no_file").body)
    assert (status, ours) == (400, theirs)


async def test_each_kind_of_key_is_limited_to_its_operations(fake_dify: FakeDify) -> None:
    wrong = {"code": "unauthorized", "message": "Access token is invalid", "status": 401}
    _, _, body = await ask(fake_dify, "GET", "/v1/datasets")
    assert json.loads(body) == wrong
    _, _, body = await ask(fake_dify, "GET", "/v1/info", key=f"Bearer {fake_dify.knowledge.api_key}")
    assert json.loads(body) == wrong


async def test_a_first_document_needs_its_settings(call: Caller) -> None:
    kb = f"/datasets/{(await call.done('POST', '/datasets', {'name': 'kb'}))['id']}"
    add = f"{kb}/document/create-by-text"
    status, answer = await call("POST", add, TEXT)
    assert (status, answer["message"]) == (400, "indexing_technique is required.")
    status, answer = await call("POST", add, {**TEXT, "indexing_technique": "economy"})
    assert (status, answer["message"]) == (400, "process_rule is required.")
    await call.done("POST", add, NEW)
    await call.done("POST", add, TEXT)  # Uses the settings of the previous document.


async def test_a_document_is_indexed_after_its_status_was_read_several_times(
    fake_dify: FakeDify, call: Caller, kb: str
) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=2)
    added = await call.new_document(kb[-36:])
    seen = []
    for _ in range(3):
        status = await call.done("GET", f"{kb}/documents/{added['batch']}/indexing-status")
        found = await call.done("POST", f"{kb}/retrieve", {"query": "portugal"})
        seen.append((status["data"][0]["indexing_status"], len(found["records"])))
    assert seen == [("indexing", 0), ("indexing", 1), ("completed", 1)]


async def test_the_clock_is_controlled_by_the_test(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0, seconds=1_000)
    fake_dify.knowledge.indexing_of = {"stuck": Indexing(polls=0, seconds=math.inf)}
    await call.new_document(kb[-36:])
    await call.new_document(kb[-36:], name="stuck")
    for seconds, expected in ((0, "queuing"), (999, "indexing"), (2, "available")):
        fake_dify.knowledge.advance(seconds)
        shown = await call.done("GET", f"{kb}/documents/{fake_dify.knowledge.documents[0].id}")
        assert shown["display_status"] == ("indexing" if seconds == 0 else expected)
    assert fake_dify.knowledge.documents[1].display_status == "queuing"


async def test_documents_fail_or_are_empty(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.indexing_of = {
        "bad": Indexing(polls=0, error="boom"),
        "scan": Indexing(polls=0, empty=True),
    }
    answers = {}
    for name in ("bad", "scan"):
        added = await call.new_document(kb[-36:], name=name)
        status = await call.done("GET", f"{kb}/documents/{added['batch']}/indexing-status")
        answers[name] = status["data"][0]
    assert (answers["bad"]["indexing_status"], answers["bad"]["error"]) == ("error", "boom")
    assert (answers["scan"]["indexing_status"], answers["scan"]["total_segments"]) == ("completed", 0)


async def test_the_rate_limit_is_a_403(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.requests_per_minute = 2
    for _ in range(2):
        await call.new_document(kb[-36:])
    status, answer = await call("POST", f"{kb}/retrieve", {"query": "x"})
    assert (status, answer["code"]) == (403, "forbidden")
    assert "rate limit" in answer["message"]
    await call.done("GET", f"{kb}/documents")  # Reads do not count.
    fake_dify.knowledge.advance(61)
    await call.done("POST", f"{kb}/retrieve", {"query": "x"})


async def test_the_plan_limits_documents(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.max_documents = 1
    await call.new_document(kb[-36:])
    status, answer = await call("POST", f"{kb}/document/create-by-text", NEW)
    assert (status, answer["code"]) == (403, "forbidden")
    assert len(fake_dify.knowledge.documents) == 1


async def test_retrieval_ranks_by_words(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0)
    for name, text in {
        "a": "red apples",
        "b": "red and green apples",
        "c": "bananas",
        "d": "青いりんご",
    }.items():
        await call.new_document(kb[-36:], name=name, text=text)

    async def names(query: str, **changes: Any) -> list[str]:
        body = {"query": query, "retrieval_model": {**SEARCH, **changes}}
        records = (await call.done("POST", f"{kb}/retrieve", body))["records"]
        return [record["segment"]["document"]["name"] for record in records]

    assert await names("Green apples") == ["b", "a"]
    assert await names("green apples", top_k=1) == ["b"]
    assert await names("green apples", score_threshold_enabled=True, score_threshold=0.9) == ["b"]
    assert await names("りんご") == ["d"]
    assert await names("pears") == []
    fake_dify.knowledge.documents[1].enabled = False
    assert await names("green apples") == ["a"]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ([("lang", "is", "en")], ["a", "b"]),
        ([("lang", "=", "en"), ("year", "≥", 2025)], ["b"]),
        ([("lang", "is not", "en")], ["c"]),
        ([("lang", "≠", "en")], ["c"]),
        ([("lang", "contains", "e")], ["a", "b", "c"]),
        ([("lang", "not contains", "n")], ["c"]),
        ([("lang", "start with", "d")], ["c"]),
        ([("lang", "end with", "n")], ["a", "b"]),
        ([("lang", "in", ["de", "fr"])], ["c"]),
        ([("lang", "in", "de, fr")], ["c"]),
        ([("lang", "not in", ["de", "fr"])], ["a", "b"]),
        ([("lang", "empty", None)], ["d"]),
        ([("lang", "not empty", None)], ["a", "b", "c"]),
        ([("lang", "is", None)], ["a", "b", "c", "d"]),
        ([("year", "=", 2024)], ["a"]),
        ([("year", ">", 2024)], ["b", "c"]),
        ([("year", "after", 2025)], ["c"]),
        ([("year", "<", 2025)], ["a"]),
        ([("year", "before", 2026)], ["a", "b"]),
        ([("year", "≤", 2025)], ["a", "b"]),
        ([("lang", "<", 5)], []),
        ([("lang", "is", "fr")], []),
        ([("other", "is", "fr")], []),
        ([], ["a", "b", "c", "d"]),
    ],
)
async def test_retrieval_is_filtered_by_metadata(
    fake_dify: FakeDify,
    call: Caller,
    kb: str,
    conditions: list[tuple[str, str, Any]],
    found: list[str],
) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0)
    lang = await call.done("POST", f"{kb}/metadata", {"type": "string", "name": "lang"})
    year = await call.done("POST", f"{kb}/metadata", {"type": "number", "name": "year"})
    for name, values in {"a": ("en", 2024), "b": ("en", 2025), "c": ("de", 2026), "d": ()}.items():
        added = await call.new_document(kb[-36:], name=name, text="apples")
        listed = [{**field, "value": value} for field, value in zip((lang, year), values, strict=False)]
        data = {"document_id": added["document"]["id"], "metadata_list": listed}
        await call.done("POST", f"{kb}/documents/metadata", {"operation_data": [data]})
    filtering = {
        "conditions": [
            {"name": name, "comparison_operator": operator, "value": value}
            for name, operator, value in conditions
        ]
    }
    settings = {**SEARCH, "top_k": 9, "metadata_filtering_conditions": filtering}
    body = {"query": "apples", "retrieval_model": settings}
    records = (await call.done("POST", f"{kb}/retrieve", body))["records"]
    documents = [record["segment"]["document"] for record in records]
    assert sorted(document["name"] for document in documents) == found
    for document in documents:
        if document["name"] == "a":
            assert document["doc_metadata"] == {"lang": "en", "year": 2024}
        if document["name"] == "d":
            assert document["doc_metadata"] is None


async def test_conditions_of_a_metadata_filter_may_be_alternatives(
    fake_dify: FakeDify, call: Caller, kb: str
) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0)
    await call.done("POST", f"{kb}/metadata/built-in/enable")
    for name in ("a", "b", "c"):
        await call.new_document(kb[-36:], name=name, text="apples")
    conditions = [{"name": "document_name", "comparison_operator": "is", "value": name} for name in "ac"]
    filtering = {"logical_operator": "or", "conditions": conditions}
    body = {"query": "apples", "retrieval_model": {**SEARCH, "metadata_filtering_conditions": filtering}}
    records = (await call.done("POST", f"{kb}/retrieve", body))["records"]
    assert sorted(record["segment"]["document"]["name"] for record in records) == ["a", "c"]


@pytest.mark.parametrize(
    ("filtering", "field"),
    [
        ({"logical_operator": "xor"}, "logical_operator"),
        ({"conditions": [{"comparison_operator": "is", "value": "x"}]}, "name"),
        ({"conditions": [{"name": "lang", "comparison_operator": "like"}]}, "comparison_operator"),
    ],
)
async def test_metadata_filters_are_validated(
    call: Caller, kb: str, filtering: dict[str, Any], field: str
) -> None:
    body = {"query": "x", "retrieval_model": {**SEARCH, "metadata_filtering_conditions": filtering}}
    status, answer = await call("POST", f"{kb}/retrieve", body)
    assert (status, answer["code"]) == (400, "invalid_param")
    assert field in answer["message"]


@pytest.mark.parametrize("missing", sorted(SEARCH))
async def test_settings_of_retrieval_must_be_complete(call: Caller, kb: str, missing: str) -> None:
    settings = {name: value for name, value in SEARCH.items() if name != missing}
    status, answer = await call("POST", f"{kb}/retrieve", {"query": "x", "retrieval_model": settings})
    assert (status, answer["code"]) == (400, "invalid_param")
    assert missing in answer["message"]


async def test_files_are_returned_unchanged(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.knowledge.datasets[0].rule = {"mode": "automatic"}
    file = ("file", "a.md", "text/markdown", b"# A")
    added = await call.done("POST", f"{kb}/document/create-by-file", **upload(file))
    document = f"{kb}/documents/{added['document']['id']}"
    url = (await call.done("GET", f"{document}/download"))["url"]
    _, _, content = await ask(fake_dify, "GET", url.removeprefix(fake_dify.base_url.removesuffix("/v1")))
    assert content == b"# A"
    ids = {"document_ids": [added["document"]["id"]]}
    archive = await call.done("POST", f"{kb}/documents/download-zip", ids)
    assert zipfile.ZipFile(io.BytesIO(archive)).read("a.md") == b"# A"
    changed = ("file", "a.md", "text/markdown", b"# B")
    status, answer = await call("PATCH", document, **upload(changed))
    assert (status, first_sentence(answer["message"])) == (400, "Document is not available")
    for _ in range(2):
        await call.done("GET", document)
    again = await call.done("PATCH", document, **upload(changed))
    assert again["document"]["data_source_info"] != added["document"]["data_source_info"]
    assert (again["document"]["id"], again["batch"]) == (added["document"]["id"], added["batch"])
    assert fake_dify.knowledge.documents[0].content == b"# B"


@pytest.mark.parametrize("name", ["a.exe", "a/b.txt", "a"])
async def test_files_that_cannot_be_read_are_rejected(call: Caller, kb: str, name: str) -> None:
    status, answer = await call(
        "POST", f"{kb}/document/create-by-file", **upload(("file", name, "text/plain", b"x"))
    )
    assert (status, answer["code"]) == (400, "invalid_param")


async def test_archived_documents_and_knowledge_bases_in_use_are_not_deleted(
    fake_dify: FakeDify, call: Caller, kb: str
) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0)
    added = await call.new_document(kb[-36:])
    ids = {"document_ids": [added["document"]["id"]]}
    await call("GET", f"{kb}/documents")
    await call.done("PATCH", f"{kb}/documents/status/archive", ids)
    status, answer = await call("DELETE", f"{kb}/documents/{added['document']['id']}")
    assert (status, answer["code"]) == (403, "archived_document_immutable")
    status, answer = await call("PATCH", f"{kb}/documents/status/burn", ids)
    assert (status, answer["code"]) == (400, "invalid_action")
    fake_dify.knowledge.datasets[0].app_count = 1
    status, answer = await call("DELETE", kb)
    assert (status, answer["code"]) == (409, "dataset_in_use")


async def test_lists_have_pages(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    for name in "abcde":
        await call.new_document(kb[-36:], name=name)
    first = await call.done("GET", f"{kb}/documents?limit=2")
    last = await call.done("GET", f"{kb}/documents?limit=2&page=3")
    assert [one["name"] for one in first["data"] + last["data"]] == ["e", "d", "a"]
    assert (first["has_more"], last["has_more"], last["total"]) == (True, False, 5)
    some = await call.done("GET", f"{kb}/documents?keyword=C")
    assert [one["name"] for one in some["data"]] == ["c"]


async def test_hierarchical_documents_have_child_chunks(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    rule = {"mode": "hierarchical", "rules": {"segmentation": {"separator": "##"}}}
    await call.new_document(kb[-36:], text="a\nb##c", process_rule=rule, doc_form="hierarchical_model")
    document = fake_dify.knowledge.documents[0]
    first = document.segments[0]
    assert [one.content for one in document.segments.values()] == ["a\nb", "c"]
    path = f"{kb}/documents/{document.id}/segments/{first.id}/child_chunks"
    page = await call.done("GET", f"{path}?limit=1")
    assert ([one["content"] for one in page["data"]], page["total_pages"]) == (["a"], 2)
    added = (await call.done("POST", path, {"content": "x"}))["data"]
    changed = (await call.done("PATCH", f"{path}/{added['id']}", {"content": "y"}))["data"]
    assert (changed["content"], changed["type"], changed["position"]) == ("y", "customized", 3)
    await call.done("DELETE", f"{path}/{added['id']}")
    assert [one.content for one in first.children.values()] == ["a", "b"]


async def test_a_pipeline_has_data_sources(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    status, _ = await call("GET", f"{kb}/pipeline/datasource-plugins")
    assert status == 400
    fake_dify.knowledge.datasets[0].plugins = [{"node_id": "site", "datasource_type": "website_crawl"}]
    assert len(await call.done("GET", f"{kb}/pipeline/datasource-plugins")) == 1
    run = {"inputs": {"url": "u"}, "datasource_type": "website_crawl", "is_published": True}
    for node, last in (("site", "datasource_completed"), ("other", "datasource_error")):
        events = await call.done("POST", f"{kb}/pipeline/datasource/nodes/{node}/run", run)
        assert json.loads(events.decode().strip().rpartition("data: ")[2])["event"] == last
    body = {
        **run,
        "datasource_info_list": [{"name": "x"}],
        "start_node_id": "site",
        "response_mode": "streaming",
    }
    assert (await call.done("POST", f"{kb}/pipeline/run", body))["documents"][0]["name"] == "x"
    status, answer = await call("POST", f"{kb}/pipeline/run", {**body, "start_node_id": "other"})
    assert (status, answer["code"]) == (500, "pipeline_run_error")
    uploaded = ("file", "a.txt", "text/plain", b"x")
    status, answer = await call("POST", "/datasets/pipeline/file-upload", **upload(uploaded))
    assert (status, answer["name"], fake_dify.files[answer["id"]].content) == (201, "a.txt", b"x")


async def test_faults_apply_and_reset_clears_the_state(fake_dify: FakeDify, call: Caller, kb: str) -> None:
    fake_dify.faults.append(Refuse(status=500, on="/datasets"))
    assert (await call("GET", "/datasets"))[0] == 500
    await call.done("GET", "/datasets")
    key = fake_dify.knowledge.api_key
    fake_dify.reset()
    assert (fake_dify.knowledge.api_key, dict(fake_dify.knowledge.datasets)) == (key, {})
