"""This SDK: the async and the blocking client."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from benchmarks.clients import BlockingClient, Client, Inputs, OnText

TITLE: Final = "dify_async"
PACKAGES: Final = ("dify-async",)
IMPORT: Final = "from dify_async import AppClient"
LACKS: Final[dict[str, str]] = {}
NOTES: Final[tuple[str, ...]] = ()


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:
    from dify_async import AppClient
    from dify_async.events import TextChunk

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        async with client.workflows.stream(inputs) as run:
            async for event in run:
                events += 1
                if isinstance(event, TextChunk):
                    on_text(event.data.text)
        return events

    async def get(run_id: str) -> str | None:
        return (await client.workflows.get(run_id)).id

    async def rows(count: int, inputs: Inputs) -> int:
        succeeded = 0
        given = (inputs for _ in range(count))
        async with client.workflows.run_many(given, concurrency=50, check_inputs=False) as batch:
            async for outcome in batch:
                succeeded += outcome.ok
        return succeeded

    most = max(width, 100)
    async with AppClient("app-bench", user="bench", base_url=base_url, max_concurrent=most) as client:
        yield Client(stream, get, rows)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    from dify_async.events import TextChunk
    from dify_async.sync import AppClient

    def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        with client.workflows.stream(inputs) as run:
            for event in run:
                events += 1
                if isinstance(event, TextChunk):
                    on_text(event.data.text)
        return events

    def get(run_id: str) -> str | None:
        return client.workflows.get(run_id).id

    with AppClient("app-bench", user="bench", base_url=base_url) as client:
        yield BlockingClient(stream, get)
