"""Forwarding of streams that the fake server does not produce."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from dify_async.asgi import event_json
from dify_async.asgi.forwarding import Forwarder
from dify_async.asgi.rendering import Events
from dify_async.events import Message


class Endless:
    """A stream that never ends."""

    run_id = None
    on_ping: Any = None

    def __init__(self) -> None:
        self.fills = 0
        self.is_left = False
        self._pending = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_left = True

    def take(self) -> Message | None:
        self._pending, left = 0, self._pending
        return Message(answer="x") if left else None

    async def fill(self) -> bool:
        await asyncio.sleep(0)
        self.fills += 1
        self._pending = 1
        return True


async def test_a_slow_client_slows_the_stream_down() -> None:
    stream: Any = Endless()
    async with Forwarder(stream, Events(event_json), start_within=5, for_event_source=False) as forwarder:
        for _ in range(5):
            await anext(forwarder)
        before = stream.fills
        for _ in range(100):
            await asyncio.sleep(0)
        assert stream.fills <= before + 2
        assert not stream.is_left
    assert stream.is_left
