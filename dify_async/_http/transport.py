"""The only module that sends with aiohttp: one session per event loop, requests out, responses in."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import platform
import re
import select
import socket
import ssl as tls
import weakref
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
import attrs
from yarl import URL

from dify_async._http.lifecycle import (
    close_soon,
    close_with_loop,
    discard_session,
    forget_in_forked_children,
)
from dify_async._http.proxy import Proxy, proxy_at, proxy_for
from dify_async._http.redaction import Secret, hidden
from dify_async._http.request import Request
from dify_async._http.transport_errors import MAPPED, reason_of, transport_error_from
from dify_async._http.uploads import Form, form_body, json_body
from dify_async._version import __version__
from dify_async.errors import ConfigurationError, TooLarge
from dify_async.files import InputFile
from dify_async.models import UploadedFile

USER_AGENT: Final = (
    f"dify-async/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)

LEAVING: Final = 2.0
"""Seconds that leaving a run may take in all: learning its task id, and asking the server to stop it."""

_KEEP_ALIVE: Final = 1.5
"""Seconds that an idle connection is kept. A stock server closes it at 2.0 (recording:
`_connection_level`).
"""

_PROBES: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 5}
"""TCP keep-alive: seconds until the first probe, seconds between two, and the number of unanswered probes
after which the connection is lost."""

_READ_BUFFER: Final = 2**16
_LONGEST_HEADER: Final = 2**16

Limiter: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]


def _positive_int(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"`{attribute.name}` must be an int of 1 or more, got {value!r:.100}")


def _callable_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(
            f"`{attribute.name}` must be a callable that returns an async context manager, got {value!r:.100}"
        )


def _session_or_none(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, aiohttp.ClientSession):
        raise ConfigurationError(
            f"`{attribute.name}` must be an aiohttp.ClientSession, got {type(value).__name__}"
        )
    if value.closed:
        raise ConfigurationError("`session` is closed: pass one that is open")
    if value.auth is not None:
        raise ConfigurationError(
            "`session` must not have auth=: it would replace the Authorization header of Dify"
        )
    if "Content-Type" in value.headers:
        raise ConfigurationError(
            "`session` must not have a Content-Type header: uploads would be sent with it"
        )


def _context_or_bool(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, (bool, tls.SSLContext)):
        raise ConfigurationError(
            f"`{attribute.name}` must be an ssl.SSLContext or a bool, got {type(value).__name__}"
        )


def _trace_configs(value: object) -> tuple[aiohttp.TraceConfig, ...]:
    found = tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(one, aiohttp.TraceConfig) for one in found):
        raise ConfigurationError("`trace_configs` must be a list of aiohttp.TraceConfig")
    return found


def _proxy_setting(value: object) -> Secret | None:
    if value is None:
        return None
    proxy_at(value, "proxy=")
    return Secret(value)


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """How a client connects to its server."""

    base_url: str
    max_concurrent: int = attrs.field(default=100, validator=_positive_int)
    session: aiohttp.ClientSession | None = attrs.field(default=None, validator=_session_or_none)
    proxy: str | None = attrs.field(default=None, converter=_proxy_setting)
    ssl: tls.SSLContext | bool | None = attrs.field(default=None, validator=_context_or_bool)
    trace_configs: Sequence[aiohttp.TraceConfig] = attrs.field(default=(), converter=_trace_configs)
    limiter: Limiter | None = attrs.field(default=None, validator=_callable_or_none)
    max_event_bytes: int = attrs.field(default=64 * 2**20, validator=_positive_int)

    def __getstate__(self) -> dict[str, Any]:
        unpicklable = {
            "session": self.session is not None,
            "ssl": isinstance(self.ssl, tls.SSLContext),
            "trace_configs": bool(self.trace_configs),
            "limiter": self.limiter is not None,
        }
        for name, is_set in unpicklable.items():
            if is_set:
                raise ConfigurationError(
                    f"a client with {name}= cannot be pickled: create it in the process that uses it"
                )
        return {field.name: getattr(self, field.name) for field in attrs.fields(ConnectionSettings)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


class OpenStream(Protocol):
    """A stream that must be closed before the session is."""

    async def close_with_client(self) -> None:
        """Stop the run, and let its reader end with an error."""
        ...


@attrs.define(eq=False)
class LoopState:
    """The state of a client in one event loop."""

    session: aiohttp.ClientSession
    proxy: Proxy | None
    ssl: tls.SSLContext | bool
    closing: AsyncGenerator[None, None]
    """Closes the session; the event loop does so at its end."""
    dropped: weakref.finalize[Any, Any]
    """Closes the session when nothing refers to the client any more."""
    slots: dict[Hashable, asyncio.Semaphore] = attrs.Factory(dict[Hashable, asyncio.Semaphore])
    """Concurrency slots, by API key or app."""
    locks: WeakKeyDictionary[object, asyncio.Lock] = attrs.Factory(WeakKeyDictionary[object, asyncio.Lock])
    """Held while something is fetched that many may share: the upload of a file, the passport of a user."""
    tasks: set[asyncio.Task[Any]] = attrs.Factory(set[asyncio.Task[Any]])
    """Background tasks."""
    streams: set[OpenStream] = attrs.Factory(set[OpenStream])
    """Streams that are open."""

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Start a task and keep it until it ends: an event loop keeps only weak references to its tasks."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def finish(self) -> None:
        """Close open streams, and wait for background tasks: at most as long as leaving a run may take.

        What a custom limiter raises hinders no other stream, and is raised at the end.
        """
        closing = (stream.close_with_client() for stream in list(self.streams))
        ends = await asyncio.gather(*closing, return_exceptions=True)
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=LEAVING)
        for end in ends:
            if end is not None:
                raise end


@attrs.frozen(eq=False)
class IncomingResponse:
    """A response whose headers have arrived, and whose body is read in chunks."""

    status: int
    headers: Mapping[str, str]
    _response: aiohttp.ClientResponse = attrs.field(repr=False)
    _request: Request = attrs.field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self._response.content_type

    async def read_chunk(self) -> bytes:
        """Return what has arrived, or wait for more. Empty at the end of the body.

        Raises:
            Interrupted: `interrupt` was called.
            TransportError: the connection broke, or `Timeouts.read` expired.
        """
        try:
            return await self._response.content.readany()
        except Interrupted:
            raise
        except MAPPED as exc:
            error = transport_error_from(exc, self._request)
            raise error from error.__cause__

    async def read(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            TransportError: the connection broke, or `Timeouts.read` expired.
            TooLarge: the body has more bytes than `limit`.
        """
        chunks: list[bytes] = []
        size = 0
        content = self._response.content
        try:
            while chunk := await content.readany():
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise TooLarge(limit, operation=self._request.operation.name)  # noqa: TRY301 - closed below
        except MAPPED as exc:
            self._response.close()
            error = transport_error_from(exc, self._request)
            raise error from error.__cause__
        except BaseException:
            self._response.close()
            raise
        return b"".join(chunks)

    def disable_read_timeout(self) -> None:
        """Read the body without the timeout under which the headers were awaited."""
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.read_timeout = None
            connection.protocol.start_timeout()  # Stops the timer that runs.

    def interrupt(self) -> None:
        """Let the task that waits in `read_chunk` raise `Interrupted`."""
        self._response.content.set_exception(Interrupted())

    def take_buffered(self) -> bytes:
        """Return what has arrived and was not read, also behind an error."""
        # aiohttp raises a stored error before it hands out its buffer, so the error is removed first.
        content = self._response.content
        if content.exception() is not None:
            content.set_exception(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return content.read_nowait()

    def close(self) -> None:
        """Close the connection. It is not drained: the server may keep a stream open for minutes."""
        self._response.close()


class Interrupted(RuntimeError):
    """Waiting for a chunk was ended by `IncomingResponse.interrupt`."""


class Transport:
    """The sessions of one client, one for each event loop that it is used in."""

    def __init__(self, settings: ConnectionSettings) -> None:
        _transports.add(self)
        self.settings = settings
        self.server_version: str | None = None
        """The last `X-Version` that the server sent."""
        self.closed = False
        self.has_warned_of_buffering = False
        """Whether a proxy was noticed that buffers streams."""
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
        """What no error shows if a proxy sends it back."""
        return self._proxy_secrets

    @property
    def max_connections(self) -> int | None:
        """How many connections the session that was passed allows at a time; None means any number."""
        session = self.settings.session
        connector = session.connector if session is not None else None
        if connector is None:
            return None
        # 0 means no limit.
        return min(filter(None, (connector.limit, connector.limit_per_host)), default=None)

    @property
    def has_one_connection(self) -> bool:
        """Whether the session that was passed allows a single connection at a time."""
        return self.max_connections == 1

    def slots_of(self, state: LoopState, key: Hashable) -> asyncio.Semaphore:
        """Return the concurrency slots of an API key or app.

        A session with a limited pool has slots for all keys together, one fewer than it has connections:
        while runs are streamed, they are stopped and read over the last one.
        """
        slots = self.settings.max_concurrent
        if (connections := self.max_connections) is not None:
            slots, key = min(slots, max(1, connections - 1)), None
        return state.slots.setdefault(key, asyncio.Semaphore(slots))

    async def loop_state(self) -> LoopState:
        """Return the state in the running event loop; create it at the first call there."""
        if self.closed:
            raise ConfigurationError(
                "the client is closed: create another, or open it again with `async with`",
                about_client=True,
            )
        state = self._states.get(asyncio.get_running_loop())
        return state if state is not None else await self._new_state(asyncio.get_running_loop())

    def forget(self) -> dict[asyncio.AbstractEventLoop, LoopState]:
        """Drop all state without closing it, and return it."""
        states, self._states = self._states, {}
        for state in states.values():
            state.dropped.detach()
        return states

    async def close(self) -> None:
        """Close what the client has in the running event loop; other loops close their own when they end."""
        self.closed = True  # Nothing more is opened, but runs are still stopped: by requests in this state.
        loop = asyncio.get_running_loop()
        state = self._states.get(loop)
        if state is None:
            return
        try:
            await state.finish()
        finally:
            self._states.pop(loop, None)
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

        Redirects are not followed: they would send the key elsewhere, or turn a POST into a GET.

        Raises:
            TransportError: no response arrived.
            ConfigurationError: the request cannot be sent.
        """
        state = self._states.get(asyncio.get_running_loop()) or await self.loop_state()
        proxy = state.proxy
        is_tunnelled = request.url.startswith("https:")
        seconds = request.timeouts.read
        async with (
            form_body(request.data, seconds)
            if isinstance(request.data, Form)
            else nullcontext(request.data and json_body(request.data, seconds)) as data
        ):
            try:
                response = await state.session.request(
                    request.operation.method,
                    URL(request.url, encoded=True),
                    data=data,
                    # Plain strings: those who record requests do not know subclasses of str.
                    headers={
                        name: str(value)
                        for headers in (
                            credentials,
                            request.headers,
                            proxy.headers if proxy is not None and not is_tunnelled else {},
                        )
                        for name, value in headers.items()
                    },
                    allow_redirects=False,
                    raise_for_status=False,
                    proxy=proxy.url if proxy is not None else None,
                    proxy_headers=proxy.headers if proxy is not None and is_tunnelled else None,
                    ssl=state.ssl,
                    timeout=_timeout(request.timeouts.connect, read_timeout, self.settings.session is None),
                )
            except MAPPED as exc:
                error = transport_error_from(
                    exc, request, is_stream=is_stream, server_version=self.server_version
                )
                raise error from error.__cause__
        self.server_version = response.headers.get("X-Version", "")[:50] or self.server_version
        return IncomingResponse(response.status, response.headers, response, request)

    async def _new_state(self, loop: asyncio.AbstractEventLoop) -> LoopState:
        self.discard_ended_loops()
        settings = self.settings
        proxy = proxy_for(settings.base_url, settings.proxy)
        self._proxy_secrets = proxy.secrets if proxy is not None else ()
        session = settings.session
        if session is None:
            session = aiohttp.ClientSession(
                connector=_Connector(
                    limit=0, keepalive_timeout=_KEEP_ALIVE, socket_factory=_keep_alive_socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=_READ_BUFFER,
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
                trace_configs=list(settings.trace_configs),
                middlewares=[_send_once],
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
        dropped.atexit = False
        state = LoopState(session, proxy, self._ssl(), closing, dropped)
        # Another task may have been faster while this one waited.
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
            # aiohttp reads them once, when it is imported.
            return tls.create_default_context()
        return True


_transports: Final[WeakSet[Transport]] = WeakSet()


def _forget_all() -> list[dict[asyncio.AbstractEventLoop, LoopState]]:
    return [transport.forget() for transport in _transports]


forget_in_forked_children(_forget_all)


@atexit.register
def _discard_all() -> None:
    for transport in list(_transports):
        transport.discard_ended_loops()


def _close_dropped(
    loop: asyncio.AbstractEventLoop,
    closing: AsyncGenerator[None, None],
    session: aiohttp.ClientSession | None,
) -> None:
    """Close the session of a client that was dropped without being closed."""
    if loop.is_closed():
        _discard(session)
    else:
        close_soon(loop, closing)


def _discard(session: aiohttp.ClientSession | None) -> None:
    """Discard a session of ours whose event loop was closed by hand."""
    if session is not None and not session.closed:
        connector = session.connector
        discard_session(session, list(connector.transports) if isinstance(connector, _Connector) else ())


@functools.lru_cache(maxsize=64)
def _timeout(connect: float, read: float | None, is_ours: bool) -> aiohttp.ClientTimeout:
    if is_ours:
        return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)
    # In aiohttp `connect` includes waiting for the pool, which our sessions do not limit.
    return aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=read)


class _Connector(aiohttp.TCPConnector):
    """A connector that does not reuse a connection which the server has closed, or sent data to, while idle.

    The event loop may not have noticed either if it was busy. A run sent over such a connection would end
    with an unknown outcome, or with an answer that belongs to another request.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        """Transports that have been used: a connection over one of them is reused."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        """Return a connection that is new, or usable."""
        while True:
            connection = await super().connect(req, traces, timeout)
            transport: Any = connection.transport
            protocol: Any = connection.protocol
            if transport not in self.transports:
                self.transports.add(transport)
                return connection
            sock = transport.get_extra_info("socket")
            is_usable = not (protocol.should_close or transport.is_closing() or sock is None)
            # `select` cannot take file descriptors above 1023; Windows has no `poll`.
            if is_usable and hasattr(select, "poll"):
                poll = select.poll()
                poll.register(sock, select.POLLIN)
                is_usable = not poll.poll(0)
            elif is_usable:
                is_usable = not select.select([sock], [], [], 0)[0]
            if is_usable:
                return connection
            connection.close()


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating GET, PUT and DELETE by itself: some GETs of Dify call a model.

    It does so after two kinds of errors, whatever caused them, so they are raised as a third.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(reason_of(exc)) from exc


def _keep_alive_socket(address: tuple[Any, ...]) -> socket.socket:
    """Create a socket with TCP keep-alive probes.

    A run may be silent for minutes. The probes keep firewalls and address translation from dropping the
    connection, and detect a machine that is gone.
    """
    sock = socket.socket(*address[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):  # Windows and macOS lack some; the system's setting applies there.
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: a token
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def checked_headers(headers: object, name: str = "headers") -> dict[str, str]:
    """Return headers as a dict of secrets. Errors show names, never values."""
    try:
        headers = items = hidden(dict(headers or {}))  # type: ignore[call-overload]
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"`{name}` must be a mapping of header names to values, got {type(headers).__name__}"
        ) from None
    checked: dict[str, str] = {}
    for key, value in items.items():
        if not isinstance(key, str) or not _HEADER_NAME.fullmatch(key):
            raise ConfigurationError(f"{key!r:.100} is not a valid header name: use letters, digits and '-'")
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _HEADER_VALUE.fullmatch(text):
            raise ConfigurationError(
                f"the header {key!r} must be a str without line breaks and control characters"
            )
        checked[key] = Secret(text)
    return checked
