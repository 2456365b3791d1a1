"""The baseline: the minimum on aiohttp and orjson. No types, no errors, no timeouts, LF only."""

# ruff: noqa: PLC0415 - each client runs in its own process, and imports only what it needs
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from benchmarks.clients import HEADERS, BlockingClient, Client, Inputs, OnText, run_body

TITLE: Final = "aiohttp + orjson"
PACKAGES: Final = ("aiohttp", "orjson")
IMPORT: Final = "import aiohttp, orjson"
LACKS: Final[dict[str, str]] = {}
NOTES: Final = ("In blocking disciplines, its coroutines run in an event loop, one call after the other.",)


@asynccontextmanager
async def connect(base_url: str, width: int) -> AsyncIterator[Client]:  # noqa: ARG001
    import aiohttp
    import orjson

    async def stream(inputs: Inputs, on_text: OnText) -> int:
        events = 0
        async with session.post(f"{base_url}/workflows/run", json=run_body(inputs)) as response:
            tail = bytearray()
            async for data in response.content.iter_any():
                if not data.endswith(b"\n") and b"\n\n" not in data:
                    tail += data  # a part of a large event
                    continue
                blocks = bytes(tail + data).split(b"\n\n")
                tail = bytearray(blocks.pop())
                for block in blocks:
                    if block.startswith(b"data: "):
                        event = orjson.loads(block[6:])
                        events += 1
                        if event["event"] == "text_chunk":
                            on_text(event["data"]["text"])
        return events

    async def get(run_id: str) -> str | None:
        async with session.get(f"{base_url}/workflows/run/{run_id}") as response:
            found: str = orjson.loads(await response.read())["id"]
            return found

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as session:
        yield Client(stream, get)


@contextmanager
def connect_blocking(base_url: str) -> Iterator[BlockingClient]:
    with asyncio.Runner() as runner:
        connected = connect(base_url, 1)
        client = runner.run(connected.__aenter__())

        def stream(inputs: Inputs, on_text: OnText) -> int:
            return runner.run(client.stream(inputs, on_text))

        def get(run_id: str) -> str | None:
            return runner.run(client.get(run_id))

        yield BlockingClient(stream, get)
        runner.run(connected.__aexit__(None, None, None))
