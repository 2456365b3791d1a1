"""Measure the CPU time per event of one long stream, until the caller has the event.

    python -m benchmarks.decode [--events 50000] [--rounds 5] [--only "aiohttp + orjson" dify_async]

Each contestant counts the events and reads the text of `text_chunk`, as far as its library decodes them. The
baseline is the minimum that can be written with aiohttp: no types, no errors, no timeouts, LF only.
"""

# ruff: noqa: PLC0415 - each contestant runs in its own process, and imports only what it needs
from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from benchmarks import _harness
from benchmarks._harness import Contestant, Gate, Work

BASELINE: Final = "aiohttp + orjson"
GATES: Final = [
    # The target is 1.5; the gate is higher because other work may slow the machine down.
    Gate("dify_async", BASELINE, 1.75),
    Gate("dify_async", "dify-client-python", 1 / 5),
]


def check(asked: int, events: int, characters: int, pings: int | None) -> None:
    """Raise unless everything has arrived. `pings` is None for a library that hides them."""
    found = (events, characters, pings)
    expected_pings = None if pings is None else -(-asked // _harness.PING_EVERY)
    expected = (asked, asked // _harness.CYCLE * _harness.CHARACTERS, expected_pings)
    if found != expected:
        raise RuntimeError(f"events, characters, pings: {found} arrived instead of {expected}")


@asynccontextmanager
async def aiohttp_orjson(base_url: str) -> AsyncIterator[Work]:
    import aiohttp
    import orjson

    async def work(asked: int) -> None:
        body = {"inputs": {"events": asked}, "response_mode": "streaming", "user": "bench"}
        events = characters = pings = 0
        async with session.post(f"{base_url}/workflows/run", json=body) as answer:
            tail = b""
            async for data in answer.content.iter_any():
                blocks = (tail + data).split(b"\n\n")
                tail = blocks.pop()
                for block in blocks:
                    if block.startswith(b"data: "):
                        event = orjson.loads(block[6:])
                        events += 1
                        if event["event"] == "text_chunk":
                            characters += len(event["data"]["text"])
                    else:
                        pings += 1
        check(asked, events, characters, pings)

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer app-bench"}) as session:
        yield work


@asynccontextmanager
async def dify_async(base_url: str) -> AsyncIterator[Work]:
    from dify_async import AppClient
    from dify_async.events import TextChunk

    async def work(asked: int) -> None:
        events = characters = 0
        pings: list[None] = []
        stream = client.workflows.stream({"events": asked}, on_ping=lambda: pings.append(None))
        async with stream as run:
            async for event in run:
                events += 1
                if isinstance(event, TextChunk):
                    characters += len(event.data.text)
        check(asked, events, characters, len(pings))

    async with AppClient("app-bench", user="bench", base_url=base_url) as client:
        yield work


@asynccontextmanager
async def httpx_sse(base_url: str) -> AsyncIterator[Work]:
    import httpx
    from httpx_sse import aconnect_sse

    async def work(asked: int) -> None:
        body = {"inputs": {"events": asked}, "response_mode": "streaming", "user": "bench"}
        events = characters = pings = 0
        async with aconnect_sse(client, "POST", f"{base_url}/workflows/run", json=body) as source:
            async for sse in source.aiter_sse():
                if sse.event == "ping":
                    pings += 1
                    continue
                event = json.loads(sse.data)
                events += 1
                if event["event"] == "text_chunk":
                    characters += len(event["data"]["text"])
        check(asked, events, characters, pings)

    headers = {"Authorization": "Bearer app-bench"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        yield work


@asynccontextmanager
async def dify_client_python(base_url: str) -> AsyncIterator[Work]:
    from dify_client import AsyncClient, models

    async def work(asked: int) -> None:
        request = models.WorkflowsRunRequest(
            inputs={"events": asked}, response_mode=models.ResponseMode.STREAMING, user="bench"
        )
        events = characters = 0
        event: Any
        async for event in await client.arun_workflows(request, timeout=60):
            events += 1
            if isinstance(event, models.TextChunkStreamResponse):
                characters += len(event.data.text)
        check(asked, events, characters, None)

    client = AsyncClient(api_key="app-bench", api_base=base_url)
    yield work


CONTESTANTS: Final[dict[str, Contestant]] = {
    BASELINE: aiohttp_orjson,
    "dify_async": dify_async,
    "httpx + httpx-sse": httpx_sse,
    "dify-client-python": dify_client_python,
}


def main() -> int:
    parser = _harness.options(__doc__ or "", CONTESTANTS, rounds=5)
    parser.add_argument("--events", type=int, default=50_000, help="a multiple of 10")
    chosen = parser.parse_args()
    if chosen.events < _harness.CYCLE or chosen.events % _harness.CYCLE:
        parser.error("--events is a multiple of 10")
    contestants = {name: CONTESTANTS[name] for name in CONTESTANTS if name in chosen.only}
    with _harness.server(chosen.events) as base_url:
        results = _harness.race(contestants, base_url, chosen.events, chosen.rounds)
    title = f"One stream of {chosen.events:,} events"
    _harness.show(title, results, size=chosen.events, unit="event", baseline=BASELINE)
    return 0 if _harness.judge(results, GATES) else 1


if __name__ == "__main__":
    sys.exit(main())
