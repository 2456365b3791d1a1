"""Connections in memory, which replace `aiohttp.ClientSession`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, Protocol

import aiohttp
import attrs
from multidict import CIMultiDict
from yarl import URL

FOR_EVER: Final = 1e9


@attrs.frozen
class Sent:
    """A request as the server sees it."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@attrs.frozen(kw_only=True)
class Reply:
    """How the server treats a request."""

    refused: bool = False
    """No connection is made."""
    after: float = 0.0
    """Seconds until the headers arrive."""
    vanishes: bool = False
    """The connection breaks instead of an answer."""
    status: int = 200
    headers: dict[str, str] = attrs.Factory(dict)
    body: bytes | Callable[[Response], None] = b""
    """All of the body, or what sends it."""


class Server(Protocol):
    """Answers requests."""

    def handle(self, request: Sent) -> Reply:
        """Receive a request, at the moment of its arrival."""


class _Protocol:
    """The part of a connection that a response of aiohttp uses."""

    connected = True
    _reading_paused = False

    def __init__(self, expire: Callable[[], None], read_timeout: float | None) -> None:
        self.read_timeout = read_timeout
        self._expire = expire
        self._timer: asyncio.TimerHandle | None = None

    def start_timeout(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.read_timeout is not None:
            self._timer = asyncio.get_running_loop().call_later(self.read_timeout, self._expire)

    def stop_timeout(self) -> None:
        self.read_timeout = None
        if self._timer is not None:
            self._timer.cancel()

    def pause_reading(self) -> None: ...
    def resume_reading(self, **_: object) -> None: ...


class Response:
    """A response whose body arrives in parts; replaces `aiohttp.ClientResponse`."""

    def __init__(
        self, reply: Reply, read_timeout: float | None, released: Callable[[Response], None]
    ) -> None:
        self.status = reply.status
        self.headers = CIMultiDict({"Content-Type": "application/json", **reply.headers})
        self.content_type = self.headers["Content-Type"]
        self.protocol = _Protocol(self._expire, read_timeout)
        self.content = aiohttp.StreamReader(
            self.protocol,  # type: ignore[arg-type]
            2**16,
            loop=asyncio.get_running_loop(),
        )
        self.is_open = True
        """False when the server or the client has ended it."""
        self._released = released
        self.protocol.start_timeout()

    @property
    def connection(self) -> Response | None:
        return self if self.is_open else None

    # The server's side

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        if self.is_open:
            self.protocol.start_timeout()
            self.content.feed_data(data)

    def finish(self) -> None:
        """End the body normally."""
        if self._end():
            self.content.feed_eof()

    def cut(self, error: Exception | None = None) -> None:
        """Break the connection."""
        if self._end():
            self.content.set_exception(error or aiohttp.ClientPayloadError("not enough data"))

    # The client's side

    def close(self) -> None:
        if self._end():
            asyncio.get_running_loop().call_soon(self._lose)

    def _lose(self) -> None:
        if self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientConnectionError("Connection closed"))

    def _expire(self) -> None:
        self.cut(aiohttp.SocketTimeoutError("Timeout on reading data from socket"))

    def _end(self) -> bool:
        was_open, self.is_open = self.is_open, False
        self.protocol.stop_timeout()
        if was_open:
            self._released(self)
        return was_open


class Session:
    """Passes requests to a server in the same process; replaces `aiohttp.ClientSession`."""

    __class__ = property(lambda _: aiohttp.ClientSession)  # type: ignore[assignment]
    auth = None

    def __init__(self, server: Server, limit: int = 0) -> None:
        self._server = server
        self._pool = asyncio.Semaphore(limit or 10**6)
        self.connector = SimpleNamespace(limit=limit, limit_per_host=0)
        self.headers: dict[str, str] = {}
        self.closed = False
        self.open: set[object] = set()
        """Connections that are in use."""

    async def request(
        self,
        method: str,
        url: URL,
        *,
        data: bytes | aiohttp.Payload | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
        **_: object,
    ) -> Response:
        """Send a request; return its response when the headers have arrived."""
        await self._pool.acquire()
        connection = object()
        self.open.add(connection)
        try:
            if self.closed:
                raise RuntimeError("Session is closed")
            body = json.loads(data.decode()) if data is not None else None
            reply = self._server.handle(Sent(method, url.path, dict(url.query), body, headers))
            if reply.refused:
                key: Any = SimpleNamespace(host="dify", port=443, ssl=True, is_ssl=True)
                raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))
            if reply.after:
                await self._wait(reply.after, timeout.sock_read)
            if reply.vanishes:
                raise aiohttp.ServerDisconnectedError
            if self.closed:
                raise aiohttp.ClientConnectionError("Connection closed")
            response = Response(reply, timeout.sock_read, self._release)
        except BaseException:
            self._release(connection)
            raise
        self.open.remove(connection)
        self.open.add(response)
        if isinstance(reply.body, bytes):
            response.feed(reply.body)
            response.finish()
        else:
            reply.body(response)
        return response

    async def close(self) -> None:
        """Close all connections, as the owner of a session may do."""
        self.closed = True
        for response in list(self.open):
            if isinstance(response, Response):
                response.cut(aiohttp.ClientConnectionError("Connection closed"))

    async def _wait(self, seconds: float, most: float | None) -> None:
        try:
            async with asyncio.timeout(most):
                await asyncio.sleep(seconds)
        except TimeoutError:
            raise aiohttp.SocketTimeoutError("Timeout on reading data from socket") from None

    def _release(self, connection: object) -> None:
        self.open.discard(connection)
        self._pool.release()
