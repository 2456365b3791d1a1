"""A run is over for its reader at its last event, however long the server keeps the connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web

from dify_async import AppClient, EventStream, errors
from dify_async._wire.results import LINGER
from tests.support import recordings

AT_ONCE = 0.05
"""Seconds."""


@attrs.define
class Replayer:
    """A server that replays recorded streams, and keeps their connections open after the last event."""

    base_url: str = ""
    body: bytes = b""
    ends: bool = False
    last_event_at: float = 0.0
    gone: asyncio.Event = attrs.Factory(asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        most, _, last = self.body.rstrip(b"\n").rpartition(b"\n\n")
        await response.write(most + b"\n\n")
        self.last_event_at = time.monotonic()
        await response.write(last + b"\n\n")
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
    server = web.Server(replayer.answer, handler_cancellation=True)  # type: ignore[arg-type]
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    replayer.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield replayer
    await runner.cleanup()


def stream_of(client: AppClient, kind: str) -> EventStream[Any, Any]:
    if kind == "workflow":
        return client.workflows.stream({})
    return client.chat.stream("Hi?") if kind == "chat" else client.completions.stream({})


async def seconds_to_the_result(replayer: Replayer, kind: str) -> float:
    async with AppClient("app-x", user="ada", base_url=replayer.base_url) as client:
        async with stream_of(client, kind) as run:
            with contextlib.suppress(errors.ApiError, errors.RunFailed):  # An end that the server told.
                await run.result()
        took = time.monotonic() - replayer.last_event_at
        if not replayer.ends:
            await asyncio.wait_for(replayer.gone.wait(), 1)  # Its socket is closed.
    return took


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
async def test_the_result_is_there_at_the_last_event(replayer: Replayer, kind: str, name: str) -> None:
    replayer.body = recordings.load(name).body
    # The machine may be busy once, and not three times.
    assert min([await seconds_to_the_result(replayer, kind) for _ in range(3)]) < AT_ONCE


@pytest.mark.parametrize(
    ("kind", "name"),
    [("chat", "chat_streaming"), ("chat", "agent_streaming"), ("completion", "completion_streaming")],
)
async def test_a_message_is_over_with_its_body_or_a_second_of_silence(
    replayer: Replayer, kind: str, name: str
) -> None:
    replayer.body, replayer.ends = recordings.load(name).body, True
    assert min([await seconds_to_the_result(replayer, kind) for _ in range(3)]) < AT_ONCE
    replayer.ends = False
    assert LINGER <= await seconds_to_the_result(replayer, kind) < 2 * LINGER
