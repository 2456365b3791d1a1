"""Runs forwarded to web clients, in several frameworks, by a real uvicorn."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import fastapi
import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

from dify_async import AppClient, errors, events, sync
from dify_async.asgi import ChatCompletionChunks, EventStreamResponse
from dify_async.asgi.django import event_stream_response
from dify_async.testing import Cut, Delay, FakeDify, Field, Node, Refuse, Workflow
from tests.support.clients import app_client
from tests.support.faults import GONE
from tests.support.limits import HANGS_AFTER
from tests.support.uvicorn_server import serving
from tests.support.web_apps import FRAMEWORKS, configure_django, django_app, fastapi_app, starlette_app

QUICK = Workflow(nodes=[Node("One", text=["a", "b"])], outputs={"x": "你好"})
SLOW = Workflow(nodes=[Node("One", text=["a", "b"]), Node("Slow", seconds=60)])
TWO = [starlette_app, django_app]
"""Frameworks with code of their own in this package."""


class Browser:
    """Sends requests to the web application."""

    def __init__(self, client: AppClient) -> None:
        self.client = client
        self.app: Any = fastapi_app(client)
        self._url: str | None = None
        self._open = AsyncExitStack()
        self.session = aiohttp.ClientSession()

    async def ask(self, method: str = "POST", **headers: str) -> aiohttp.ClientResponse:
        if self._url is None:
            self._url = await self._open.enter_async_context(serving(self.app))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.session.request(method, f"{self._url}/ask", params={"city": "Rome"}, headers=sent)

    async def read(self) -> list[Any]:
        """Return all events of a response, pings as None."""
        async with await self.ask() as answer:
            assert answer.status == 200
            body = await answer.read()
        blocks = body.decode().removesuffix("\n\n").split("\n\n")
        return [
            None if block == "event: ping" else json.loads(block.removeprefix("data: ")) for block in blocks
        ]

    async def close(self) -> None:
        await self.session.close()
        await self._open.aclose()


@pytest.fixture
async def browser(client: AppClient, fake_dify: FakeDify) -> AsyncIterator[Browser]:
    fake_dify.workflow = QUICK
    browser = Browser(client)
    yield browser
    await browser.close()


# Events


@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_events_are_forwarded_unchanged(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    browser.app = make(browser.client)
    assert await browser.read() == [None, *fake_dify.runs[0].events]
    assert (fake_dify.runs[0].inputs, fake_dify.runs[0].status) == ({"city": "Rome"}, "succeeded")


@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_headers_turn_off_buffering_of_proxies(browser: Browser, make: Any) -> None:
    browser.app = make(browser.client, headers={"X-Own": "1", "Cache-Control": "private"})
    async with await browser.ask() as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert (answer.headers["X-Own"], answer.headers.getall("Cache-Control")) == ("1", ["private"])
        await answer.read()


@pytest.mark.parametrize("make", TWO)
async def test_a_slow_start_begins_with_pings(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    fake_dify.faults.append(Delay(seconds=0.3))
    fake_dify.ping_every = 0.1
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.5)])
    browser.app = make(browser.client, start_within=0)
    async with await browser.ask() as answer:
        assert await answer.content.readuntil(b"\n\n") == b"event: ping\n\n"
        assert fake_dify.runs_started == 0
        rest = await answer.read()
    assert rest.count(b"event: ping\n\n") >= 4


async def test_events_can_be_filtered_and_rendered(browser: Browser) -> None:
    def text_only(event: events.Event) -> str | None:
        return event.data.text if isinstance(event, events.TextChunk) else None

    browser.app = fastapi_app(browser.client, render=text_only)
    assert [event for event in await browser.read() if event is not None] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (float("nan"), None),
        ({"x": [float("inf"), 1.5]}, {"x": [None, 1.5]}),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 11, 27, tzinfo=UTC), "2026-11-27T00:00:00+00:00"),
        (events.TextChunkData(text="hi"), {"text": "hi", "from_variable_selector": []}),
        ({1, 2}, [1, 2]),
        (2**70, 2**70),
        ("half \ud83d, one\u2028two\nthree", "half \ud83d, one\u2028two\nthree"),
        ("", ""),
        (0, 0),
    ],
    ids=repr,
)
async def test_rendered_values_are_converted_to_json(browser: Browser, value: Any, received: Any) -> None:
    browser.app = fastapi_app(
        browser.client, render=lambda event: [value] if isinstance(event, events.TextChunk) else None
    )
    assert await browser.read() == [None, [received], [received]]


@pytest.mark.parametrize("make", ["response", "django"])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"stream": 5}, "`stream` must be a stream of an async client, .*, got int"),
        ({"stream": None}, "`stream` must be .*, got NoneType"),
        ({"render": 5}, "`render` must be a function .*, got 5"),
        (
            {"render": ChatCompletionChunks},
            r"`render` must be .* such as ChatCompletionChunks\('my-app'\), got",
        ),
        ({"start_within": "5"}, "`start_within` must be a number of seconds of 0 or more, got '5'"),
        ({"start_within": -1}, "`start_within` must be .*, got -1"),
        ({"start_within": float("nan")}, "`start_within` must be .*, got nan"),
        ({"start_within": True}, "`start_within` must be .*, got True"),
        ({"headers": 5}, "`headers` must be a mapping"),
        ({"headers": {"X-Own": "a\nb"}}, "'X-Own' must be a str without line breaks"),
        ({"headers": {"X Own": "a"}}, "a header name must consist of letters"),
        ({"headers": {"X-Own": "über"}}, "the header 'x-own' must be ASCII, got 'über'"),
    ],
)
async def test_wrong_arguments_are_rejected_before_a_run_starts(
    client: AppClient, fake_dify: FakeDify, make: str, wrong: dict[str, Any], says: str
) -> None:
    arguments: dict[str, Any] = {"stream": client.workflows.stream({}), **wrong}
    stream = arguments.pop("stream")
    with pytest.raises(errors.ConfigurationError, match=says):
        if make == "response":
            EventStreamResponse(stream, **arguments)
        else:
            configure_django([])
            from django.test import AsyncRequestFactory

            await event_stream_response(AsyncRequestFactory().get("/"), stream, **arguments)
    assert fake_dify.runs_started == 0


async def test_the_stream_of_a_blocking_client_is_rejected(fake_dify: FakeDify) -> None:
    with sync.AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as blocking:
        stream: Any = blocking.workflows.stream({})
        with pytest.raises(errors.ConfigurationError, match="a stream of an async client"):
            EventStreamResponse(stream)


async def test_a_failure_is_reported_if_its_event_is_filtered_out(
    browser: Browser, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text="a"), Node("Bad", error="secret reason")])
    browser.app = fastapi_app(browser.client, render=lambda _: None)
    told = {"event": "error", "status": 502, "code": "RunFailed", "message": "the run failed"}
    assert await browser.read() == [None, told]


# Errors


@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_an_error_before_the_first_event_is_an_error_response(
    browser: Browser, fake_dify: FakeDify, make: Any
) -> None:
    browser.app = make(browser.client.with_options(retry=0))
    fake_dify.faults.append(
        Refuse(status=429, code="too_many_requests", message="busy", headers={"Retry-After": "7"})
    )
    async with await browser.ask() as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
        assert answer.headers["Content-Type"] == "application/json"
        assert await answer.json() == {
            "event": "error",
            "status": 429,
            "code": "too_many_requests",
            "message": "busy",
        }
    assert fake_dify.runs_started == 0


@pytest.mark.parametrize("version", ["1.14", "1.16"])
@pytest.mark.parametrize("make", TWO)
async def test_rejected_inputs_are_an_error_response(
    browser: Browser, fake_dify: FakeDify, make: Any, version: str
) -> None:
    fake_dify.version = version
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    browser.app = make(browser.client)
    async with await browser.ask() as answer:
        assert answer.status == 400
        error = await answer.json()
    assert error["code"] == "RunRejected"
    assert "name is required" in error["message"]


async def test_an_error_after_the_start_is_reported_once(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(form=[Field("name", required=True)])
    browser.app = fastapi_app(browser.client, start_within=0)
    (told,) = [event for event in await browser.read() if event is not None]
    assert told == fake_dify.runs[0].events[0]


async def test_an_interruption_is_reported_without_urls(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), GONE]
    *passed_on, last = await browser.read()
    assert len([event for event in passed_on if event is not None]) == 3
    assert (last["event"], last["status"], last["code"]) == ("error", 502, "StreamInterrupted")
    fake_dify.close()
    async with await browser.ask() as answer:
        assert answer.status == 502
        text = await answer.text()
    assert json.loads(text)["code"] == "ConnectionFailed"
    assert "127.0.0.1" not in text


async def test_a_run_recovered_by_polling_ends_like_any_other(browser: Browser, fake_dify: FakeDify) -> None:
    fake_dify.faults += [Cut(after_events=3), Refuse(status=404, code="not_found", on="/events", times=9)]
    last = (await browser.read())[-1]
    assert (last["event"], last["workflow_run_id"]) == ("workflow_finished", fake_dify.runs[0].id)
    assert (last["data"]["status"], last["data"]["outputs"]) == ("succeeded", {"x": "你好"})


@pytest.mark.parametrize("make", TWO)
async def test_an_exception_of_a_renderer_stops_the_run(
    browser: Browser, fake_dify: FakeDify, make: Any
) -> None:
    def broken(event: events.Event) -> None:
        if isinstance(event, events.TextChunk):
            raise ZeroDivisionError

    fake_dify.workflow = SLOW
    browser.app = make(browser.client, render=broken)
    async with await browser.ask() as answer:
        if answer.status == 200:
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)


# Clients that go away


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_a_client_that_disconnects_stops_the_run(
    browser: Browser, fake_dify: FakeDify, make: Any, after: int
) -> None:
    fake_dify.workflow = SLOW
    browser.app = make(browser.client)
    if after == 0:
        fake_dify.faults.append(Delay(seconds=0.3))
        asking = asyncio.create_task(browser.ask())
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: len(fake_dify.requests) == 1)
        asking.cancel()
        await asyncio.wait([asking])
    else:
        async with await browser.ask() as answer:
            for _ in range(after + 1):  # Dify's ping first.
                await answer.content.readuntil(b"\n\n")
            answer.close()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    assert fake_dify.runs_started == 1


async def test_a_client_that_disconnects_does_not_stop_a_detached_run(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=0.5)])
    async with app_client(fake_dify, on_abandon="detach") as client:
        browser = Browser(client)
        async with await browser.ask() as answer:
            await answer.content.readuntil(b"data: ")
            answer.close()
        played = fake_dify.runs[0]
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: played.over)
        assert (played.status, played.stop_calls) == ("succeeded", 0)
        await browser.close()


@pytest.mark.parametrize("how", ["close", "drop"])
async def test_a_response_of_django_that_is_not_read_stops_the_run(
    client: AppClient, fake_dify: FakeDify, how: str
) -> None:
    from django.test import AsyncRequestFactory

    fake_dify.workflow = SLOW
    django_app(client)  # Configures Django.
    response = await event_stream_response(AsyncRequestFactory().post("/"), client.workflows.stream({}))
    assert fake_dify.runs_started == 1
    if how == "close":
        await asyncio.to_thread(response.close)
    else:
        del response
        gc.collect()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)


async def test_django_needs_asgi_and_its_own_response(client: AppClient, fake_dify: FakeDify) -> None:
    from django.test import AsyncClient, Client
    from django.urls import path

    async def own(request: Any) -> Any:
        return await event_stream_response(request, client.workflows.stream({}))

    async def other(_: Any) -> Any:
        return EventStreamResponse(client.workflows.stream({}))

    configure_django([path("own", own), path("other", other)])
    with pytest.raises(TypeError, match="needs an ASGI server"):
        await asyncio.to_thread(Client().get, "/own")
    with pytest.raises(TypeError, match=r"return `await event_stream_response\(request, stream\)`"):
        await AsyncClient().get("/other")
    assert fake_dify.runs_started == 0
    response = await AsyncClient().post("/own")
    body = b"".join([data async for data in response.streaming_content])
    assert body.count(b"data: ") == len(fake_dify.runs[0].events)


class _Middleware(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["X-Middleware"] = "1"
        return response


async def test_middleware_receives_a_response_for_a_disconnected_client(
    browser: Browser, fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    browser.app = starlette_app(browser.client)
    browser.app.add_middleware(GZipMiddleware)
    browser.app.add_middleware(_Middleware)
    async with await browser.ask() as answer:
        assert (answer.status, answer.headers["X-Middleware"]) == (200, "1")
        assert "Content-Encoding" not in answer.headers
        await answer.read()
    fake_dify.faults.append(Delay(seconds=0.3))
    fake_dify.workflow = SLOW
    asking = asyncio.create_task(browser.ask())
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: len(fake_dify.requests) == 2)
    asking.cancel()
    await asyncio.wait([asking])
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    await browser.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# EventSource


@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_a_get_request_has_ids_and_an_end(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    browser.app = make(browser.client)
    async with await browser.ask("GET") as answer:
        body = (await answer.read()).decode()
    first, _, *blocks, last = body.removesuffix("\n\n").split("\n\n")
    assert (first, last) == ("id: started", "event: end\ndata: {}")
    run = fake_dify.runs[0]
    assert [block.split("\n")[0] for block in blocks] == [f"id: {run.id}"] * len(run.events)
    assert [json.loads(block.split("\ndata: ")[1]) for block in blocks] == run.events


@pytest.mark.parametrize("make", TWO)
async def test_the_id_of_a_run_cannot_add_lines(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    run_id = "a\r\ndata: {}\n\nevent: evil"
    run = {"workflow_run_id": run_id, "task_id": "t"}
    fake_dify.replay(
        [
            {"event": "workflow_started", **run, "data": {"id": run_id}},
            {"event": "workflow_finished", **run, "data": {"id": run_id, "status": "succeeded"}},
        ]
    )
    browser.app = make(browser.client)
    async with await browser.ask("GET") as answer:
        lines = (await answer.read()).decode().splitlines()
    assert [line for line in lines if line.startswith("event: ")] == ["event: end"]
    assert len([line for line in lines if line.startswith("id: a")]) == 2


@pytest.mark.parametrize("make", FRAMEWORKS)
async def test_a_browser_that_reconnects_starts_no_second_run(
    browser: Browser, fake_dify: FakeDify, make: Any
) -> None:
    browser.app = make(browser.client)
    async with await browser.ask("GET", Last_Event_ID="started") as answer:
        assert (answer.status, await answer.read()) == (204, b"")
    assert fake_dify.requests == []


@pytest.mark.parametrize("make", TWO)
async def test_a_head_request_starts_no_run(browser: Browser, fake_dify: FakeDify, make: Any) -> None:
    browser.app = make(browser.client)
    async with await browser.ask("HEAD") as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert fake_dify.requests == []


async def test_a_browser_that_reconnects_can_follow_its_run(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text="a"), Node("Slow", seconds=0.5)])
    async with app_client(fake_dify, on_abandon="detach") as client:
        app = fastapi.FastAPI()

        @app.get("/ask")
        async def ask(last_event_id: str | None = fastapi.Header(None)) -> EventStreamResponse:
            if last_event_id is not None:
                return EventStreamResponse(client.workflows.attach(last_event_id))
            return EventStreamResponse(client.workflows.stream({}))

        browser = Browser(client)
        browser.app = app
        async with await browser.ask("GET") as answer:
            await answer.content.readuntil(b"data: ")
            answer.close()
        async with await browser.ask("GET", Last_Event_ID=fake_dify.runs[0].id) as answer:
            body = await answer.text()
        assert '"workflow_finished"' in body
        assert fake_dify.runs_started == 1
        async with await browser.ask("GET", Last_Event_ID="started") as answer:
            assert answer.status == 404  # A browser gives up.
        await browser.close()


# The framework


async def test_background_tasks_of_the_framework_are_run(browser: Browser) -> None:
    done = asyncio.Event()
    browser.app = app = fastapi.FastAPI()

    @app.post("/ask")
    async def ask(tasks: fastapi.BackgroundTasks) -> EventStreamResponse:
        tasks.add_task(done.set)
        return EventStreamResponse(browser.client.workflows.stream({}))

    await browser.read()
    await asyncio.wait_for(done.wait(), HANGS_AFTER)


def test_no_framework_is_needed() -> None:
    missing = "import sys; sys.modules['starlette'] = sys.modules['django'] = None; "
    code = missing + "from dify_async.asgi import EventStreamResponse as R; assert R.__bases__ == (object,)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=HANGS_AFTER)
