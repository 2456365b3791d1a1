"""A proxy that buffers event streams is noticed, and logged once with the setting to change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dify_async import AppClient
from tests.support.clients import app_client
from tests.support.clock import Clock, frozen_time
from tests.support.families import stream_of
from tests.support.raw_server import PING, SSE, Paced, event, finished, node, started

MORE = {"message_id": "m", "conversation_id": "c"}
BEGIN = {"workflow": PING + started() + node(), "chatflow": PING + started(**MORE) + node()}
WARNING = "proxy_buffering off"


def end(kind: str, seconds: float) -> bytes:
    if kind == "workflow":
        return finished(elapsed_time=seconds)
    return finished(elapsed_time=seconds, outputs={"answer": ""}) + event("message_end", metadata={}, **MORE)


async def follow(
    client: AppClient, server: Paced, clock: Clock, kind: str, *parts: tuple[float, bytes]
) -> None:
    """Follow a run; before each part of its stream arrives, time passes while the caller waits."""
    stream: Any = stream_of(client, kind)
    waiting = asyncio.create_task(stream.__aenter__())
    known = len(server.calls)
    await server.until(lambda: len(server.calls) > known)
    is_open = False
    for pause, part in parts:
        await clock.settle()
        clock.advance(pause)
        server.give(part)
        await clock.at_once(waiting)
        for _ in range(part.count(b"data: ") - is_open):
            await clock.at_once(anext(stream))
        is_open = True
        waiting = asyncio.create_task(anext(stream, None))
    await clock.at_once(waiting)
    await clock.at_once(stream.aclose())


@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
@pytest.mark.parametrize("head_comes_first", [False, True])
async def test_events_that_arrive_together_after_a_silence_cause_a_warning(
    kind: str, head_comes_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    events = BEGIN[kind] + end(kind, 20)
    parts = [(0.1, SSE), (19.9, events)] if head_comes_first else [(20.0, SSE + events)]
    with Paced() as server, frozen_time() as clock:
        async with app_client(server.base_url) as client:
            await follow(client, server, clock, kind, *parts)
            await follow(client.for_user("bob"), server, clock, kind, *parts)
    assert caplog.text.count(WARNING) == 1


@pytest.mark.parametrize("kind", ["workflow", "chatflow"])
@pytest.mark.parametrize(
    ("pauses", "seconds"), [((0, 20), 20), ((60, 20), 20), ((3, 0), 3), ((0, 0), 20)], ids=str
)
async def test_streams_that_are_not_buffered_cause_no_warning(
    kind: str, pauses: tuple[float, float], seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    # Without a delay; after a queue; a short run; and a server whose clock is wrong.
    with Paced() as server, frozen_time() as clock:
        async with app_client(server.base_url) as client:
            parts = [(pauses[0], SSE + BEGIN[kind]), (pauses[1], end(kind, seconds))]
            await follow(client, server, clock, kind, *parts)
    assert WARNING not in caplog.text


async def test_a_slow_caller_causes_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with Paced() as server, frozen_time() as clock:
        async with app_client(server.base_url) as client:
            server.give(SSE + BEGIN["workflow"] + end("workflow", 20))
            async with client.workflows.stream({}) as run:
                clock.advance(20)
                await clock.at_once(run.result())
    assert WARNING not in caplog.text
