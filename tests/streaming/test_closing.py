"""A stream that another task or thread closes ends for its reader, and sends no further requests."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from typing import Any

import pytest

from dify_async import AppClient, InputFile, Retry, errors, sync
from dify_async.testing import FakeDify
from tests.support.clients import app_client
from tests.support.families import settings_for
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import SSE, Call, RawServer, answer, node, started


async def silent(call: Call) -> None:
    """Start a run, and send nothing more."""
    await call.send(SSE + started() + node())
    await call.until_closed()


async def read_all(run: Any) -> list[str]:
    return [event.event async for event in run]


async def test_a_reader_ends_when_another_task_closes_its_stream() -> None:
    with RawServer(silent) as server:
        async with app_client(server.base_url) as client:
            run = await client.workflows.stream({}).__aenter__()
            await anext(run)
            await anext(run)
            reader = asyncio.create_task(read_all(run))
            await asyncio.sleep(0)
            await run.aclose()
            assert await asyncio.wait_for(reader, HANGS_AFTER) == []
            with pytest.raises(errors.ConfigurationError, match="closed before its end"):
                await run.result()
            assert (server.count("POST /v1/workflows/run"), server.count("/stop"), len(server.calls)) == (
                1,
                1,
                2,
            )
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


def test_a_reader_ends_when_another_thread_closes_its_stream() -> None:
    with RawServer(silent) as server, sync.AppClient(**settings_for("app", server.base_url)) as client:
        run = client.workflows.stream({}).__enter__()
        ends: list[list[str]] = []
        got = threading.Event()

        def read() -> None:
            names = []
            for event in run:
                names.append(event.event)
                if len(names) == 2:
                    got.set()
            ends.append(names)

        reader = threading.Thread(target=read)
        reader.start()
        assert got.wait(HANGS_AFTER)
        run.close()
        reader.join(HANGS_AFTER)
        assert ends == [["workflow_started", "node_started"]]
        assert (server.count("/stop"), len(server.calls)) == (1, 2)


async def test_an_async_stream_is_closed_from_another_thread() -> None:
    with RawServer(silent) as server:
        async with app_client(server.base_url) as client:
            run = await client.workflows.stream({}).__aenter__()
            reader = asyncio.create_task(read_all(run))
            await server.until(lambda: len(server.calls) == 1)
            await asyncio.to_thread(lambda: asyncio.run(run.aclose()))
            await asyncio.wait_for(reader, HANGS_AFTER)
            assert (server.count("/stop"), len(server.calls)) == (1, 2)


@pytest.mark.parametrize("at", ["attaching", "polling"])
async def test_a_reader_ends_when_its_stream_is_closed_during_recovery(at: str) -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST":
            await call.send(SSE + started())
        elif "/events" in call.path and at == "polling":
            await call.send(answer({"code": "not_found", "message": "no"}, "404 Not Found"))
        else:
            await call.until_closed()

    with RawServer(handler) as server:
        async with app_client(server.base_url) as client:
            run = await client.workflows.stream({}).__aenter__()
            reader = asyncio.create_task(read_all(run))
            path = "/events" if at == "attaching" else "GET /v1/workflows/run/"
            await server.until(lambda: server.count(path) == 1)
            await run.aclose()
            assert await asyncio.wait_for(reader, HANGS_AFTER) == ["workflow_started"]
            known = len(server.calls)
            assert server.count("/stop") == 1
            assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        assert (len(server.calls), server.count("POST /v1/workflows/run")) == (known, 1)
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


@pytest.mark.parametrize(
    "while_waiting", ["for a slot", "for the response", "for the next attempt", "for an upload"]
)
async def test_a_stream_closed_while_it_opens_starts_no_run(while_waiting: str) -> None:
    async def handler(call: Call) -> bool:
        if while_waiting == "for the next attempt":
            headers = "Retry-After: 3000\r\n"
            await call.send(answer({"code": "too_many_requests", "message": "no"}, "429 Too Many", headers))
            return True
        await call.until_closed()
        return False

    retry = Retry(attempts=3, total=5000)
    with RawServer(handler) as server:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(
                app_client(server.base_url, max_concurrent=1, retry=retry)
            )
            if while_waiting == "for a slot":
                await stack.enter_async_context(client._api.slot())
            inputs: dict[str, Any] = {}
            if while_waiting == "for an upload":
                inputs["file"] = InputFile(b"x", name="a.txt")
            stream = client.workflows.stream(inputs)
            entering = asyncio.create_task(stream.__aenter__())
            if while_waiting == "for a slot":
                await asyncio.sleep(0)
            else:
                await server.until(lambda: len(server.calls) == 1)
            await stream.aclose()
            with pytest.raises(errors.ConfigurationError, match="closed while it was being opened"):
                await asyncio.wait_for(entering, HANGS_AFTER)
        starts = server.count("POST /v1/workflows/run")
        assert starts == (while_waiting in {"for the response", "for the next attempt"})
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


async def test_a_stream_is_closed_after_its_event_loop_has_ended(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)

    def open_one() -> Any:
        async def main() -> Any:
            return await client.workflows.stream({}).__aenter__()

        return asyncio.run(main())

    run = await asyncio.to_thread(open_one)
    await run.aclose()
