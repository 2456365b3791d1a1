"""Event streams of a FakeDify: events as they come, pings in between, and faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from aiohttp import web

from dify_async.testing.answers import EventJson, for_web, written
from dify_async.testing.calls import Call
from dify_async.testing.generations import FakeGeneration
from dify_async.testing.runs import FakeRun
from dify_async.testing.script import Cut, Silence

PING: Final = b"event: ping\n\n"


async def stream(
    call: Call, events: AsyncGenerator[bytes, None] | None = None, first: Sequence[bytes] = ()
) -> web.StreamResponse:
    """Answer with a stream. Its head is sent with its first event, as Dify does."""
    response = web.StreamResponse(
        headers={**call.headers, "Content-Type": "text/event-stream; charset=utf-8"}
    )
    response.enable_chunked_encoding()
    pipe = _Pipe(call, response)
    for line in first:
        await pipe.write(line)
    if events is not None:
        async with contextlib.aclosing(events):
            async for line in events:
                await pipe.write(line)
                if pipe.ended:
                    return response
    if not pipe.ended:
        await response.write_eof()
    return response


async def live(
    call: Call,
    task: FakeRun | FakeGeneration,
    queue: asyncio.Queue[EventJson],
    *,
    continue_on_pause: bool = False,
) -> AsyncGenerator[bytes, None]:
    """Give events as they come, pings in between, and what comes after the last: nothing, for a while."""
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), call.fake.ping_every)
        except TimeoutError:
            yield PING
            continue
        yield written(for_web(event) if call.on_web else event)
        if task.is_last(event) and not (continue_on_pause and event["event"] == "workflow_paused"):
            await asyncio.sleep(_lingering(call, task, event))
            return


def _lingering(call: Call, task: FakeRun | FakeGeneration, event: EventJson) -> float:
    """Give the seconds that a stream stays open after its last event."""
    if isinstance(task, FakeGeneration):
        return 0 if task.app.end_of_body or event["event"] == "error" else call.fake.silence
    return call.fake.silence if event["event"] == "error" else call.fake.tail


class _Pipe:
    """Writes a stream to its client, up to the fault that it is to meet."""

    def __init__(self, call: Call, response: web.StreamResponse) -> None:
        self._request = call.request
        self._response = response
        self._fault = call.fault
        self._bytes = 0
        self._events = 0
        self.ended = False

    async def write(self, line: bytes) -> None:
        if self.ended:
            return
        if not self._response.prepared:
            await self._response.prepare(self._request)
        fault = self._fault
        if isinstance(fault, Silence) and self._events >= fault.after_events:
            await asyncio.Event().wait()
        if isinstance(fault, Cut):
            if fault.at_byte is not None and self._bytes + len(line) > fault.at_byte:
                await self._send(line[: fault.at_byte - self._bytes])
                await self._cut(fault)
                return
            if fault.after_events is not None and line != PING and self._events >= fault.after_events:
                await self._cut(fault)
                return
        await self._send(line)
        self._events += line != PING

    async def _send(self, data: bytes) -> None:
        self._bytes += len(data)
        if data:
            await self._response.write(data)

    async def _cut(self, fault: Cut) -> None:
        self.ended = True
        transport = self._request.transport
        if fault.how == "end" or transport is None:
            await self._response.write_eof()
            return
        sock = transport.get_extra_info("socket")
        if fault.how == "reset" and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
