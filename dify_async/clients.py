"""The clients: what a key opens."""

from __future__ import annotations

import ssl as tls
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from dify_async._core.core import Core
from dify_async._core.identity import AppIdentity, checked_base_url
from dify_async._core.passport import WebIdentity, server_of
from dify_async._core.request import Options, Response
from dify_async._core.transport import Settings, Transport
from dify_async._types import Json
from dify_async.resources.app import App
from dify_async.resources.audio import Audio
from dify_async.resources.auth import Auth
from dify_async.resources.chat import Chat, WebChat
from dify_async.resources.completions import Completions
from dify_async.resources.conversations import Conversations, WebConversations
from dify_async.resources.files import Files
from dify_async.resources.forms import Forms, WebForms
from dify_async.resources.messages import Messages, SavedMessages, WebMessages
from dify_async.resources.web import RemoteFiles, System, WebApp, WebFiles, WebWorkflows
from dify_async.resources.workflows import Workflows
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp

CLOUD: Final = "https://api.dify.ai/v1"
WEB_CLOUD: Final = "https://udify.app/api"


class _Client(ABC):
    """What all clients are: a way to a server, that is opened, asked and closed."""

    _core: Core
    _owns: bool

    @abstractmethod
    def _set_up(self, transport: Transport, identity: Any, *, owns: bool) -> None:
        """Make the resources of the client."""

    @property
    def user(self) -> str | None:
        """The end user that calls are made for."""
        return self._core.identity.user

    @property
    def base_url(self) -> str:
        """The server's address, as it is used."""
        return self._core.transport.settings.base_url

    @property
    def server_version(self) -> str | None:
        """The last version that the server told (`X-Version`); None before the first answer."""
        return self._core.transport.server_version

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Json = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request that no method is there for, with the errors, clocks and retries of all others.

        POST and PATCH are sent again only where they certainly did nothing. No end user is added.

        Args:
            method: `GET`, `POST`, ...
            path: Relative to `base_url`, for example `/app/feedbacks`.
            params: The query; None is left out, booleans become `true` and `false`.
            json: The body; none is sent for None.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            ApiError: the answer is not 2xx.
            TransportError: no answer came.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return await self._core.request(method, path, query=params, body=json, options=options)

    async def close(self) -> None:
        """Close the connections. Idempotent; a session of your own and the client behind a view stay open."""
        if self._owns:
            await self._core.transport.close()

    async def __aenter__(self) -> Self:
        if self._owns:
            self._core.transport.closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise TypeError("this client is asynchronous: use `async with`, or the client of dify_async.sync")

    def __exit__(self, *_: object) -> None: ...  # noqa: B027 - `with` looks for it before it enters

    def __repr__(self) -> str:
        name = type(self).__name__
        if not hasattr(self, "_core"):
            return f"<{name} that was not made>"  # Tools show it that show the locals of a traceback.
        return f"{name}(base_url={self.base_url!r}, user={self.user!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._core.transport.settings, "identity": self._core.identity}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set_up(Transport(state["settings"]), state["identity"], owns=True)


