"""dify-oapi2: pydantic models over httpx; a stream is an iterator of bytes."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from benchmarks.clients import BlockingClient, Client, Inputs, OnText

TITLE: Final = "dify-oapi2"
PACKAGES: Final = ("dify-oapi2", "pydantic")
IMPORT: Final = "from dify_oapi.client import Client"
LACKS: Final = {"rows": "has no batches"}
NOTES: Final = (
    "Its streams are bytes: the benchmark splits them into events, and decodes them with `json`, into dicts.",
    "It sends the inputs of a workflow one level too deep; the server of the benchmark accepts that.",
)


class _Lines:
    """Splits bytes into events, with as little code as possible."""

    def __init__(self, on_text: OnText) -> None:
        self._on_text = on_text
        self._tail = bytearray()
        self.events = 0

    def feed(self, data: bytes) -> None:
        if not data.endswith(b"\n") and b"\n\n" not in data:
            self._tail += data  # a part of a large event
            return
        blocks = bytes(self._tail + data).split(b"\n\n")
        self._tail = bytearray(blocks.pop())
        for block in blocks:
            if block.startswith(b"data: "):
                event = json.loads(block[6:])
                self.events += 1
                if event["event"] == "text_chunk":
                    self._on_text(event["data"]["text"])


class _Requests:
    def __init__(self, base_url: str, width: int) -> None:
        from dify_oapi.client import Client as DifyClient
        from dify_oapi.core.model.request_option import RequestOption

        builder = DifyClient.builder().domain(base_url.removesuffix("/v1")).timeout(60)
        self.client: Any = builder.max_connections(max(width, 100)).build()
        self.option: Any = RequestOption.builder().api_key("app-bench").build()

    def run(self, inputs: Inputs) -> Any:
        from dify_oapi.api.workflow.v1.model.run_workflow_request import RunWorkflowRequest
        from dify_oapi.api.workflow.v1.model.run_workflow_request_body import RunWorkflowRequestBody
        from dify_oapi.api.workflow.v1.model.workflow_inputs import WorkflowInputs

        wrapped = WorkflowInputs.builder().inputs(inputs).build()
        body = RunWorkflowRequestBody.builder().inputs(wrapped).response_mode("streaming").user("bench")
        return RunWorkflowRequest.builder().request_body(body.build()).build()

    def detail(self, run_id: str) -> Any:
        from dify_oapi.api.workflow.v1.model.get_workflow_run_detail_request import (
            GetWorkflowRunDetailRequest,
        )

        return GetWorkflowRunDetailRequest.builder().workflow_run_id(run_id).build()


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:
    requests = _Requests(base_url, width)
    workflow = requests.client.workflow.v1.workflow

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        lines = _Lines(on_text)
        async for data in await workflow.arun(requests.run(inputs), requests.option, True):
            lines.feed(data)
        return lines.events

    async def get(run_id: str) -> str | None:
        found: str = (await workflow.adetail(requests.detail(run_id), requests.option)).id
        return found

    yield Client(stream, get)
    await requests.client.aclose()


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    requests = _Requests(base_url, 1)
    workflow = requests.client.workflow.v1.workflow

    def stream(inputs: Inputs, on_text: OnText) -> int:
        lines = _Lines(on_text)
        for data in workflow.run(requests.run(inputs), requests.option, True):
            lines.feed(data)
        return lines.events

    def get(run_id: str) -> str | None:
        found: str = workflow.detail(requests.detail(run_id), requests.option).id
        return found

    yield BlockingClient(stream, get)
    requests.client.close()
