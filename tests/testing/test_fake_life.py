"""FakeDify as a server: port, reset, and repr."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
import pytest

from dify_async import AppClient, errors
from dify_async.testing import Chat, FakeDify, Node, Refuse, Workflow
from tests.support.limits import HANGS_AFTER


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_server_listens_on_a_given_port() -> None:
    port = free_port()
    with FakeDify(port=port) as dify:
        assert dify.base_url == f"http://127.0.0.1:{port}/v1"
        with pytest.raises(errors.DifyError, match=f"could not listen on 127.0.0.1:{port}"):
            FakeDify(port=port).start()
    with FakeDify(port=port):
        pass


def test_the_server_keeps_its_port_over_a_restart() -> None:
    with FakeDify() as dify:
        url = dify.base_url
        dify.close()
        assert dify.start().base_url == url


def test_keys_can_be_passed() -> None:
    dify = FakeDify(api_key="app-key", app_code="code")
    assert (dify.api_key, dify.app_code) == ("app-key", "code")


def test_the_repr_describes_the_server() -> None:
    dify = FakeDify(Chat(), version="1.16")
    assert repr(dify) == "<FakeDify 1.16.1 chat (not running): 0 runs>"
    with dify:
        assert repr(dify) == f"<FakeDify 1.16.1 chat at {dify.base_url}: 0 runs>"


async def test_reset_forgets_what_happened() -> None:
    app = Workflow(outputs={"a": 1})
    with FakeDify(app, max_active_requests=7, tail=0) as dify:
        before = (dify.base_url, dify.api_key, dify.app_code, dify.app_id)
        async with AppClient(dify.api_key, user="ada", base_url=dify.base_url) as client:
            await client.workflows.run({})
            dify.app, dify.published, dify.max_active_requests = Chat(), False, 1
            dify.faults.append(Refuse(status=500))
            dify.reset()
            assert (dify.base_url, dify.api_key, dify.app_code, dify.app_id) == before
            assert dify.app is app  # type: ignore[comparison-overlap]
            assert (dify.published, dify.max_active_requests) == (True, 7)
            assert not any((dify.runs, dify.requests, dify.faults, dify.end_users))
            result = await client.workflows.run({})
    assert result.outputs == {"a": 1}
    assert len(dify.requests) == dify.runs_started == 1


async def test_reset_ends_what_is_in_progress() -> None:
    with FakeDify(Workflow(nodes=[Node("Slow", seconds=60)])) as dify:
        async with AppClient(dify.api_key, user="ada", base_url=dify.base_url, on_abandon="detach") as client:
            async with client.workflows.stream({}) as run:
                await anext(run)
                await asyncio.to_thread(dify.reset)
                with pytest.raises(errors.StreamInterrupted):
                    await run.result()
        assert await asyncio.to_thread(dify.wait_for, lambda: dify.open_sockets == 0)
        assert dify.runs_started == 0


def test_reset_before_the_start_does_nothing() -> None:
    dify = FakeDify()
    dify.published = False
    dify.reset()
    assert dify.published


async def test_browsers_may_call_it_from_other_origins(fake_dify: FakeDify) -> None:
    url = f"{fake_dify.web_url}/passport"
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "GET"}
    async with aiohttp.ClientSession() as session:
        async with session.options(url, headers=asked) as preflight:
            assert preflight.status == 200
            assert "X-App-Code" in preflight.headers["Access-Control-Allow-Headers"]
        async with session.get(url, headers={"X-App-Code": fake_dify.app_code}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_connections_of_the_last_moment_are_closed() -> None:
    for _ in range(30):
        with FakeDify() as dify:
            address = ("127.0.0.1", urlsplit(dify.base_url).port)
            connections = [socket.create_connection(address, HANGS_AFTER) for _ in range(3)]
        for connection in connections:
            with connection, suppress(ConnectionResetError):
                assert connection.recv(1) == b""
