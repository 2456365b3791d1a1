"""Many runs and long runs: sockets, tasks and memory do not grow."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web

from dify_async import AppClient, events
from dify_async.testing import FakeDify
from tests.support import recordings
from tests.support.clients import app_client
from tests.support.limits import HANGS_AFTER
from tests.support.servers import serve

A_MEBIBYTE = 2**20


def memory() -> int:
    """Return the number of bytes that Python holds."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def forget(dify: FakeDify) -> None:
    """Drop the server's records of runs, which are in the memory of this process."""
    dify.runs.clear()
    dify.requests.clear()


async def test_a_thousand_streams_at_once() -> None:
    first, *_, last = recordings.load("wf_basic_streaming").body.split(b"\n\n")[1:-1]
    finished = json.loads(last.removeprefix(b"data: "))
    piece = json.dumps({**finished, "event": "text_chunk", "data": {"text": "a"}}).encode()
    opened = 0
    all_open = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal opened
        inputs = (await request.json())["inputs"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(first + b"\n\n")
        opened += 1
        if opened == 1000:
            all_open.set()
        await all_open.wait()
        for _ in range(3):
            await response.write(b"data: " + piece + b"\n\n")
        end = {**finished, "data": {**finished["data"], "outputs": inputs}}
        await response.write(b"data: " + json.dumps(end).encode() + b"\n\n")
        return response

    async def run(number: int) -> object:
        async with client.workflows.stream({"n": number}) as stream:
            assert [event.event async for event in stream].count("text_chunk") == 3
            return (await stream.result()).outputs

    async with serve(answer) as address, app_client(address, max_concurrent=1000) as client:
        async with asyncio.timeout(HANGS_AFTER):
            outputs = await asyncio.gather(*(run(number) for number in range(1000)))
    assert outputs == [{"n": number} for number in range(1000)]
    assert opened == 1000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux tells them")
# The server does not close idle connections: on a busy machine, it would close some just as they are used again.
@pytest.mark.fake_dify(keep_alive=300.0)
async def test_two_thousand_short_runs_leave_no_resources_open(
    client: AppClient, fake_dify: FakeDify
) -> None:
    fake_dify.tail = 0.0
    files = open_files()
    objects: list[int] = []
    for _ in range(4):
        for _ in range(10):
            results = await asyncio.gather(*(client.workflows.run({}) for _ in range(50)))
            assert all(result.status == "succeeded" for result in results)
        del results
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: open_files() <= files + 1)
        assert len(asyncio.all_tasks()) == 1
        forget(fake_dify)
        gc.collect()
        objects.append(len(gc.get_objects()))
    assert objects[-1] - objects[0] < 750, "of 1,500 runs not half an object each"


@pytest.fixture
async def talker() -> AsyncIterator[str]:
    """Yield the URL of a server whose streams have 50,000 events, created as they are sent."""
    first, *_, last = recordings.load("wf_basic_streaming").body.split(b"\n\n")[1:-1]
    chunk = {"text": "piece " * 10, "from_variable_selector": ["llm", "text"]}
    run = json.loads(first.removeprefix(b"data: "))
    piece = json.dumps({**run, "event": "text_chunk", "data": chunk}).encode()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(first + b"\n\n")
        for _ in range(500):
            await response.write((b"data: " + piece + b"\n\n") * 100)
        await response.write(last + b"\n\n")
        return response

    async with serve(answer) as address:
        yield address


@pytest.mark.usefixtures("traced")
async def test_memory_does_not_grow_with_the_number_of_events(talker: str) -> None:
    async with AppClient("app-x", user="ada", base_url=talker) as client:
        async with client.workflows.stream({}) as run:
            held: list[int] = []
            pieces = 0
            async for event in run:
                if isinstance(event, events.TextChunk):
                    pieces += 1
                    if pieces % 10_000 == 0:
                        held.append(memory())
            assert (await run.result()).status == "succeeded"
    assert pieces == 50_000
    assert max(held) - held[0] < A_MEBIBYTE


@pytest.mark.usefixtures("traced")
async def test_a_slow_reader_applies_back_pressure(talker: str) -> None:
    async with AppClient("app-x", user="ada", base_url=talker) as client:
        async with client.workflows.stream({}) as run:
            await anext(run)
            before = memory()
            for _ in range(2000):
                await asyncio.sleep(0)  # Until the server cannot send more.
            assert memory() - before < 2 * A_MEBIBYTE
            run.detach()
