"""`EventSource` in a real browser: the page of the recipe, and a page without any code of this package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import fastapi
import pytest
from fastapi.responses import FileResponse, HTMLResponse

from dify_async import AppClient
from dify_async.asgi import EventStreamResponse
from dify_async.testing import FakeDify, Node, Refuse, Workflow
from tests.support.chromium import CHROMIUM, Page, chromium
from tests.support.uvicorn_server import serving

PAGE = Path(__file__).parents[2] / "examples" / "event_source.html"
QUICK = Workflow(nodes=[Node("One", text=["Hello, ", "world"])])
SLOW = Workflow(nodes=[Node("One", text=["Hello"]), Node("Slow", seconds=60)])

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture
async def page(client: AppClient, fake_dify: FakeDify) -> AsyncIterator[Page]:
    """A page of the service, in a browser."""
    once = client.with_options(retry=0)
    app = fastapi.FastAPI()

    @app.get("/")
    async def recipe() -> FileResponse:
        return FileResponse(PAGE)

    @app.get("/empty")
    async def empty() -> HTMLResponse:
        return HTMLResponse("<p>")

    @app.get("/forecast/events")
    async def forecast_events(city: str) -> EventStreamResponse:
        return EventStreamResponse(once.workflows.stream({"city": city}))

    fake_dify.workflow = QUICK
    async with serving(app) as url, chromium(url) as page:
        yield page


SUBMIT = "document.querySelector('button').click()"
OUTCOME = "document.getElementById('outcome').textContent"
ANSWER = "document.getElementById('answer').textContent"


async def test_the_page_of_the_recipe(page: Page, fake_dify: FakeDify) -> None:
    await page.open("/")
    await page.evaluate(SUBMIT)
    await page.until(f"{OUTCOME} != ''")
    assert await page.evaluate(f"[{ANSWER}, {OUTCOME}]") == ["Hello, world", "succeeded"]
    await page.until("source.readyState == EventSource.CLOSED")
    assert fake_dify.runs[0].inputs == {"city": "Lisbon"}

    fake_dify.workflow = SLOW
    await page.evaluate(SUBMIT)
    await page.until(f"{ANSWER} == 'Hello'")
    fake_dify.workflow = QUICK
    await page.evaluate(SUBMIT)  # A new question stops the previous run.
    await page.until(f"{OUTCOME} != ''")
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
    assert fake_dify.runs_started == 3


async def test_a_page_that_does_not_close_its_source_starts_one_run(page: Page, fake_dify: FakeDify) -> None:
    await page.open("/empty")
    await page.evaluate("seen = [], source = new EventSource('/forecast/events?city=Rome'), 0")
    await page.evaluate("source.onmessage = message => seen.push(JSON.parse(message.data).event), 0")
    await page.until("source.readyState == EventSource.CONNECTING && seen.length")  # The run has finished.
    await page.until("source.readyState == EventSource.CLOSED")  # It has reconnected, and got 204.
    assert await page.evaluate("seen.at(-1)") == "workflow_finished"
    assert fake_dify.runs_started == 1


async def test_a_rejected_run_is_not_requested_again(page: Page, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests"))
    await page.open("/")
    await page.evaluate(SUBMIT)
    await page.until(f"{OUTCOME} == 'The connection was lost.'")
    assert (fake_dify.runs_started, len(fake_dify.requests.to("/workflows/run"))) == (0, 1)


async def test_a_page_that_is_left_stops_its_run(page: Page, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    await page.open("/")
    await page.evaluate(SUBMIT)
    await page.until(f"{ANSWER} == 'Hello'")
    await page.open("/empty")
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_stopped == 1)
