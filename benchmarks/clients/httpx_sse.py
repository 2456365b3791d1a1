"""httpx with httpx-sse, as in the README of httpx-sse."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from benchmarks.clients import HEADERS, BlockingClient, Client, Inputs, OnText, run_body

TITLE: Final = "httpx + httpx-sse"
PACKAGES: Final = ("httpx", "httpx-sse")
IMPORT: Final = "import httpx, httpx_sse"
LACKS: Final = {"rows": "has no batches"}
NOTES: Final[tuple[str, ...]] = ()


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:
    import httpx
    from httpx_sse import aconnect_sse

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        url = f"{base_url}/workflows/run"
        async with aconnect_sse(client, "POST", url, json=run_body(inputs)) as source:
            async for sse in source.aiter_sse():
                if sse.data:
                    event = json.loads(sse.data)
                    events += 1
                    if event["event"] == "text_chunk":
                        on_text(event["data"]["text"])
        return events

    async def get(run_id: str) -> str | None:
        found: str = (await client.get(f"{base_url}/workflows/run/{run_id}")).json()["id"]
        return found

    # The default number of idle connections: with more of them, httpx spends most of its time in its pool.
    limits = httpx.Limits(max_connections=max(width, 100), max_keepalive_connections=20)
    async with httpx.AsyncClient(headers=HEADERS, timeout=60, limits=limits, trust_env=False) as client:
        yield Client(stream, get)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    import httpx
    from httpx_sse import connect_sse

    def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        with connect_sse(client, "POST", f"{base_url}/workflows/run", json=run_body(inputs)) as source:
            for sse in source.iter_sse():
                if sse.data:
                    event = json.loads(sse.data)
                    events += 1
                    if event["event"] == "text_chunk":
                        on_text(event["data"]["text"])
        return events

    def get(run_id: str) -> str | None:
        found: str = client.get(f"{base_url}/workflows/run/{run_id}").json()["id"]
        return found

    with httpx.Client(headers=HEADERS, timeout=60, trust_env=False) as client:
        yield BlockingClient(stream, get)
