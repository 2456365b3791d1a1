"""The one place that touches aiohttp: a session per event loop, and what its failures mean."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import io
import platform
import re
import socket
import ssl as tls
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
import attrs
from yarl import URL

from dify_async._core.fork import in_forked_children
from dify_async._core.identity import Secret
from dify_async._version import __version__
from dify_async._wire.api_errors import Asked
from dify_async.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectTimeout,
    DifyError,
    IdleTimeout,
    OutcomeUnknown,
    ReadTimeout,
    TooLarge,
    TransportError,
)
from dify_async.files import InputFile
from dify_async.models import UploadedFile
from dify_async.settings import Retry, Timeouts

USER_AGENT: Final = (
    f"dify-async/{__version__} Python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
)

_KEEP_ALIVE: Final = 1.5
"""Seconds that an idle connection is kept. A stock server closes it at 2.0 (recording: `_connection_level`),
and a run that meets the closing connection cannot tell whether it started."""

_PROBES: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 5}
"""Seconds of silence to the first probe, then between two; after so many without an answer it is over."""

_READ_BUFFER: Final = 2**16

_LARGE: Final = 2**20
"""Bytes in one piece from which on aiohttp warns that it writes them in one go."""

LEAVING: Final = 2.0
"""Seconds that leaving a run may take in all: learning its task id, and asking the server to stop it."""

Limiter = Callable[[], AbstractAsyncContextManager[Any]]


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    if value < 1:
        raise ConfigurationError(f"{attribute.name} is 1 or more, not {value!r}")


def _stop_or_detach(_: object, _attribute: attrs.Attribute[Any], value: str) -> None:
    if value not in {"stop", "detach"}:
        raise ConfigurationError(f'on_abandon is "stop" or "detach", not {value!r}')


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110: a token
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Give the headers; refuse what would break out of them. Shows names, never values."""
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is no name of a header: letters, digits and '-'")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError(f"the header {name!r} is a text without line breaks and control signs")
    return {name: Secret(value) for name, value in (headers or {}).items()}


@attrs.frozen
class Proxy:
    """A proxy, and what it is told of who asks."""

    url: str
    headers: dict[str, str]
    secrets: tuple[str, ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, url: str) -> Proxy:
        """Take user and password out of the URL: aiohttp shows it in errors."""
        address = URL(url)
        if address.user is None:
            return cls(url, {}, ())
        password = address.password or ""
        told = base64.b64encode(f"{address.user}:{password}".encode()).decode()
        headers: dict[str, str] = {"Proxy-Authorization": Secret(f"Basic {told}")}
        return cls(str(address.with_user(None)), headers, (told, password))


