"""A client, session or event loop that is closed while streams are open: runs are stopped, readers get an error."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import aiohttp
import pytest

from dify_async import AppClient, WebAppClient, errors, sync
from tests.support import families
from tests.support.clients import app_client
from tests.support.families import settings_for, stream_of
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import SSE, Call, RawServer, answer, node, started


async def silent(call: Call) -> None:
    await call.send(SSE + started(message_id="m", conversation_id="c") + node())
    await call.until_closed()


def client_of(app: families.App, server: RawServer) -> Any:
    make: Any = AppClient if app[0] == "app" else WebAppClient
    return make(**settings_for(app[0], server.base_url))


@pytest.mark.parametrize("app", families.APPS, ids="-".join)
async def test_closing_the_client_stops_runs_and_ends_their_readers(app: families.App) -> None:
    with RawServer(silent) as server:
        client = client_of(app, server)

        async def follow() -> None:
            async with stream_of(client, app[1]) as run:
                await run.result()

        readers = [asyncio.create_task(follow()) for _ in range(5)]
        await server.until(lambda: len(server.calls) == 5)
        await client.close()
        ends = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(end) for end in ends] == [errors.StreamInterrupted] * 5
        assert {"client was closed" in str(end) for end in ends} == {True}
        assert server.count("/stop") == 5
        with pytest.raises(errors.ConfigurationError, match="the client is closed"):
            await follow()
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


async def test_no_run_starts_while_the_client_is_being_closed() -> None:
    with RawServer(silent) as server:
        client = app_client(server.base_url)
        run = await client.workflows.stream({}).__aenter__()
        await anext(run)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)
        with pytest.raises(errors.ConfigurationError, match="the client is closed"):
            await client.workflows.run({})
        await closing
        assert (server.count("POST /v1/workflows/run"), server.count("/stop")) == (1, 1)
        await client.close()


@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
def test_closing_the_blocking_client_stops_runs_and_ends_their_readers(kind: str) -> None:
    ends: list[object] = []
    with RawServer(silent) as server:
        client = sync.AppClient(**settings_for("app", server.base_url))

        def follow() -> None:
            try:
                with stream_of(client, kind) as run:
                    ends.append(run.result())
            except Exception as error:
                ends.append(error)

        readers = [threading.Thread(target=follow) for _ in range(3)]
        for reader in readers:
            reader.start()
        assert server.wait_for(lambda: len(server.calls) == 3)
        client.close()
        for reader in readers:
            reader.join(HANGS_AFTER)
        assert [type(end) for end in ends] == [errors.StreamInterrupted] * 3
        assert server.count("/stop") == 3
        assert server.wait_for(lambda: server.open == 0)


@pytest.mark.parametrize("how", ["read by a task", "left open"])
def test_the_end_of_the_loop_stops_runs(how: str) -> None:
    kept: list[object] = []

    async def main(server: RawServer) -> None:
        run = await app_client(server.base_url).workflows.stream({}).__aenter__()
        await anext(run)
        kept.append(run if how == "left open" else asyncio.create_task(run.result()))
        await asyncio.sleep(0)

    with RawServer(silent) as server:
        asyncio.run(main(server))
        assert server.count("/stop") == 1
        assert server.wait_for(lambda: server.open == 0)


def test_a_run_that_cannot_be_stopped_at_the_end_of_the_loop_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept: list[object] = []

    async def main(server: RawServer) -> None:
        client = app_client(server.base_url)
        kept.append(asyncio.create_task(client.workflows.run({})))
        await server.until(lambda: len(server.calls) == 1)

    with RawServer(Call.until_closed) as server:
        asyncio.run(main(server))
        assert server.wait_for(lambda: server.open == 0)
    assert "the run was not stopped: the event loop ended before the server responded" in caplog.text


@pytest.mark.parametrize("at", ["reading", "recovering"])
async def test_a_custom_session_that_is_closed_ends_its_streams(
    at: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST" and at == "reading":
            await silent(call)
        elif call.method == "POST":
            await call.send(SSE + started())
        else:
            await call.until_closed()

    caplog.set_level(logging.WARNING, "dify_async")
    with RawServer(handler) as server:
        async with aiohttp.ClientSession() as session, app_client(server.base_url, session=session) as client:
            run = await client.workflows.stream({}).__aenter__()
            await anext(run)
            running = asyncio.create_task(run.result())
            await server.until(lambda: server.count("GET" if at == "recovering" else "POST") == 1)
            await session.close()
            with pytest.raises(errors.StreamInterrupted, match="session was closed") as caught:
                await asyncio.wait_for(running, HANGS_AFTER)
            await run.aclose()
        assert caught.value.handle is not None
    assert "was not stopped" in caplog.text


@pytest.mark.parametrize("when", ["before the client is made", "before the first call", "after a call"])
async def test_a_closed_custom_session_is_reported(when: str) -> None:
    async def handler(call: Call) -> bool:
        await call.send(answer({"name": "n"}))
        return True

    with RawServer(handler) as server:
        session = aiohttp.ClientSession()
        if when == "before the client is made":
            await session.close()
            with pytest.raises(errors.ConfigurationError, match=r"session.*closed"):
                app_client(server.base_url, session=session)
            return
        client = app_client(server.base_url, session=session)
        if when == "after a call":
            await client.app.info()
        await session.close()
        for call in (
            client.app.info,
            lambda: client.workflows.run({}),
            lambda: client.files.upload(b"x", name="x"),
        ):
            with pytest.raises(errors.ConfigurationError, match=r"session.*closed"):
                await call()
        await client.close()
