"""A reverse proxy for a FakeDify that breaks TCP connections at any byte."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

import attrs

from dify_async.testing import FakeDify

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"

_START = re.compile(rb"POST /\w+/(workflows/run|chat-messages|completion-messages) ")

Stage = Literal["accepted", "head", "request", "begun", "answered", "answer_head", "page"]


@attrs.frozen
class Break:
    """How one connection breaks. Connections without a break end normally."""

    stage: Stage
    """`accepted`: before a byte was read. `head`: after the head of the request was read, without its body.
    `request`: after all of it was read, and nothing was passed on. `begun`: after the server has begun to
    answer, and nothing was passed back. `answered`: after so many `bytes` of the answer. `answer_head`: after
    the head of the answer. `page`: a page of the proxy is sent in place of the server's answer."""
    bytes: int = 1
    status: int = 502
    reset: bool = False
    """True to end the connection by a TCP reset, which may overtake data that was sent."""


@attrs.define
class Front:
    """The address for clients, and the received requests."""

    base_url: str
    breaks: list[Break] = attrs.Factory(list[Break])
    heads: list[bytes] = attrs.Factory(list[bytes])
    """The head of every request that was read."""

    @property
    def starts(self) -> int:
        """Number of received requests that start a run or an answer."""
        return sum(bool(_START.match(head)) for head in self.heads)

    def count(self, start: bytes) -> int:
        """Return the number of requests that start with these bytes, such as `b"POST /v1/workflows/run "`."""
        return sum(head.startswith(start) for head in self.heads)


@asynccontextmanager
async def front_of(dify: FakeDify, port: int = 0) -> AsyncIterator[Front]:
    """Start a proxy for the server. At the end of the block, its connections break and it stops listening."""
    target = urlsplit(dify.base_url)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        broken = front.breaks.pop(0) if front.breaks else None
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _pass(front, reader, writer, target.hostname, target.port, broken)
        finally:
            if broken is not None and broken.reset and broken.stage != "page":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            else:
                writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    front = Front(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    async with server:
        yield front
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _pass(
    front: Front,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str | None,
    port: int | None,
    broken: Break | None,
) -> None:
    stage = broken.stage if broken is not None else None
    if stage == "accepted":
        return
    request = head = await reader.readuntil(b"\r\n\r\n")
    front.heads.append(head)
    if stage == "head":
        return
    request += await _body(head, reader)
    if stage == "request":
        return
    upstream, to_server = await asyncio.open_connection(host, port)
    try:
        if broken is None:
            to_server.write(request)
            await _pass_whole(front, reader, writer, upstream, to_server)
            return
        to_server.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        answer = await upstream.readuntil(b"\r\n\r\n")
        if stage == "page":
            writer.write(
                b"HTTP/1.1 %d x\r\ncontent-type: text/html\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (broken.status, len(PAGE), PAGE)
            )
        elif stage == "answer_head":
            writer.write(answer)
        elif stage == "answered":
            while len(answer) < broken.bytes and (more := await upstream.read(2**16)):
                answer += more
            writer.write(answer[: broken.bytes])
        await writer.drain()
    finally:
        to_server.close()


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        return await reader.readuntil(b"\r\n0\r\n\r\n")
    return await reader.readexactly(int(headers.get(b"content-length", 0)))


async def _pass_whole(
    front: Front,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    upstream: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> None:
    async def down() -> None:
        with contextlib.suppress(OSError):
            while data := await upstream.read(2**16):
                writer.write(data)
                await writer.drain()
        writer.close()

    answers = asyncio.create_task(down())
    try:
        while data := await reader.read(2**16):
            if data.startswith((b"GET ", b"POST ", b"PUT ", b"DELETE ")):
                front.heads.append(data.partition(b"\r\n\r\n")[0])
            to_server.write(data)
    finally:
        answers.cancel()
        await asyncio.wait([answers])
