"""Blocks that end when their web client disconnects."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import fastapi
import litestar
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dify_async import AppClient, errors
from dify_async.asgi import while_connected
from dify_async.testing import FakeDify, Node, Workflow
from tests.support.uvicorn_server import serving


def starlette_app(client: AppClient, ended: list[str]) -> Any:
    async def ask(request: Request) -> Response:
        inputs = await request.json()
        async with while_connected(request):
            result = await client.workflows.run(inputs)
            return PlainTextResponse(str(result.status))
        ended.append("starlette")
        return Response(status_code=499)

    return Starlette(routes=[Route("/ask", ask, methods=["POST"])])


def fastapi_app(client: AppClient, ended: list[str]) -> Any:
    app = fastapi.FastAPI()

    @app.post("/ask")
    async def ask(inputs: dict[str, str], request: fastapi.Request) -> Response:
        async with while_connected(request):
            result = await client.workflows.run(inputs)
            return PlainTextResponse(str(result.status))
        ended.append("fastapi")
        return Response(status_code=499)

    return app


def litestar_app(client: AppClient, ended: list[str]) -> Any:
    @litestar.post("/ask", status_code=200)
    async def ask(request: litestar.Request[Any, Any, Any]) -> str:
        inputs = await request.json()
        async with while_connected(request):
            result = await client.workflows.run(inputs)
            return str(result.status)
        ended.append("litestar")
        return ""

    return litestar.Litestar([ask], openapi_config=None)


@pytest.mark.parametrize("make", [starlette_app, fastapi_app, litestar_app])
async def test_a_run_ends_with_the_connection(client: AppClient, fake_dify: FakeDify, make: Any) -> None:
    ended: list[str] = []
    async with serving(make(client, ended)) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/ask", json={"city": "Rome"}) as answer:
            assert (answer.status, await answer.text()) == (200, "succeeded")
        fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
        asking = asyncio.create_task(session.post(f"{url}/ask", json={"city": "Rome"}))
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
        assert ended == []
        asking.cancel()
        await asyncio.wait([asking])
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    assert ended == [make.__name__.removesuffix("_app")]


async def test_errors_of_the_block_are_raised(client: AppClient) -> None:
    never = asyncio.Event()

    class Connected:
        async def receive(self) -> dict[str, str]:
            await never.wait()
            return {}

    with pytest.raises(ZeroDivisionError):
        async with while_connected(Connected()):
            raise ZeroDivisionError


async def test_a_server_that_breaks_ends_the_block() -> None:
    class Broken:
        async def receive(self) -> dict[str, str]:
            raise RuntimeError("the server broke")

    async with while_connected(Broken()):
        await asyncio.Event().wait()


async def test_an_object_without_a_connection_is_rejected() -> None:
    request: Any = {"type": "http"}
    with pytest.raises(errors.ConfigurationError, match=r"`request` must be a Request of .*, got dict"):
        async with while_connected(request):
            pass
