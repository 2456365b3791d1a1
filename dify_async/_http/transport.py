"""The only module that sends requests with aiohttp: one session per event loop."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import platform
import ssl as tls
import weakref
from collections.abc import AsyncGenerator, Hashable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
from yarl import URL

from dify_async._http.connection_settings import ConnectionSettings
from dify_async._http.connector import Connector, send_once
from dify_async._http.lifecycle import (
    close_soon,
    close_with_loop,
    discard_session,
    forget_in_forked_children,
)
from dify_async._http.loop_state import LoopState
from dify_async._http.proxy import proxy_for
from dify_async._http.request import Request
from dify_async._http.response import IncomingResponse
from dify_async._http.transport_errors import MAPPED, transport_error_from
from dify_async._http.uploads import LARGE, Form, form_body, json_body
from dify_async._version import __version__
from dify_async.errors import ConfigurationError
from dify_async.files import InputFile
from dify_async.models.files import UploadedFile

USER_AGENT: Final = (
    f"dify-async/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)

_KEEP_ALIVE: Final = 1.5
"""Seconds that an idle connection is kept. A default server closes it after 2.0 (recording:
`_connection_level`).
"""

_READ_BUFFER: Final = 2**16
_MAX_HEADER: Final = 2**16


class Transport:
    """The sessions of one client: one for each event loop in which it is used."""

    def __init__(self, settings: ConnectionSettings) -> None:
        _transports.add(self)
        self.settings = settings
        self.server_version: str | None = None
        """The last `X-Version` that the server sent."""
        self.closed = False
        self.has_warned_of_buffering = False
        """True if the warning about a proxy that buffers streams was logged."""
        self.uploaded: WeakKeyDictionary[InputFile, dict[Hashable, UploadedFile]] = WeakKeyDictionary()
        """Uploaded files, by app and end user."""
        self._states: dict[asyncio.AbstractEventLoop, LoopState] = {}
        self._proxy_secrets: tuple[str, ...] = ()

    def __getstate__(self) -> ConnectionSettings:
        return self.settings

    def __setstate__(self, settings: ConnectionSettings) -> None:
        Transport.__init__(self, settings)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that are masked in errors if a proxy sends them back."""
        return self._proxy_secrets

    @property
    def max_connections(self) -> int | None:
        """Maximum number of connections of the `session` that was passed. None for no limit."""
        session = self.settings.session
        connector = session.connector if session is not None else None
        if connector is None:
            return None
        # 0 means no limit.
        return min(filter(None, (connector.limit, connector.limit_per_host)), default=None)

    @property
    def has_one_connection(self) -> bool:
        """True if the `session` that was passed allows a single connection."""
        return self.max_connections == 1

    def slots_of(self, state: LoopState, key: Hashable) -> asyncio.Semaphore:
        """Return the concurrency slots of an API key or app.

        A session with a limited pool has slots for all keys together, one fewer than it has connections: the
        last connection is for stopping runs and reading their records.
        """
        slots = self.settings.max_concurrent
        if (connections := self.max_connections) is not None:
            slots, key = min(slots, max(1, connections - 1)), None
        return state.slots.setdefault(key, asyncio.Semaphore(slots))

    async def loop_state(self) -> LoopState:
        """Return the state in the running event loop; the first call in a loop creates it."""
        if self.closed:
            raise _client_closed()
        state = self._states.get(asyncio.get_running_loop())
        return state if state is not None else await self._new_state(asyncio.get_running_loop())

    @asynccontextmanager
    async def slot(self, key: Hashable) -> AsyncGenerator[LoopState, None]:
        """Hold one of the concurrency slots of an API key or app, and the client's `limiter`."""
        state = None if self.closed else self._states.get(asyncio.get_running_loop())
        state = state or await self.loop_state()
        settings = self.settings
        slots = state.slots.get(key) or self.slots_of(state, key)
        async with slots, settings.limiter() if settings.limiter is not None else nullcontext():
            if self.closed:  # Closed by another task while this one waited.
                raise _client_closed()
            yield state

    def forget(self) -> dict[asyncio.AbstractEventLoop, LoopState]:
        """Drop all states without closing them, and return them."""
        states, self._states = self._states, {}
        for state in states.values():
            state.dropped.detach()
        return states

    async def close(self) -> None:
        """Close the state in the running event loop. Other event loops close theirs when they end."""
        self.closed = True  # No new requests, but runs are still stopped by requests of this state.
        loop = asyncio.get_running_loop()
        state = self._states.get(loop)
        if state is None:
            return
        try:
            await state.finish()
        finally:
            if self._states.pop(loop, None) is not None:  # Otherwise another task has closed it.
                state.dropped.detach()
                await state.closing.aclose()

    async def send(
        self,
        request: Request,
        credentials: Mapping[str, str],
        *,
        read_timeout: float | None,
        is_stream: bool = False,
    ) -> IncomingResponse:
        """Send a request once, and return its response when the headers have arrived.

        Redirects are not followed: they could send the key to another server, or turn a POST into a GET.

        Raises:
            TransportError: no response arrived.
            ConfigurationError: the request cannot be sent.
        """
        state = self._states.get(asyncio.get_running_loop()) or await self.loop_state()
        proxy = state.proxy
        is_tunnelled = request.url.startswith("https:")
        if state.ssl is None and (is_tunnelled or proxy is not None):
            state.ssl = self._ssl()
        seconds = request.timeouts.read
        headers = {**credentials, **request.headers}
        if proxy is not None and not is_tunnelled:
            headers |= proxy.headers
        body: AbstractAsyncContextManager[aiohttp.Payload | None]
        if isinstance(request.data, Form):
            body = form_body(request.data, seconds)
        elif request.data is not None and len(request.data) > LARGE:
            body = nullcontext(json_body(request.data, seconds))
        else:
            body = nullcontext(None)
        async with body as payload:
            try:
                response = await state.session.request(
                    request.operation.method,
                    URL(request.url, encoded=True),
                    data=request.data if payload is None else payload,
                    # Plain str: tools that record requests may not support subclasses.
                    headers=dict(zip(headers, map(str, headers.values()), strict=True)),
                    allow_redirects=False,
                    raise_for_status=False,
                    proxy=proxy.url if proxy is not None else None,
                    proxy_headers=proxy.headers if proxy is not None and is_tunnelled else None,
                    ssl=state.ssl if state.ssl is not None else True,
                    timeout=_timeout(request.timeouts.connect, read_timeout, self.settings.session is None),
                )
            except MAPPED as exc:
                error = transport_error_from(
                    exc, request, is_stream=is_stream, server_version=self.server_version
                )
                raise error from error.__cause__
        self.server_version = response.headers.get("X-Version", "")[:50] or self.server_version
        if request.call is not None:
            request.call.status = response.status
            request.call.server_trace_id = response.headers.get("X-Trace-Id")
        # A proxy may drop or change the content type; only JSON and HTML are certainly not event streams.
        kind = response.content_type if is_stream and response.status == 200 else "text/html"
        may_stream = kind != "text/html" and "json" not in kind
        if may_stream:
            # From here on, the reader of the stream applies the timeouts, and only while it reads.
            protocol = response.connection.protocol if response.connection is not None else None
            if protocol is not None:
                protocol.read_timeout = None
                protocol.start_timeout()  # Stops the timer.
        return IncomingResponse(response.status, response.headers, may_stream, response, request)

    async def _new_state(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        self.discard_ended_loops()
        settings = self.settings
        proxy = proxy_for(settings.base_url, settings.proxy)
        self._proxy_secrets = proxy.secrets if proxy is not None else ()
        session = settings.session
        if session is None:
            session = aiohttp.ClientSession(
                connector=Connector(limit=0, keepalive_timeout=_KEEP_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=_READ_BUFFER,
                max_line_size=_MAX_HEADER,
                max_field_size=_MAX_HEADER,
                trace_configs=list(settings.trace_configs),
                middlewares=[send_once],
            )
        state: LoopState | None = None

        async def close() -> None:
            assert state is not None
            await state.finish()
            if settings.session is None:
                await state.session.close()

        closing = close_with_loop(close)
        await anext(closing)
        ours = session if settings.session is None else None
        dropped = weakref.finalize(self, _close_dropped, loop, closing, ours)
        dropped.atexit = False  # At exit, a running loop closes its streams first, and the session last.
        state = LoopState(session, proxy, closing, dropped)
        # Another task may have created the state while this one waited.
        found = self._states.setdefault(loop, state)
        if found is not state:
            dropped.detach()
            await closing.aclose()
        return found

    def discard_ended_loops(self) -> None:
        """Discard the state of event loops that were closed by hand."""
        for loop, state in list(self._states.items()):
            if loop.is_closed():
                self._states.pop(loop, None)
                state.dropped.detach()
                _discard(state.session if self.settings.session is None else None)

    def _ssl(self) -> tls.SSLContext | bool:
        if self.settings.ssl is not None:
            return self.settings.ssl
        if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
            # aiohttp reads these variables only once, when it is imported.
            return tls.create_default_context()
        return True


def _client_closed() -> ConfigurationError:
    return ConfigurationError(
        "the client is closed: create a new one, or reopen it with `async with`", about_client=True
    )


_transports: Final[WeakSet[Transport]] = WeakSet()


def _forget_all() -> list[dict[asyncio.AbstractEventLoop, LoopState]]:
    return [transport.forget() for transport in _transports]


forget_in_forked_children(_forget_all)


@atexit.register
def _discard_all_ended_loops() -> None:
    for transport in list(_transports):
        transport.discard_ended_loops()


def _close_dropped(
    loop: asyncio.AbstractEventLoop,
    closing: AsyncGenerator[None, None],
    session: aiohttp.ClientSession | None,
) -> None:
    """Close the session of a client that was garbage-collected."""
    if loop.is_closed():
        _discard(session)
    else:
        close_soon(loop, closing)


def _discard(session: aiohttp.ClientSession | None) -> None:
    """Discard one of our sessions whose event loop was closed by hand."""
    if session is not None and not session.closed:
        connector = session.connector
        discard_session(session, list(connector.transports) if isinstance(connector, Connector) else ())


@functools.lru_cache(maxsize=64)
def _timeout(connect: float, read: float | None, is_ours: bool) -> aiohttp.ClientTimeout:
    if is_ours:
        return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)
    # aiohttp's `connect` includes waiting for the pool, which is limited only in custom sessions.
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)
