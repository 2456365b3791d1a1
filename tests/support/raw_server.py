"""A server of raw bytes in its own thread, for invalid responses, and for both client families."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

import attrs

from dify_async.testing.server import stop_accepting
from tests.support.limits import HANGS_AFTER

RUN: Final = "11111111-1111-4111-8111-111111111111"
TASK: Final = "22222222-2222-4222-8222-222222222222"
SSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PING: Final = b"event: ping\n\n"


def event(name: str, data: Any = None, *, run: Any = RUN, **more: Any) -> bytes:
    """Return an event as Dify sends it."""
    fields = {"event": name, "task_id": TASK, "workflow_run_id": run, **more}
    return (
        b"data: " + json.dumps({**fields, **({"data": data} if data is not None else {})}).encode() + b"\n\n"
    )


def started(run: Any = RUN, **more: Any) -> bytes:
    """Return the first event of a run."""
    return event("workflow_started", {"id": run, "workflow_id": "w"}, run=run, **more)


def finished(run: Any = RUN, **fields: Any) -> bytes:
    """Return the terminal event of a run."""
    data = {"id": run, "workflow_id": "w", "status": "succeeded", "outputs": {"a": "b"}, "elapsed_time": 1.0}
    return event("workflow_finished", {**data, "total_tokens": 5, "total_steps": 1, **fields}, run=run)


def node(node_id: str = "n1") -> bytes:
    """Return the event of a node that has started."""
    return event("node_started", {"id": node_id, "node_id": node_id, "title": "T", "node_type": "llm"})


def record(run: str = RUN, **fields: Any) -> dict[str, Any]:
    """Return the record of a run."""
    values = {"id": run, "workflow_id": "w", "status": "succeeded", "outputs": {"a": "b"}, "error": None}
    return {**values, "total_steps": 1, "total_tokens": 5, "elapsed_time": 1.0, **fields}


def answer(body: Any, status: str = "200 OK", headers: str = "") -> bytes:
    """Return a response with a JSON body, or with bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "" if "content-type" in headers.lower() else "Content-Type: application/json\r\n"
    return f"HTTP/1.1 {status}\r\n{kind}Content-Length: {len(data)}\r\n{headers}\r\n".encode() + data


@attrs.frozen(eq=False)
class Call:
    """A request that has arrived, and the connection that it came over."""

    method: str
    path: str
    head: bytes
    body: bytes
    connection: int
    """Number of the connection, counted from 1."""
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_closed(self) -> None:
        """Wait until the client closes the connection."""
        with contextlib.suppress(OSError):
            while await self._reader.read(2**16):
                pass


Handler = Callable[[Call], Awaitable[object]]


class RawServer:
    """Calls `handler` for each request. A connection stays open if the handler returns True.

    With `reads=False`, it reads the heads of requests and not their bodies. Without being asked it answers what most handlers do not care about: a stop, and the form of an app.
    """

    def __init__(self, handler: Handler, *, tls: ssl.SSLContext | None = None, reads: bool = True) -> None:
        self._handler = handler
        self._tls = tls
        self._reads = reads
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self.calls: list[Call] = []
        self.connections = 0
        """Connections so far."""
        self.open = 0
        """Connections that are open."""

    @property
    def base_url(self) -> str:
        """The address for a client."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    def count(self, part: str) -> int:
        """Return the number of requests whose method and path contain this."""
        return sum(part in f"{call.method} {call.path}" for call in list(self.calls))

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition on what has arrived is true; return False if it never is."""
        with self._changed:
            return self._changed.wait_for(condition, HANGS_AFTER)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition in an event loop; fail if it is never true."""
        assert await asyncio.to_thread(self.wait_for, condition)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        assert self._ready.wait(HANGS_AFTER)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(HANGS_AFTER)

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # Connections that a client resets.
        limit = 2**24 if self._reads else 2**16
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=limit, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        await stop_accepting(
            server.sockets[0].fileno()
        )  # All connections have tasks now, which are cancelled.
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self.connections += 1
            self.open += 1
            number = self.connections
            self._changed.notify_all()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while await self._answer(reader, writer, number):
                    await writer.drain()
                await writer.drain()
        finally:
            writer.close()
            await asyncio.sleep(0)  # Until the socket is closed.
            await asyncio.sleep(0)
            with self._changed:
                self.open -= 1
                self._changed.notify_all()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path = head.split(b"\r\n")[0].decode("latin-1").split(" ")[:2]
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length and self._reads else b""
        call = Call(method, path, head, body, number, reader, writer)
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
        if path.endswith("/stop"):
            writer.write(answer({"result": "success"}))
            return True
        if "/parameters" in path:
            writer.write(answer({"user_input_form": []}))
            return True
        return bool(await self._handler(call))


class Paced(RawServer):
    """A server that sends a stream in parts, each when a test asks for it."""

    def __init__(self) -> None:
        super().__init__(self._send_parts)
        self._parts: deque[bytes] = deque()
        self.given = -1
        """Number of parts that were sent after the first one."""
        self._given = threading.Semaphore(0)

    def give(self, part: bytes) -> None:
        """Send the next part of the stream."""
        self._parts.append(part)
        self._given.release()

    async def _send_parts(self, call: Call) -> None:
        part = b""
        while b"workflow_finished" not in part:
            await asyncio.to_thread(self._given.acquire, timeout=HANGS_AFTER)
            part = self._parts.popleft()
            await call.send(part)
            with self._changed:
                self.given += 1
                self._changed.notify_all()
