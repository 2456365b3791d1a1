"""Measure many concurrent streams, compared with other clients, and the overhead of a batch.

    python -m benchmarks.fan_out [--streams 500] [--rows 100000] [--rounds 4] [--only ...]

First a batch of many rows that cost nothing by themselves: the overhead per row, and whether the memory of
the batch grows with the number of rows. Then many streams of 50 events, all open at the same time, with an
event every 5 ms in each: the CPU time of the whole process, and the memory of a stream in flight. The
baseline is plain aiohttp with orjson.
"""

# ruff: noqa: PLC0415 - each contestant runs in its own process, and imports only what it needs
from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from benchmarks import _harness
from benchmarks._harness import Contestant, Gate, Work

BASELINE: Final = "aiohttp + orjson"
EVENTS: Final = 50
GATES: Final = [Gate("dify_async", BASELINE, 1.25), Gate("dify_async", "dify-client-python", 0.2)]
MOST_PER_ROW: Final = 50.0
"""Maximum overhead of a batch per row, in microseconds."""


def request(base_url: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the request that every contestant sends: URL, headers, body."""
    body = {"inputs": {"events": EVENTS}, "response_mode": "streaming", "user": "bench"}
    return f"{base_url}/workflows/run", {"Authorization": "Bearer app-bench"}, body


def check(events: int, status: str) -> None:
    """Raise unless the stream is complete."""
    if (events, status) != (EVENTS, "succeeded"):
        raise RuntimeError(f"{events} events came of {EVENTS}, and the run {status}")


@asynccontextmanager
async def ours(base_url: str) -> AsyncIterator[Work]:
    """Stream with this library."""
    from dify_async import AppClient

    async with AppClient("app-bench", user="bench", base_url=base_url, max_concurrent=10_000) as client:

        async def one() -> None:
            async with client.workflows.stream({"events": EVENTS}) as run:
                events = 0
                async for _ in run:
                    events += 1
                check(events, str((await run.result()).status))

        async def work(size: int) -> None:
            await asyncio.gather(*(one() for _ in range(size)))

        yield work


@asynccontextmanager
async def raw(base_url: str) -> AsyncIterator[Work]:
    """Stream with the minimum of code on aiohttp and orjson."""
    import aiohttp
    import orjson

    url, headers, body = request(base_url)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one() -> None:
            events, status = 0, ""
            async with session.post(url, json=body, headers=headers) as answer:
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        event = orjson.loads(line[6:])
                        events += 1
                        if event["event"] == "workflow_finished":
                            status = event["data"]["status"]
                            break
            check(events, status)

        async def work(size: int) -> None:
            await asyncio.gather(*(one() for _ in range(size)))

        yield work


@asynccontextmanager
async def with_httpx(base_url: str) -> AsyncIterator[Work]:
    """Stream with httpx and httpx-sse."""
    import httpx
    from httpx_sse import aconnect_sse

    url, headers, body = request(base_url)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as session:

        async def one() -> None:
            events, status = 0, ""
            async with aconnect_sse(session, "POST", url, json=body, headers=headers) as source:
                async for sent in source.aiter_sse():
                    if sent.data:
                        event = json.loads(sent.data)
                        events += 1
                        if event["event"] == "workflow_finished":
                            status = event["data"]["status"]
                            break
            check(events, status)

        async def work(size: int) -> None:
            await asyncio.gather(*(one() for _ in range(size)))

        yield work


@asynccontextmanager
async def dify_client_python(base_url: str) -> AsyncIterator[Work]:
    """Stream with dify-client-python, which opens a connection for each call."""
    from dify_client import AsyncClient, models

    client = AsyncClient(api_key="app-bench", api_base=base_url)
    mode = models.ResponseMode.STREAMING

    async def one() -> None:
        asked = models.WorkflowsRunRequest(inputs={"events": EVENTS}, response_mode=mode, user="bench")
        events, status = 0, ""
        event: Any
        async for event in await client.arun_workflows(asked, timeout=60.0):
            events += event.event != models.StreamEvent.PING
            if event.event == models.StreamEvent.WORKFLOW_FINISHED:
                # The library may not have a class for this event; then the data is a plain dict.
                status = (
                    event.data["status"] if isinstance(event.data, dict) else str(event.data.status.value)
                )
                break
        check(events, status)

    async def work(size: int) -> None:
        await asyncio.gather(*(one() for _ in range(size)))

    yield work


CONTESTANTS: Final[dict[str, Contestant]] = {
    "dify_async": ours,
    BASELINE: raw,
    "httpx + httpx-sse": with_httpx,
    "dify-client-python": dify_client_python,
}


async def overhead(rows: int) -> bool:
    """Measure the overhead of a batch with rows that cost nothing."""
    from dify_async.batch import Batch
    from dify_async.models import RunStatus, WorkflowResult

    result = WorkflowResult(status=RunStatus.SUCCEEDED)

    async def work(_row: object, _key: str, _attempts: object) -> WorkflowResult:
        await asyncio.sleep(0)
        return result

    async def read(size: int, held: list[int], places: int = 10, *, adaptive: bool = False) -> None:
        given: Iterator[int] = iter(range(size))
        async with Batch(given, work, concurrency=places, ordered=False, adaptive=adaptive) as batch:
            async for outcome in batch:
                if tracemalloc.is_tracing() and outcome.index % (size // 10) == 0:
                    held.append(tracemalloc.get_traced_memory()[0])

    await read(1000, [])
    gc.collect()
    began = time.process_time()
    await read(rows, [])
    per_row = (time.process_time() - began) / rows * 1e6
    began = time.process_time()
    await read(rows // 10, [], 1000, adaptive=True)
    with_many = (time.process_time() - began) / (rows // 10) * 1e6
    tracemalloc.start()
    held: list[int] = []
    await read(rows // 10, held)
    tracemalloc.stop()
    grown = max(held[1:]) - held[1]
    quick, flat = max(per_row, with_many) <= MOST_PER_ROW, grown < 64 * 1024
    print(
        f"\n{'PASS' if quick else 'FAIL'}  a batch adds {per_row:.1f} µs to a row, and {with_many:.1f} "
        f"where it has 1,000 places and uses few; at most {MOST_PER_ROW:.0f}"
    )
    print(f"{'PASS' if flat else 'FAIL'}  and its memory grows by {grown / 1024:.1f} KiB with its rows")
    return quick and flat


async def memory(base_url: str, streams: int) -> None:
    """Print the memory of a stream in flight."""
    from dify_async import AppClient

    async with AppClient("app-bench", user="bench", base_url=base_url, max_concurrent=10_000) as client:
        tracemalloc.start()
        opened = [client.workflows.stream({"events": EVENTS}) for _ in range(streams)]
        await asyncio.gather(*(run.__aenter__() for run in opened))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] / streams / 1024
        tracemalloc.stop()
        print(f"\na stream in flight takes {held:.1f} KiB")
        for run in opened:
            run.detach()
        await asyncio.gather(*(run.aclose() for run in opened))


def main() -> int:
    """Run the benchmark with the options of the command line."""
    parser = _harness.options(__doc__ or "", CONTESTANTS, rounds=4)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    contestants = {name: CONTESTANTS[name] for name in asked.only}
    good = asyncio.run(overhead(asked.rows)) if asked.rows else True
    with _harness.server(EVENTS, pause=0.005) as base_url:
        results = _harness.race(
            contestants, base_url, asked.streams, asked.rounds, seldom={"dify-client-python"}
        )
        _harness.show(
            f"{asked.streams} streams of {EVENTS} events at once",
            results,
            size=asked.streams * EVENTS,
            unit="event",
            baseline=BASELINE,
        )
        good &= _harness.judge(results, GATES)
        asyncio.run(memory(base_url, asked.streams))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
