"""The stream parser and the HTTP client of openai-python, as a reference: it is not a client of Dify."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from benchmarks.clients import BlockingClient, Client, Inputs, OnText, run_body

TITLE: Final = "openai-python (parser)"
PACKAGES: Final = ("openai", "httpx2")
IMPORT: Final = "import openai"
LACKS: Final = {"rows": "has no batches"}
NOTES: Final = (
    "A reference, not a client of Dify.",
    "Its public `AsyncStream` raises at Dify's pings, so its parser is used directly. Events are dicts.",
)


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:
    import httpx2
    import openai
    from openai._streaming import SSEDecoder

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        async with http.stream("POST", "workflows/run", json=run_body(inputs), headers=key) as response:
            async for sse in SSEDecoder().aiter_bytes(response.aiter_bytes()):
                if sse.data:
                    event = sse.json()
                    events += 1
                    if event["event"] == "text_chunk":
                        on_text(event["data"]["text"])
        return events

    async def get(run_id: str) -> str | None:
        response: Any = await client.get(f"workflows/run/{run_id}", cast_to=object)
        found: str = response["id"]
        return found

    key = {"Authorization": "Bearer app-bench"}
    limits = httpx2.Limits(max_connections=max(width, 1_000), max_keepalive_connections=100)
    async with openai.DefaultAsyncHttpxClient(limits=limits, timeout=60, base_url=base_url) as http:
        client = openai.AsyncOpenAI(api_key="app-bench", base_url=base_url, http_client=http)
        yield Client(stream, get)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    import openai
    from openai._streaming import SSEDecoder

    def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        with http.stream("POST", "workflows/run", json=run_body(inputs), headers=key) as response:
            for sse in SSEDecoder().iter_bytes(response.iter_bytes()):
                if sse.data:
                    event: Any = sse.json()
                    events += 1
                    if event["event"] == "text_chunk":
                        on_text(event["data"]["text"])
        return events

    def get(run_id: str) -> str | None:
        response: Any = client.get(f"workflows/run/{run_id}", cast_to=object)
        found: str = response["id"]
        return found

    key = {"Authorization": "Bearer app-bench"}
    with openai.DefaultHttpxClient(timeout=60, base_url=base_url) as http:
        client = openai.OpenAI(api_key="app-bench", base_url=base_url, http_client=http)
        yield BlockingClient(stream, get)
