"""Measure the CPU time of a small call: one after the other, and 64 at once.

    python -m benchmarks.calls [--calls 2000] [--rounds 9] [--only "aiohttp + orjson" dify_async]

The call is `GET /workflows/run/{id}`. dify-client-python has no method for it, so it stops a task instead:
this is its cheapest call, and the response is smaller.
"""

# ruff: noqa: PLC0415 - each contestant runs in its own process, and imports only what it needs
from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeAlias

from benchmarks import _harness
from benchmarks._harness import RUN_ID, Gate, Work

Call: TypeAlias = Callable[[str], Awaitable[None]]
"""Makes one call, for the given id."""
Caller: TypeAlias = Callable[[str], AbstractAsyncContextManager[Call]]

BASELINE: Final = "aiohttp + orjson"
GATES: Final = [Gate("dify_async", BASELINE, 1.2)]


def check(found: object, expected: str) -> None:
    if found != expected:
        raise RuntimeError(f"{found!r} arrived instead of {expected!r}")


@asynccontextmanager
async def aiohttp_orjson(base_url: str) -> AsyncIterator[Call]:
    import aiohttp
    import orjson

    async def call(asked: str) -> None:
        async with session.get(f"{base_url}/workflows/run/{asked}") as answer:
            check(orjson.loads(await answer.read())["id"], asked)

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer app-bench"}) as session:
        yield call


@asynccontextmanager
async def dify_async(base_url: str) -> AsyncIterator[Call]:
    from dify_async import AppClient

    async def call(asked: str) -> None:
        run = await client.workflows.get(asked)
        check(run.id, asked)

    async with AppClient("app-bench", user="bench", base_url=base_url) as client:
        yield call


@asynccontextmanager
async def httpx_json(base_url: str) -> AsyncIterator[Call]:
    import httpx

    async def call(asked: str) -> None:
        answer = await client.get(f"{base_url}/workflows/run/{asked}")
        check(answer.json()["id"], asked)

    headers = {"Authorization": "Bearer app-bench"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        yield call


@asynccontextmanager
async def dify_client_python(base_url: str) -> AsyncIterator[Call]:
    from dify_client import AsyncClient, models

    request = models.StopRequest(user="bench")

    async def call(asked: str) -> None:
        answer = await client.astop_workflows(asked, request, timeout=60)
        check(answer.result, "success")

    client = AsyncClient(api_key="app-bench", api_base=base_url)
    yield call


@asynccontextmanager
async def in_lanes(width: int, caller: Caller, base_url: str) -> AsyncIterator[Work]:
    """Yield a contestant that makes `width` calls at the same time."""
    async with caller(base_url) as call:

        async def work(calls: int) -> None:
            todo = iter(range(calls))

            async def lane() -> None:
                # A different run each time, as in real use: a repeated URL would be served from a cache.
                for number in todo:
                    await call(f"{RUN_ID[:-6]}{number:06d}")

            await asyncio.gather(*(lane() for _ in range(width)))

        yield work


CALLERS: Final[dict[str, Caller]] = {
    BASELINE: aiohttp_orjson,
    "dify_async": dify_async,
    "httpx + json": httpx_json,
    "dify-client-python": dify_client_python,
}
PEERS: Final = CALLERS.keys() - {BASELINE, "dify_async"}


def main() -> int:
    parser = _harness.options(__doc__ or "", CALLERS, rounds=9)
    parser.add_argument("--calls", type=int, default=2_000)
    chosen = parser.parse_args()
    good = True
    with _harness.server() as base_url:
        for width, how in (1, "one after the other"), (64, "64 at once"):
            contestants = {
                name: functools.partial(in_lanes, width, CALLERS[name])
                for name in CALLERS
                if name in chosen.only
            }
            results = _harness.race(contestants, base_url, chosen.calls, chosen.rounds, seldom=PEERS)
            title = f"{chosen.calls:,} calls, {how}"
            _harness.show(title, results, size=chosen.calls, unit="call", baseline=BASELINE)
            good &= _harness.judge(results, GATES)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
