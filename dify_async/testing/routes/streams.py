"""Event streams: live events, pings and faults."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Sequence

from aiohttp import web

from dify_async.testing.engine.events import PING, encoded, for_web
from dify_async.testing.faults import Cut, Silence
from dify_async.testing.routes.call import Call
from dify_async.testing.scenario import Workflow
from dify_async.testing.state.runs import EventJson, FakeTask


async def stream(
    call: Call, events: AsyncGenerator[bytes, None] | None = None, first: Sequence[bytes] = ()
) -> web.StreamResponse:
    """Send a stream. As in Dify, its headers are sent with the first event."""
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
    call: Call, task: FakeTask, queue: asyncio.Queue[EventJson], *, continue_on_pause: bool = False
) -> AsyncGenerator[bytes, None]:
    """Yield live events, with pings in between; then wait as long as Dify keeps the stream open."""
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), call.state.ping_every)
        except TimeoutError:
            yield PING
            continue
        yield encoded(for_web(event) if call.on_web else event)
        if task.is_last(event) and not (continue_on_pause and event["event"] == "workflow_paused"):
            await asyncio.sleep(_lingering(call, event))
            return


async def pings_only(call: Call) -> AsyncGenerator[bytes, None]:
    """Yield pings until the server gives up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(call.state.silence):
            while True:
                yield PING
                await asyncio.sleep(call.state.ping_every)


async def until_last(task: FakeTask, queue: asyncio.Queue[EventJson]) -> None:
    """Wait for the event that ends a stream."""
    while not task.is_last(await queue.get()):
        pass


def _lingering(call: Call, event: EventJson) -> float:
    """Return the seconds that a stream stays open after its last event."""
    app, state = call.state.app, call.state
    if isinstance(app, Workflow):
        if event["event"] == "workflow_finished" and event["task_id"] == event["workflow_run_id"]:
            return 0  # Rejected inputs since 1.15 (recording: `116_wf_missing_required_streaming`).
        return state.silence if event["event"] == "error" else state.tail
    return 0 if app.end_of_body or event["event"] == "error" else state.silence


class _Pipe:
    """Writes a stream to its client, and applies its fault."""

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