@attrs.frozen(kw_only=True)
class Settings:
    """What a client is made of, besides who it is."""

    base_url: str
    timeouts: Timeouts = attrs.Factory(Timeouts)
    retry: Retry = attrs.Factory(Retry)
    max_concurrent: int = attrs.field(default=100, validator=_at_least_one)
    on_abandon: Literal["stop", "detach"] = attrs.field(default="stop", validator=_stop_or_detach)
    headers: dict[str, str] = attrs.field(factory=dict[str, str], converter=checked_headers, repr=False)
    session: aiohttp.ClientSession | None = None
    proxy: str | None = attrs.field(default=None, converter=attrs.converters.optional(Secret))
    ssl: tls.SSLContext | bool | None = None
    trace_configs: Sequence[aiohttp.TraceConfig] = ()
    limiter: Limiter | None = None
    max_event_bytes: int = attrs.field(default=64 * 2**20, validator=_at_least_one)

    def __getstate__(self) -> dict[str, Any]:
        held = {
            "session": self.session is not None,
            "ssl": isinstance(self.ssl, tls.SSLContext),
            "trace_configs": bool(self.trace_configs),
            "limiter": self.limiter is not None,
        }
        for name, is_held in held.items():
            if is_held:
                raise ConfigurationError(
                    f"a client with {name}= does not pickle: make it anew where it is used"
                )
        return {field.name: getattr(self, field.name) for field in attrs.fields(Settings)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


@attrs.define(eq=False)
class Home:
    """What a client has in one event loop."""

    session: aiohttp.ClientSession
    slots: asyncio.Semaphore
    proxy: Proxy | None
    closing: AsyncGenerator[None, None]
    dropped: weakref.finalize[Any, Any]
    """Closes the session when nothing refers to the client any more."""
    locks: WeakKeyDictionary[object, asyncio.Lock] = attrs.Factory(WeakKeyDictionary[object, asyncio.Lock])
    """Held while something is fetched that many may share: the upload of a file, the passport of a user."""
    tasks: set[asyncio.Task[Any]] = attrs.Factory(set[asyncio.Task[Any]])

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Start a task that nothing but itself ends; asyncio alone would let it be collected."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


_transports: Final[WeakSet[Transport]] = WeakSet()


def _forget_homes() -> list[dict[asyncio.AbstractEventLoop, Home]]:
    return [transport.forget_homes() for transport in _transports]


in_forked_children(_forget_homes)


class Transport:
    """The sessions of one client, one in each event loop that it is used in."""

    def __init__(self, settings: Settings) -> None:
        _transports.add(self)
        self.settings = settings
        self.server_version: str | None = None
        self.closed = False
        self.uploaded: WeakKeyDictionary[InputFile, dict[str | None, UploadedFile]] = WeakKeyDictionary()
        """What became of the files of inputs, by end user."""
        self._homes: dict[asyncio.AbstractEventLoop, Home] = {}

    @property
    def secrets(self) -> list[str]:
        """What no error shows, should a server or proxy send it back."""
        of_proxies = [secret for home in self._homes.values() if home.proxy for secret in home.proxy.secrets]
        return [*self.settings.headers.values(), *of_proxies]

    async def home(self) -> Home:
        """Give what the client has in the running loop; make it at the first call there."""
        if self.closed:
            raise ConfigurationError("the client is closed: make another, or enter it anew with `async with`")
        loop = asyncio.get_running_loop()
        home = self._homes.get(loop)
        if home is None:
            for other in [other for other in self._homes if other.is_closed()]:
                self._homes.pop(other).dropped.detach()
            home = self._homes[loop] = await self._new_home(loop)
        return home

    def forget_homes(self) -> dict[asyncio.AbstractEventLoop, Home]:
        """Begin anew, without closing what there is; give it back."""
        homes, self._homes = self._homes, {}
        for home in homes.values():
            home.dropped.detach()
        return homes

    async def close(self) -> None:
        """Close what the client has in the running loop; other loops close their own when they end."""
        self.closed = True
        home = self._homes.pop(asyncio.get_running_loop(), None)
        if home is not None:
            home.dropped.detach()
            if home.tasks:
                # Runs that were just left are still being stopped; that takes two seconds at most.
                await asyncio.wait(home.tasks, timeout=LEAVING)
            await home.closing.aclose()

    async def _new_home(self, loop: asyncio.AbstractEventLoop) -> Home:
        settings = self.settings
        session = settings.session
        if session is None:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=_KEEP_ALIVE, socket_factory=_probing_socket
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=_READ_BUFFER,
                trace_configs=list(settings.trace_configs),
                middlewares=[_sent_once],
            )
        closing = _closed_with_its_loop(session, owned=settings.session is None)
        await anext(closing)
        proxy = settings.proxy or _proxy_of_environment(settings.base_url)
        slots = asyncio.Semaphore(settings.max_concurrent)
        dropped = weakref.finalize(self, _close_soon, loop, closing)
        dropped.atexit = False
        return Home(session, slots, Proxy.of(proxy) if proxy else None, closing, dropped)

    async def send(
        self,
        home: Home,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | aiohttp.FormData | None,
        connect: float,
        silence: float | None,
    ) -> aiohttp.ClientResponse:
        """Send one request and give its answer once the headers are there; raises what aiohttp raises.

        Redirects are not followed: they would take the key elsewhere, or make a GET of a POST.
        """
        proxy = home.proxy
        tunnelled = url.startswith("https:")
        if proxy is not None and not tunnelled:
            headers = {**headers, **proxy.headers}
        answer = await home.session.request(
            method,
            URL(url, encoded=True),
            data=io.BytesIO(data) if isinstance(data, bytes) and len(data) > _LARGE else data,
            headers=headers,
            allow_redirects=False,
            proxy=proxy.url if proxy is not None else None,
            proxy_headers=proxy.headers if proxy is not None and tunnelled else None,
            ssl=True if self.settings.ssl is None else self.settings.ssl,
            timeout=_clocks(connect, silence),
        )
        self.server_version = answer.headers.get("X-Version", "")[:50] or self.server_version
        return answer

    async def read(self, answer: aiohttp.ClientResponse) -> bytes:
        """Read a body to its end, or to the ceiling."""
        limit = self.settings.max_event_bytes
        parts: list[bytes] = []
        size = 0
        try:
            while part := await answer.content.readany():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise TooLarge(limit)  # noqa: TRY301 - closed below, as for all else
        except BaseException:
            answer.close()
            raise
        return b"".join(parts)


