"""dify-client-python: pydantic models over httpx and httpx-sse."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from benchmarks.clients import BlockingClient, Client, Inputs, OnText

TITLE: Final = "dify-client-python"
PACKAGES: Final = ("dify-client-python", "pydantic")
IMPORT: Final = "from dify_client import AsyncClient"
LACKS: Final = {"memory": "opens at most 100 streams at once", "rows": "has no batches"}
NOTES: Final = (
    "It cannot fetch a run: its small call is to stop a task, and the response is smaller.",
    "It follows at most 100 streams at once; the others wait.",
)


def _request(inputs: Inputs) -> Any:
    from dify_client import models

    mode = models.ResponseMode.STREAMING
    return models.WorkflowsRunRequest(inputs=inputs, response_mode=mode, user="bench")


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:  # noqa: ARG001
    from dify_client import AsyncClient, models

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        event: Any
        async for event in await client.arun_workflows(_request(inputs), timeout=60):
            events += event.event != models.StreamEvent.PING
            if isinstance(event, models.TextChunkStreamResponse):
                on_text(event.data.text)
        return events

    async def get(run_id: str) -> str | None:
        await client.astop_workflows(run_id, stop, timeout=60)
        return None

    client, stop = AsyncClient(api_key="app-bench", api_base=base_url), models.StopRequest(user="bench")
    yield Client(stream, get)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    from dify_client import Client as DifyClient
    from dify_client import models

    def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        event: Any
        for event in client.run_workflows(_request(inputs), timeout=60):
            events += event.event != models.StreamEvent.PING
            if isinstance(event, models.TextChunkStreamResponse):
                on_text(event.data.text)
        return events

    def get(run_id: str) -> str | None:
        client.stop_workflows(run_id, stop, timeout=60)
        return None

    client, stop = DifyClient(api_key="app-bench", api_base=base_url), models.StopRequest(user="bench")
    yield BlockingClient(stream, get)
