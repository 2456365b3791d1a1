"""An exception during an early exit does not prevent that the run is stopped and its slot and connection released."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dify_async import errors, sync
from tests.support.clients import app_client
from tests.support.families import settings_for
from tests.support.raw_server import PING, SSE, Call, RawServer, event, node, started


def server_of(body: bytes) -> RawServer:
    async def handler(call: Call) -> None:
        await call.send(SSE + body)
        await call.until_closed()

    return RawServer(handler)


def fail() -> None:
    raise ZeroDivisionError


OVERFLOW = event(
    "node_finished",
    {
        "id": "n",
        "node_id": "n",
        "title": "T",
        "node_type": "llm",
        "status": "succeeded",
        "execution_metadata": {"total_price": "9E+999999", "total_tokens": "1E999999", "currency": "USD"},
    },
)


@pytest.mark.parametrize(
    ("rest", "limit"),
    [(PING + PING, 10_000), (OVERFLOW + OVERFLOW, 10_000), (b"data: {" + b" " * 20_000, 10_000)],
    ids=["a callback", "a price", "an event that is too large"],
)
async def test_exceptions_during_an_early_exit(rest: bytes, limit: int) -> None:
    with server_of(started() + node() + rest) as server:
        async with app_client(server.base_url, max_concurrent=1, max_event_bytes=limit) as client:
            with pytest.raises(KeyError):
                async with client.workflows.stream({}, on_ping=fail) as run:
                    await anext(run)
                    raise KeyError
            assert server.count("/stop") == 1
            async with asyncio.timeout(20), client.workflows.stream({}) as run:
                await anext(run)  # The slot is free.
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


async def test_a_callback_that_raises_during_reading() -> None:
    with server_of(started() + PING + PING) as server:
        async with app_client(server.base_url, max_concurrent=1) as client:
            with pytest.raises(ZeroDivisionError):
                async with client.workflows.stream({}, on_ping=fail) as run:
                    await run.result()
        assert server.count("/stop") == 1
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


def test_a_callback_of_the_blocking_client_that_raises() -> None:
    with server_of(started() + PING + PING) as server:
        with sync.AppClient(**settings_for("app", server.base_url, max_concurrent=1)) as client:
            for _ in range(2):
                with pytest.raises(ZeroDivisionError), client.workflows.stream({}, on_ping=fail) as run:
                    run.result()
        assert server.count("/stop") == 2
        assert server.wait_for(lambda: server.open == 0)


async def test_a_limiter_that_raises_on_exit() -> None:
    @asynccontextmanager
    async def limiter() -> AsyncIterator[None]:
        yield
        fail()

    with server_of(started() + node()) as server:
        async with app_client(server.base_url, max_concurrent=1, limiter=limiter) as client:
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    async with client.workflows.stream({}) as run:
                        await anext(run)
        assert server.count("/stop") == 2
        assert await asyncio.to_thread(server.wait_for, lambda: server.open == 0)


@pytest.mark.parametrize("how", ["close", "end of the loop"])
def test_a_limiter_that_raises_on_exit_does_not_affect_other_streams(how: str) -> None:
    opened = 0

    @asynccontextmanager
    async def limiter() -> AsyncIterator[None]:
        nonlocal opened
        opened += 1
        number = opened
        yield
        if number == 1:
            fail()

    async def main(server: RawServer) -> Any:
        client = app_client(server.base_url, limiter=limiter)
        runs = [await client.workflows.stream({}).__aenter__() for _ in range(3)]
        for run in runs:
            await anext(run)
        if how == "close":
            with pytest.raises(ZeroDivisionError):
                await client.close()
            with pytest.raises(errors.StreamInterrupted, match="client was closed"):
                await runs[2].result()
        else:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        return client

    with server_of(started() + node()) as server:
        asyncio.run(main(server))
        assert server.count("/stop") == 3
        assert server.wait_for(lambda: server.open == 0)
