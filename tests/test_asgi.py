"""Runs passed on to browsers, by a real uvicorn."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import fastapi
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dify_async import AppClient, events
from dify_async.asgi import EventStreamResponse
from dify_async.testing import Cut, Delay, FakeDify, Field, Node, Refuse, Workflow
from tests.support.faults import GONE
from tests.support.limits import HANGS_AFTER

QUICK = Workflow(nodes=[Node("One", text=["a", "b"])], outputs={"x": "你好"})
SLOW = Workflow(nodes=[Node("One", text=["a", "b"]), Node("Slow", seconds=60)])


def fastapi_app(client: AppClient, **options: Any) -> Any:
    app = fastapi.FastAPI()

    @app.get("/ask")
    async def ask(city: str) -> EventStreamResponse:
        return EventStreamResponse(client.workflows.stream({"city": city}), **options)

    return app


def starlette_app(client: AppClient, **options: Any) -> Any:
    async def ask(request: Request) -> Response:
        stream = client.workflows.stream({"city": request.query_params["city"]})
        return EventStreamResponse(stream, **options)  # type: ignore[return-value]

    return Starlette(routes=[Route("/ask", ask)])


def bare_app(client: AppClient, **options: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        city = scope["query_string"].decode().removeprefix("city=")
        await EventStreamResponse(client.workflows.stream({"city": city}), **options)(scope, receive, send)

    return app


class Browser:
    """Asks the web application."""

    def __init__(self, client: AppClient) -> None:
        self.client = client
        self.app: Any = fastapi_app(client)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self.session = aiohttp.ClientSession()

    async def ask(self) -> aiohttp.ClientResponse:
        if self._server is None:
            config = uvicorn.Config(self.app, port=0, lifespan="off", log_config=None)
            self._server = uvicorn.Server(config)
            self._serving = asyncio.create_task(self._server.serve())
            while not self._server.started:
                await asyncio.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return await self.session.get(f"http://127.0.0.1:{port}/ask", params={"city": "Rome"})

    async def read(self) -> list[Any]:
        """Give all events of an answer, pings as None."""
        async with await self.ask() as answer:
            body = await answer.read()
        blocks = body.decode().removesuffix("\n\n").split("\n\n")
        return [
            None if block == "event: ping" else json.loads(block.removeprefix("data: ")) for block in blocks
        ]

    async def close(self) -> None:
        await self.session.close()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving


@pytest.fixture
async def browser(client: AppClient, fake_dify: FakeDify) -> AsyncIterator[Browser]:
    fake_dify.workflow = QUICK
    browser = Browser(client)
    yield browser
    await browser.close()


@pytest.mark.parametrize("make", [fastapi_app, starlette_app, bare_app])
async def test_a_run_is_passed_on_as_dify_sent_it(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    browser.app = make(browser.client)
    assert await browser.read() == [None, None, *next(iter(fake_dify.runs.values())).events]
    (played,) = fake_dify.runs.values()
    assert (played.inputs, played.status) == ({"city": "Rome"}, "succeeded")


async def test_its_headers_keep_proxies_from_holding_it_back(browser: Browser) -> None:
    browser.app = fastapi_app(browser.client, headers={"X-Own": "1", "Cache-Control": "private"})
    async with await browser.ask() as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert (answer.headers["X-Own"], answer.headers["Cache-Control"]) == ("1", "private")
        await answer.read()


async def test_it_begins_before_the_server_answers_and_passes_pings_on(
    browser: Browser, fake_dify: FakeDify
) -> None:
    fake_dify.faults.append(Delay(seconds=0.3))
    fake_dify.ping_every = 0.1
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.5)])
    async with await browser.ask() as answer:
        assert await answer.content.readuntil(b"\n\n") == b"event: ping\n\n"
        assert fake_dify.runs_started == 0
        rest = await answer.read()
    assert rest.count(b"event: ping\n\n") >= 4


async def test_what_is_shown_can_be_chosen(browser: Browser) -> None:
    def text_only(event: events.Event) -> str | None:
        return event.data.text if isinstance(event, events.TextChunk) else None

    browser.app = fastapi_app(browser.client, render=text_only)
    assert [event for event in await browser.read() if event is not None] == ["a", "b"]


async def test_a_refusal_is_told_in_the_words_of_the_server(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.published = False
    refused = {"event": "error", "status": 400, "code": "invalid_param", "message": "Workflow not published"}
    assert await browser.read() == [None, refused]


async def test_an_error_of_the_stream_is_told_once(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    (played,) = [event for event in await browser.read() if event is not None]
    assert played == next(iter(fake_dify.runs.values())).events[0]


async def test_trouble_on_the_way_is_told_without_addresses(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), GONE]
    *passed_on, last = await browser.read()
    assert len([event for event in passed_on if event is not None]) == 3
    assert (last["event"], last["status"], last["code"]) == ("error", 502, "StreamInterrupted")
    fake_dify.close()
    (told,) = [event for event in await browser.read() if event is not None]
    assert told["code"] == "ConnectionFailed"
    assert "127.0.0.1" not in json.dumps(told)


async def test_a_run_that_is_found_again_by_its_record_ends_like_any_other(
    browser: Browser, fake_dify: FakeDify
) -> None:
    fake_dify.faults += [Cut(after_events=3), Refuse(status=404, code="not_found", on="/events", times=9)]
    last = (await browser.read())[-1]
    (played,) = fake_dify.runs.values()
    assert (last["event"], last["workflow_run_id"]) == ("workflow_finished", played.id)
    assert (last["data"]["status"], last["data"]["outputs"]) == ("succeeded", {"x": "你好"})


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_caller_who_goes_away_stops_the_run(
    browser: Browser, fake_dify: FakeDify, after: int
) -> None:
    fake_dify.workflow = SLOW
    if after == 0:
        fake_dify.faults.append(Delay(seconds=0.3))
    async with await browser.ask() as answer:
        for _ in range(after + 1 + (after > 0)):  # Pings first: ours, and then Dify's.
            await answer.content.readuntil(b"\n\n")
        answer.close()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    assert fake_dify.runs_started == 1


async def test_a_caller_who_goes_away_leaves_a_detached_run_alone(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.5)])
    async with AppClient(
        fake_dify.api_key, user="ada", base_url=fake_dify.base_url, on_abandon="detach"
    ) as client:
        browser = Browser(client)
        async with await browser.ask() as answer:
            await answer.content.readuntil(b"data: ")
            answer.close()
        (played,) = fake_dify.runs.values()
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: played.over)
        assert (played.status, played.stop_calls) == ("succeeded", 0)
        await browser.close()


async def test_background_tasks_of_the_framework_are_done(browser: Browser) -> None:
    done = asyncio.Event()
    browser.app = app = fastapi.FastAPI()

    @app.get("/ask")
    async def ask(tasks: fastapi.BackgroundTasks) -> EventStreamResponse:
        tasks.add_task(done.set)
        return EventStreamResponse(browser.client.workflows.stream({}))

    await browser.read()
    await asyncio.wait_for(done.wait(), HANGS_AFTER)


def test_no_framework_is_needed() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; from dify_async.asgi import EventStreamResponse as R; "
    )
    subprocess.run(
        [sys.executable, "-c", code + "assert R.__bases__ == (object,)"], check=True, timeout=HANGS_AFTER
    )
