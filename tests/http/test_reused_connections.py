"""A pooled connection that the server has closed, or has sent bytes to, is not used again."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import pytest
import trustme

from dify_async import AppClient, errors
from tests.support.clients import app_client
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import SSE, Call, RawServer, answer, finished, started


@pytest.fixture(params=["http", "https"])
def tls(request: pytest.FixtureRequest) -> tuple[ssl.SSLContext | None, dict[str, Any]]:
    """Return the server's TLS context, and the settings of its client."""
    if request.param == "http":
        return None, {}
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, {"ssl": client}


async def run_of(call: Call) -> None:
    await call.send(SSE + started() + finished())


async def test_a_connection_closed_while_the_loop_was_busy_is_not_reused(
    tls: tuple[ssl.SSLContext | None, dict[str, Any]],
) -> None:
    async def handler(call: Call) -> None:
        if call.method == "POST":
            await run_of(call)
        else:
            await call.send(answer({"name": "n"}))  # Then the connection is closed.

    with RawServer(handler, tls=tls[0]) as server:
        async with app_client(server.base_url, **tls[1]) as client:
            for _ in range(3):
                await client.app.info()
                # The event loop is busy: it does not notice.
                assert server.wait_for(lambda: server.open == 0)
                assert (await client.workflows.run({})).outputs == {"a": "b"}
                assert server.wait_for(lambda: server.open == 0)
    assert (server.count("GET"), server.count("POST")) == (3, 3)


@pytest.mark.parametrize(
    "unasked",
    [
        answer({"code": "timeout", "message": "too slow"}, "408 Request Timeout"),
        answer({"name": "the answer of somebody else"}),
        b"x",
    ],
    ids=["408", "an answer", "a byte"],
)
async def test_unexpected_bytes_on_an_idle_connection_are_dropped(
    tls: tuple[ssl.SSLContext | None, dict[str, Any]], unasked: bytes
) -> None:
    received, sent = threading.Event(), threading.Event()

    async def handler(call: Call) -> bool:
        if call.method == "POST":
            await run_of(call)
            return False
        await call.send(answer({"name": "n"}))
        if call.connection == 1:
            await asyncio.to_thread(received.wait, HANGS_AFTER)
            await call.send(unasked)
            sent.set()
        return True

    with RawServer(handler, tls=tls[0]) as server:
        async with app_client(server.base_url, **tls[1]) as client:
            await client.app.info()
            received.set()
            assert sent.wait(HANGS_AFTER)  # The event loop is busy: it does not notice.
            assert (await client.for_user("bob").app.info()).name == "n"
            assert (await client.workflows.run({})).outputs == {"a": "b"}
    assert next(call.connection for call in server.calls) == 1
    assert all(call.connection > 1 for call in server.calls[1:])


async def test_a_healthy_connection_is_reused(
    tls: tuple[ssl.SSLContext | None, dict[str, Any]],
) -> None:
    async def handler(call: Call) -> bool:
        await call.send(answer({"name": "n"}))
        return True

    with RawServer(handler, tls=tls[0]) as server:
        async with app_client(server.base_url, **tls[1]) as client:
            for _ in range(5):
                await client.app.info()
    assert server.connections == 1


@pytest.mark.parametrize("cut", ["before the head", "within the head", "after the head"])
async def test_a_connection_that_breaks_during_a_run_raises_outcomeunknown(cut: str) -> None:
    heads = {"before the head": b"", "within the head": SSE[:20], "after the head": SSE}

    async def handler(call: Call) -> None:
        await call.send(heads[cut])

    with RawServer(handler) as server:
        client: AppClient
        async with app_client(server.base_url) as client:
            with pytest.raises(errors.OutcomeUnknown) as caught:
                await client.workflows.run({})
    assert caught.value.may_have_started
    assert server.count("POST") == 1
