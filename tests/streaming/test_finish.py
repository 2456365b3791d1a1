"""A stream ends at the terminal event, however long the server keeps the connection open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web

from dify_async import AppClient, EventStream, errors
from dify_async._wire.results import LINGER
from tests.support import recordings
from tests.support.clients import app_client
from tests.support.clock import frozen_time
from tests.support.servers import serve


@attrs.define
class Replayer:
    """A server that replays recorded streams, and keeps their connections open after the last event."""

    base_url: str = ""
    body: bytes = b""
    ends: bool = False
    sent: asyncio.Event = attrs.Factory(asyncio.Event)
    gone: asyncio.Event = attrs.Factory(asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        most, _, last = self.body.rstrip(b"\n").rpartition(b"\n\n")
        await response.write(most + b"\n\n")
        await response.write(last + b"\n\n")
        self.sent.set()
        if self.ends:
            await response.write_eof()
            return response
        try:
            await asyncio.Event().wait()
        finally:
            self.gone.set()
        raise AssertionError("it waits for ever")


@pytest.fixture
async def replayer() -> AsyncIterator[Replayer]:
    replayer = Replayer()
    async with serve(replayer.answer, handler_cancellation=True) as replayer.base_url:
        yield replayer


def stream_of(client: AppClient, kind: str) -> EventStream[Any, Any]:
    if kind == "workflow":
        return client.workflows.stream({})
    return client.chat.stream("Hi?") if kind == "chat" else client.completions.stream({})


async def ended(run: EventStream[Any, Any]) -> None:
    """Wait for the end of a run, successful or not."""
    with contextlib.suppress(errors.ApiError, errors.RunFailed):
        await run.result()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("workflow", "wf_basic_streaming"),
        ("workflow", "err_wf_missing_required_input_hang"),
        ("chat", "chatflow_streaming"),
        ("chat", "chat_tts_autoplay_streaming"),
        ("chat", "chat_midfail_streaming"),
        ("completion", "chat_tts_autoplay_streaming"),
    ],
)
async def test_the_result_is_available_at_the_terminal_event(
    replayer: Replayer, kind: str, name: str
) -> None:
    replayer.body = recordings.load(name).body
    with frozen_time() as clock:
        async with app_client(replayer.base_url) as client:
            async with stream_of(client, kind) as run:
                await clock.at_once(ended(run))
            await clock.at_once(replayer.gone.wait())  # Its socket is closed.


@pytest.mark.parametrize(
    ("kind", "name"),
    [("chat", "chat_streaming"), ("chat", "agent_streaming"), ("completion", "completion_streaming")],
)
async def test_a_message_ends_with_the_body_or_after_a_second_of_silence(
    replayer: Replayer, kind: str, name: str
) -> None:
    replayer.body, replayer.ends = recordings.load(name).body, True
    with frozen_time() as clock:
        async with app_client(replayer.base_url) as client:
            async with stream_of(client, kind) as run:
                await clock.at_once(ended(run))
            replayer.ends = False
            replayer.sent.clear()
            async with stream_of(client, kind) as run:
                over = asyncio.create_task(ended(run))
                await clock.at_once(replayer.sent.wait())
                while not over.done():
                    await clock.settle()
                    clock.advance(LINGER / 10)
                await over
            await clock.at_once(replayer.gone.wait())
    assert LINGER <= clock.elapsed < 2 * LINGER