async def _closed_with_its_loop(session: aiohttp.ClientSession, *, owned: bool) -> AsyncGenerator[None, None]:
    """Close the session when this generator is closed: by the client, or by the loop at its end.

    `asyncio.run` closes every asynchronous generator before it ends. So a client that nobody closed leaves
    no socket behind, and its next loop finds nothing of the last one.
    """
    try:
        yield
    finally:
        if owned:
            await session.close()


def _close_soon(loop: asyncio.AbstractEventLoop, closing: AsyncGenerator[None, None]) -> None:
    def close() -> None:
        task = loop.create_task(closing.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    if not loop.is_closed():  # Else its end has closed the session.
        loop.call_soon_threadsafe(close)


_closing: Final[set[asyncio.Task[None]]] = set()


@functools.lru_cache(maxsize=64)
def _clocks(connect: float, silence: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=silence)


async def _sent_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending GET, PUT and DELETE again by itself: some GETs of Dify call a model.

    It does so at two kinds of errors, whatever they befell; so they are raised as a third.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as exc:
        raise aiohttp.ClientConnectionError(_reason(exc)) from exc


def _probing_socket(address: tuple[Any, ...]) -> socket.socket:
    """Make a socket that asks the other side, in long silences, whether it is still there.

    A run may be silent for minutes. The probes keep its way through firewalls and address translation open,
    and tell of a machine that is gone.
    """
    sock = socket.socket(*address[:3])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):  # Windows and macOS lack some; they go by what the system has set.
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def _proxy_of_environment(url: str) -> str | None:
    # aiohttp's own `trust_env` also reads netrc, and then refuses our Authorization header.
    parts = urlsplit(url)
    with contextlib.suppress(OSError):  # proxy_bypass may look names up
        if urllib.request.proxy_bypass(parts.netloc):
            return None
    return urllib.request.getproxies().get(parts.scheme)


def broken(exc: Exception, asked: Asked, *, streamed: bool = False) -> DifyError:
    """Give the error that a failure of aiohttp means, with that failure as its cause."""
    error = _error_of(exc, asked, streamed=streamed)
    # What quotes the answer is no cause to show.
    error.__cause__ = None if isinstance(exc, aiohttp.ClientResponseError) else exc
    return error


def _error_of(exc: Exception, asked: Asked, *, streamed: bool) -> DifyError:
    kind, text, sent = _meaning(exc, streamed=streamed)
    may_have_started = sent and asked.starts_run
    if kind is ConnectionFailed and may_have_started:
        kind = OutcomeUnknown
        text += "; the run may have started, so it was not sent again"
    return kind(text, operation=asked.operation, may_have_started=may_have_started or sent)


def _meaning(exc: Exception, *, streamed: bool) -> tuple[type[TransportError], str, bool]:
    """Give the error's class, its text, and whether the request may have reached the server."""
    match exc:
        case aiohttp.ConnectionTimeoutError():
            return ConnectTimeout, "no connection within Timeouts.connect seconds", False
        case aiohttp.SocketTimeoutError() if streamed:
            return IdleTimeout, "not a byte, nor a ping, within Timeouts.idle seconds", True
        case aiohttp.SocketTimeoutError():
            return ReadTimeout, "no answer within Timeouts.read seconds", True
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return ConnectionFailed, f"TLS failed: {_reason(exc)}; a CA of your own goes into ssl=", False
        case aiohttp.ClientHttpProxyError():
            return ConnectionFailed, f"the proxy refused to connect: {exc.status}", False
        case aiohttp.ClientProxyConnectionError():
            return ConnectionFailed, f"the proxy cannot be reached: {_reason(exc)}", False
        case aiohttp.ClientConnectorError():
            return ConnectionFailed, f"no connection to {exc.host}:{exc.port}: {_reason(exc)}", False
        case aiohttp.ClientResponseError():
            # Its own words quote what came, which may be long, and may hold what was sent.
            return ConnectionFailed, "the answer is no HTTP", True
        case _:
            return ConnectionFailed, f"the connection broke: {_reason(exc)}", True


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
