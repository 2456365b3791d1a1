"""Measure the blocking client, compared with the async client and with other blocking libraries.

    python -m benchmarks.sync [--events 50000] [--calls 2000] [--rounds 5] [--only dify_async dify_async.sync]

One stream, read as fast as it arrives, and small calls, one after the other. The CPU time of the whole
process is measured, including the thread of the blocking client.
"""

# ruff: noqa: PLC0415 - each contestant runs in its own process, and imports only what it needs
from __future__ import annotations

import functools
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, Final, Protocol, cast

from benchmarks import _harness, calls, decode
from benchmarks._harness import RUN_ID, Contestant, Gate, Work

BASELINE: Final = "dify_async"
BLOCKING: Final = "dify_async.sync"
STREAM_GATES: Final = [Gate(BLOCKING, BASELINE, 1.2)]


class BlockingWork(Protocol):
    """Does the measured work the given number of times, without `await`."""

    def __call__(self, size: int, /) -> None: ...


class Blocking(Protocol):
    """Creates a client for a base URL, and yields its work."""

    def __call__(self, base_url: str, /) -> AbstractContextManager[BlockingWork]: ...


@asynccontextmanager
async def contestant(blocking: Blocking, base_url: str) -> AsyncIterator[Work]:
    """Yield a contestant for blocking work. It blocks the measuring event loop, which is otherwise idle."""
    with blocking(base_url) as block:

        async def work(size: int) -> None:
            block(size)

        yield work


# One stream


@contextmanager
def blocking_stream(base_url: str) -> Iterator[BlockingWork]:
    from dify_async.events import TextChunk
    from dify_async.sync import AppClient

    def work(asked: int) -> None:
        events = characters = 0
        pings: list[None] = []
        with client.workflows.stream({"events": asked}, on_ping=lambda: pings.append(None)) as run:
            for event in run:
                events += 1
                if isinstance(event, TextChunk):
                    characters += len(event.data.text)
        decode.check(asked, events, characters, len(pings))

    with AppClient("app-bench", user="bench", base_url=base_url) as client:
        yield work


@contextmanager
def requests_sseclient(base_url: str) -> Iterator[BlockingWork]:
    import requests
    import sseclient

    def work(asked: int) -> None:
        body: dict[str, Any] = {"inputs": {"events": asked}, "response_mode": "streaming", "user": "bench"}
        events = characters = 0
        with session.post(f"{base_url}/workflows/run", json=body, stream=True, timeout=60) as answer:
            for sse in sseclient.SSEClient(cast(Iterator[bytes], answer)).events():
                event = json.loads(sse.data)
                events += 1
                if event["event"] == "text_chunk":
                    characters += len(event["data"]["text"])
        decode.check(asked, events, characters, None)

    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer app-bench"
        yield work


@contextmanager
def httpx_stream(base_url: str) -> Iterator[BlockingWork]:
    import httpx
    from httpx_sse import connect_sse

    def work(asked: int) -> None:
        body = {"inputs": {"events": asked}, "response_mode": "streaming", "user": "bench"}
        events = characters = pings = 0
        with connect_sse(client, "POST", f"{base_url}/workflows/run", json=body) as source:
            for sse in source.iter_sse():
                if sse.event == "ping":
                    pings += 1
                    continue
                event = json.loads(sse.data)
                events += 1
                if event["event"] == "text_chunk":
                    characters += len(event["data"]["text"])
        decode.check(asked, events, characters, pings)

    with httpx.Client(headers={"Authorization": "Bearer app-bench"}, timeout=60, trust_env=False) as client:
        yield work


# Small calls


@contextmanager
def blocking_calls(base_url: str) -> Iterator[BlockingWork]:
    from dify_async.sync import AppClient

    def work(size: int) -> None:
        for number in range(size):
            asked = _run_id(number)
            calls.check(client.workflows.get(asked).id, asked)

    with AppClient("app-bench", user="bench", base_url=base_url) as client:
        yield work


@contextmanager
def requests_calls(base_url: str) -> Iterator[BlockingWork]:
    import requests

    def work(size: int) -> None:
        for number in range(size):
            asked = _run_id(number)
            answer = session.get(f"{base_url}/workflows/run/{asked}", timeout=60)
            calls.check(answer.json()["id"], asked)

    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer app-bench"
        yield work


@contextmanager
def httpx_calls(base_url: str) -> Iterator[BlockingWork]:
    import httpx

    def work(size: int) -> None:
        for number in range(size):
            asked = _run_id(number)
            answer = client.get(f"{base_url}/workflows/run/{asked}")
            calls.check(answer.json()["id"], asked)

    with httpx.Client(headers={"Authorization": "Bearer app-bench"}, timeout=60, trust_env=False) as client:
        yield work


@contextmanager
def hand_over(_: str) -> Iterator[BlockingWork]:
    """Run an empty coroutine on the event loop of the blocking client: the cost of switching threads."""
    import asyncio

    from dify_async.sync.bridge import current

    def work(size: int) -> None:
        for _ in range(size):
            current().call(asyncio.sleep, 0)

    yield work


def _run_id(number: int) -> str:
    return f"{RUN_ID[:-6]}{number:06d}"


STREAMS: Final[dict[str, Contestant]] = {
    BASELINE: decode.dify_async,
    BLOCKING: functools.partial(contestant, blocking_stream),
    "requests + sseclient": functools.partial(contestant, requests_sseclient),
    "httpx + httpx-sse": functools.partial(contestant, httpx_stream),
}
CALLS: Final[dict[str, Contestant]] = {
    BASELINE: functools.partial(calls.in_lanes, 1, calls.dify_async),
    BLOCKING: functools.partial(contestant, blocking_calls),
    "a hand-over alone": functools.partial(contestant, hand_over),
    "requests": functools.partial(contestant, requests_calls),
    "httpx": functools.partial(contestant, httpx_calls),
}


def main() -> int:
    parser = _harness.options(__doc__ or "", {**STREAMS, **CALLS}, rounds=5)
    parser.add_argument("--events", type=int, default=50_000, help="a multiple of 10")
    parser.add_argument("--calls", type=int, default=2_000)
    chosen = parser.parse_args()
    if chosen.events < _harness.CYCLE or chosen.events % _harness.CYCLE:
        parser.error("--events is a multiple of 10")
    streams = {name: STREAMS[name] for name in STREAMS if name in chosen.only}
    small = {name: CALLS[name] for name in CALLS if name in chosen.only}
    with _harness.server(chosen.events) as base_url:
        found = _harness.race(streams, base_url, chosen.events, chosen.rounds)
        title = f"One stream of {chosen.events:,} events"
        _harness.show(title, found, size=chosen.events, unit="event", baseline=BASELINE)
        good = _harness.judge(found, STREAM_GATES)
        found = _harness.race(small, base_url, chosen.calls, chosen.rounds)
        _harness.show(f"{chosen.calls:,} calls", found, size=chosen.calls, unit="call", baseline=BASELINE)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
