"""Streams of knowledge pipelines: data source nodes, and runs of drafts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dify_async import KnowledgeClient, errors, events, sync
from tests.support.raw_server import SSE, Call, RawServer, answer, finished, started

KEY = "dataset-SECRETsecret123"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def said(name: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"event": name, **fields}).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


WORKING = said("datasource_processing", total=2, completed=1)
FIRST = said("datasource_completed", data=[{"page_id": "1"}])
SECOND = said("datasource_completed", data=[{"page_id": "2"}], time_consuming=1.5)
FAILED = said("datasource_error", error=f"no access with {KEY}")
END = b"0\r\n\r\n"


def server_that_sends(*parts: bytes) -> RawServer:
    async def handler(call: Call) -> None:
        for part in parts:
            await call.send(part)

    return RawServer(handler)


def stream_of(client: Any) -> Any:
    return client.pipeline.stream_datasource("d", "n", "online_document", {})


async def read_async(server: RawServer) -> tuple[list[Any], Any]:
    async with KnowledgeClient(KEY, base_url=server.base_url) as client, stream_of(client) as run:
        return [event async for event in run], await run.result()


async def read_blocking(server: RawServer) -> tuple[list[Any], Any]:
    with sync.KnowledgeClient(KEY, base_url=server.base_url) as client, stream_of(client) as run:
        return list(run), run.result()


each_client = pytest.mark.parametrize("read", [read_async, read_blocking])
Read = Callable[[RawServer], Awaitable[tuple[list[Any], Any]]]


@each_client
async def test_a_data_source_may_return_data_several_times(read: Read) -> None:
    with server_that_sends(CHUNKED, chunk(WORKING), chunk(FIRST), chunk(SECOND), END) as server:
        found, result = await read(server)
    assert [type(event) for event in found] == [
        events.DatasourceProcessing,
        events.DatasourceCompleted,
        events.DatasourceCompleted,
    ]
    assert result.data == [[{"page_id": "1"}], [{"page_id": "2"}]]
    assert result.time_consuming == 1.5
    assert result.raw["event"] == "datasource_completed"
    assert len(server.calls) == 1


@each_client
async def test_a_data_source_that_fails(read: Read) -> None:
    with (
        server_that_sends(CHUNKED, chunk(WORKING), chunk(FAILED), END) as server,
        pytest.raises(errors.ServerError, match="datasource_error: no access") as caught,
    ):
        await read(server)
    assert caught.value.code == "datasource_error"
    assert KEY not in str(caught.value)


@each_client
@pytest.mark.parametrize("parts", [(WORKING,), (FIRST,)], ids=["working", "some data"])
async def test_an_interrupted_stream_of_a_data_source_is_an_error(
    read: Read, parts: tuple[bytes, ...]
) -> None:
    with (
        server_that_sends(CHUNKED, *map(chunk, parts)) as server,
        pytest.raises(errors.StreamInterrupted, match="the connection broke") as caught,
    ):
        await read(server)
    assert len(server.calls) == 1
    assert caught.value.partial is not None
    assert len(caught.value.partial.data) == parts.count(FIRST)  # type: ignore[union-attr]


@each_client
async def test_a_stream_without_events_raises_outcomeunknown(read: Read) -> None:
    with server_that_sends(CHUNKED, END) as server, pytest.raises(errors.OutcomeUnknown):
        await read(server)


@each_client
async def test_a_closed_body_is_complete(read: Read) -> None:
    with server_that_sends(SSE, FIRST) as server:
        _, result = await read(server)
    assert result.data == [[{"page_id": "1"}]]


async def test_leaving_a_data_source_sends_no_stop() -> None:
    async def handler(call: Call) -> None:
        await call.send(CHUNKED + chunk(WORKING))
        await call.until_closed()

    with RawServer(handler) as server:
        async with KnowledgeClient(KEY, base_url=server.base_url) as client, stream_of(client) as run:
            async for _ in run:
                break
        assert [call.path for call in server.calls] == ["/v1/datasets/d/pipeline/datasource/nodes/n/run"]


async def test_a_draft_streams_the_events_of_a_workflow() -> None:
    with server_that_sends(SSE, started(), finished()) as server:
        async with (
            KnowledgeClient(KEY, base_url=server.base_url) as client,
            client.pipeline.stream_draft("d", "n", "local_file", [{"related_id": "f"}], {}) as run,
        ):
            found = [event.event async for event in run]
            result = await run.result()
    assert found == ["workflow_started", "workflow_finished"]
    assert result.outputs == {"a": "b"}


async def test_an_interrupted_draft_is_not_recovered() -> None:
    with server_that_sends(CHUNKED, chunk(started())) as server:
        async with KnowledgeClient(KEY, base_url=server.base_url) as client:
            with pytest.raises(errors.StreamInterrupted):
                async with client.pipeline.stream_draft("d", "n", "local_file", [], {}) as run:
                    await run.result()
        assert len(server.calls) == 1


async def test_a_published_pipeline_that_cannot_run() -> None:
    body = {"code": "pipeline_run_error", "message": "Pipeline is not found", "status": 500}
    with server_that_sends(answer(body, "500 INTERNAL SERVER ERROR")) as server:
        async with KnowledgeClient(KEY, base_url=server.base_url) as client:
            with pytest.raises(errors.ServerError) as caught:
                await client.pipeline.run("d", "n", "local_file", [], {})
    assert caught.value.code == "pipeline_run_error"
    assert len(server.calls) == 1


@each_client
async def test_an_error_without_a_code_is_not_runrejected(read: Read) -> None:
    broken = said("error", message="no such node", status=400)
    with (
        server_that_sends(CHUNKED, chunk(WORKING), chunk(broken), END) as server,
        pytest.raises(errors.BadRequest, match="no such node") as caught,
    ):
        await read(server)
    assert caught.value.code == "datasource_error"