class AppClient(_Client):
    """One app of Dify, by its API key.

    ```python
    async with AppClient("app-...", user="ada") as client:
        result = await client.workflows.run({"city": "Lisbon"})
    ```

    A client is cheap to keep and made once: it holds one pool of connections per event loop, made at the
    first call there, so it can be made at import time and used in one `asyncio.run` after another. It
    pickles as its settings; the pickle holds the key.

    Args:
        api_key: The app's key, `app-...`. Default: the environment's `DIFY_API_KEY`.
        user: The end user that calls are made for, any text of your own. Default: `DIFY_USER`. Asked for
            at the first call that needs it.
        base_url: The server. Default: `DIFY_BASE_URL`, or Dify's cloud. `/v1` is appended if missing.
        timeouts: The clocks of every call.
        retry: When requests are sent again.
        max_concurrent: How many runs may be open at once; further ones wait. A stock Dify serves 10
            connections. Other calls are never held back.
        on_abandon: What becomes of a run whose stream is left before its end: "stop" or "detach".
        headers: Headers for every request, for example for a proxy that asks for them.
        session: An `aiohttp.ClientSession` of your own; it is never closed.
        proxy: The URL of an HTTP proxy. Default: the environment's `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
        ssl: An `ssl.SSLContext` with a CA of your own, or False to verify nothing.
        trace_configs: For aiohttp's tracing.
        limiter: Makes an asynchronous context manager that every run is held in, for a limit over
            processes or machines.
        max_event_bytes: The ceiling for one event and for one body, in bytes.

    Raises:
        ConfigurationError: an argument cannot be right.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        user: str | None = None,
        base_url: str | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        max_concurrent: int = 100,
        on_abandon: Literal["stop", "detach"] = "stop",
        headers: Mapping[str, str] | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        limiter: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        max_event_bytes: int = 64 * 2**20,
    ) -> None:
        settings = Settings(
            base_url=checked_base_url(base_url, "DIFY_BASE_URL", CLOUD, "v1"),
            timeouts=timeouts or Timeouts(),
            retry=retry or Retry(),
            max_concurrent=max_concurrent,
            on_abandon=on_abandon,
            headers=headers,
            session=session,
            proxy=proxy,
            ssl=ssl,
            trace_configs=trace_configs,
            limiter=limiter,
            max_event_bytes=max_event_bytes,
        )
        self._set_up(Transport(settings), AppIdentity.of(api_key, user), owns=True)

    def _set_up(self, transport: Transport, identity: AppIdentity, *, owns: bool) -> None:
        self._identity = identity
        self._core = core = Core(transport, identity)
        self._owns = owns
        self.workflows = Workflows(core)
        self.chat = Chat(core)
        self.completions = Completions(core)
        self.conversations = Conversations(core)
        self.messages = Messages(core)
        self.files = Files(core)
        self.audio = Audio(core)
        self.forms = Forms(core)
        self.app = App(core)

    def for_user(self, user: str) -> AppClient:
        """Give a view on this client for another end user: same connections and limits, closes nothing."""
        view = AppClient.__new__(AppClient)
        view._set_up(self._core.transport, self._identity.for_user(user), owns=False)
        return view


class WebAppClient(_Client):
    """One web app of Dify, by the code in its address: what its public page can do, without a key.

    ```python
    async with WebAppClient("kJ2hQ9xTz4Lm7PwR", user="visitor-81") as web:
        talk = web.chat.conversation()
        print((await talk.send("What is on tonight?")).answer)
    ```

    The server knows a visitor by a passport, which is fetched with the first call and kept. Whoever knows the
    app's code and a `user` is that user to the server: take names that nobody can guess. Apps that are not
    public (enterprise servers) also ask for a login: `web.auth.login(...)`.

    Args:
        app_code: The last part of the web app's address, or the whole address. Default: `DIFY_APP_CODE`.
        user: The end user, any text of your own; the same text is the same visitor. Default: `DIFY_USER`.
            None is a new visitor, found again only by the passport. Private apps go by the login instead.
        base_url: The server. Default: `DIFY_WEB_BASE_URL`, the server in the web app's address, or Dify's
            cloud. `/api` is appended if missing.
        passport: A passport of an earlier time: `client.passport`.
        login_token: A login of an earlier time, or of single sign-on: `client.login_token`.
        timeouts: The clocks of every call.
        retry: When requests are sent again.
        max_concurrent: How many runs may be open at once; further ones wait.
        on_abandon: What becomes of a run whose stream is left before its end: "stop" or "detach".
        headers: Headers for every request, for example for a proxy that asks for them.
        session: An `aiohttp.ClientSession` of your own; it is never closed. Make it with an
            `aiohttp.DummyCookieJar`: the server would take a passport in a cookie before that of the client.
        proxy: The URL of an HTTP proxy. Default: the environment's `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`.
        ssl: An `ssl.SSLContext` with a CA of your own, or False to verify nothing.
        trace_configs: For aiohttp's tracing.
        limiter: Makes an asynchronous context manager that every run is held in.
        max_event_bytes: The ceiling for one event and for one body, in bytes.

    Raises:
        ConfigurationError: an argument cannot be right.
    """

    def __init__(
        self,
        app_code: str | None = None,
        *,
        user: str | None = None,
        base_url: str | None = None,
        passport: str | None = None,
        login_token: str | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        max_concurrent: int = 100,
        on_abandon: Literal["stop", "detach"] = "stop",
        headers: Mapping[str, str] | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        limiter: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        max_event_bytes: int = 64 * 2**20,
    ) -> None:
        settings = Settings(
            base_url=checked_base_url(base_url, "DIFY_WEB_BASE_URL", server_of(app_code) or WEB_CLOUD, "api"),
            timeouts=timeouts or Timeouts(),
            retry=retry or Retry(),
            max_concurrent=max_concurrent,
            on_abandon=on_abandon,
            headers=headers,
            session=session,
            proxy=proxy,
            ssl=ssl,
            trace_configs=trace_configs,
            limiter=limiter,
            max_event_bytes=max_event_bytes,
        )
        identity = WebIdentity.of(app_code, user, passport, login_token)
        self._set_up(Transport(settings), identity, owns=True)

    def _set_up(self, transport: Transport, identity: WebIdentity, *, owns: bool) -> None:
        self._identity = identity
        self._core = core = Core(transport, identity)
        self._owns = owns
        self.auth = Auth(core, identity)
        self.workflows = WebWorkflows(core)
        self.chat = WebChat(core)
        self.completions = Completions(core)
        self.conversations = WebConversations(core)
        self.messages = WebMessages(core)
        self.saved_messages = SavedMessages(core)
        self.files = WebFiles(core)
        self.remote_files = RemoteFiles(core)
        self.audio = Audio(core)
        self.forms = WebForms(core)
        self.app = WebApp(core, identity)
        self.system = System(core)

    def for_user(self, user: str) -> WebAppClient:
        """Give a view on this client for another end user: same connections and limits, closes nothing."""
        view = WebAppClient.__new__(WebAppClient)
        view._set_up(self._core.transport, self._identity.for_user(user), owns=False)
        return view

    @property
    def app_code(self) -> str:
        """The web app's code."""
        return self._identity.app_code

    @property
    def passport(self) -> str | None:
        """The passport, to be stored and given again as `passport=`; None before the first call. A secret."""
        return _plain(self._identity.passport)

    @property
    def login_token(self) -> str | None:
        """Who is logged in, to be given again as `login_token=`; None for nobody. A secret."""
        return _plain(self._identity.login_token)


def _plain(secret: str | None) -> str | None:
    # What stores it may know texts and no kinds of them.
    return None if secret is None else str(secret)
