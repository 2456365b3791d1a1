"""The client of a web app."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Literal

from dify_async._http.auth import checked_base_url
from dify_async._http.passport import PassportAuth, server_of
from dify_async._http.redaction import hidden
from dify_async.clients._base import ClientWithUsers, make_api, resource
from dify_async.observer import Observer
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp

    from dify_async.resources.app.audio import Audio
    from dify_async.resources.app.completions import Completions
    from dify_async.resources.web.app import WebApp
    from dify_async.resources.web.auth import Auth
    from dify_async.resources.web.chat import WebChat
    from dify_async.resources.web.conversations import WebConversations
    from dify_async.resources.web.files import WebFiles
    from dify_async.resources.web.forms import WebForms
    from dify_async.resources.web.messages import WebMessages
    from dify_async.resources.web.remote_files import RemoteFiles
    from dify_async.resources.web.saved_messages import SavedMessages
    from dify_async.resources.web.system import System
    from dify_async.resources.web.workflows import WebWorkflows

WEB_CLOUD: Final = "https://udify.app/api"


class WebAppClient(ClientWithUsers):
    """A client of the Web API for one Dify app, with the code in the app's URL instead of a key.

    ```python
    async with WebAppClient("kJ2hQ9xTz4Lm7PwR", user="visitor-81") as web:
        conversation = web.chat.conversation()
        print((await conversation.send("What is on tonight?")).answer)
    ```

    The server identifies a visitor by a passport, which the client fetches with its first call and then
    reuses. Anyone who knows the app's code and a `user` can act as that user: choose names that nobody can
    guess. Apps that are not public (enterprise servers) also require a login: `web.auth.login(...)`.

    Args:
        app_code: The last part of the web app's URL, or the whole URL. Default: `DIFY_APP_CODE`.
        user: The end user, any non-empty str; the same str is the same visitor. Default: `DIFY_USER`. None
            means a new visitor, who can be identified later only by the passport. Private apps use the login
            instead.
        base_url: The server. Default: `DIFY_WEB_BASE_URL`, the server in the web app's URL, or Dify Cloud.
            `/api` is appended if missing.
        passport: The passport of an earlier session: `client.passport`.
        login_token: The login of an earlier session, or of single sign-on: `client.login_token`.
        timeouts: `Timeouts`, or a number of seconds for each whole call.
        retry: `Retry`, or a number of retries.
        max_concurrent: Maximum number of runs in flight at the same time; further runs wait.
        on_abandon: What happens to a run whose stream is left early: "stop" stops the run, "detach" lets it
            continue.
        headers: Headers of every request, for example headers that a proxy requires.
        session: Your own `aiohttp.ClientSession`; the client does not close it. Create it with an
            `aiohttp.DummyCookieJar`: the server prefers a passport in a cookie to the client's passport.
        proxy: The URL of an HTTP proxy. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, except for hosts
            in `NO_PROXY`.
        ssl: An `ssl.SSLContext`, for example with your own CA, or False to turn verification off.
        trace_configs: `aiohttp.TraceConfig`s, for aiohttp's tracing.
        limiter: A function that returns an async context manager, which is held during each run. For a limit
            across processes or machines.
        observer: An `Observer`, or a list of them, notified of calls, runs and rows of batches.
        max_event_bytes: Maximum size of one event and of one response body, in bytes.

    Raises:
        ConfigurationError: an argument is invalid.
    """

    auth: resource[Auth] = resource("web.auth", "Auth")
    workflows: resource[WebWorkflows] = resource("web.workflows", "WebWorkflows")
    chat: resource[WebChat] = resource("web.chat", "WebChat")
    completions: resource[Completions] = resource("app.completions", "Completions")
    conversations: resource[WebConversations] = resource("web.conversations", "WebConversations")
    messages: resource[WebMessages] = resource("web.messages", "WebMessages")
    saved_messages: resource[SavedMessages] = resource("web.saved_messages", "SavedMessages")
    files: resource[WebFiles] = resource("web.files", "WebFiles")
    remote_files: resource[RemoteFiles] = resource("web.remote_files", "RemoteFiles")
    audio: resource[Audio] = resource("app.audio", "Audio")
    forms: resource[WebForms] = resource("web.forms", "WebForms")
    app: resource[WebApp] = resource("web.app", "WebApp")
    system: resource[System] = resource("web.system", "System")

    def __init__(
        self,
        app_code: str | None = None,
        *,
        user: str | None = None,
        base_url: str | None = None,
        passport: str | None = None,
        login_token: str | None = None,
        timeouts: Timeouts | float | None = None,
        retry: Retry | int | None = None,
        max_concurrent: int = 100,
        on_abandon: Literal["stop", "detach"] = "stop",
        headers: Mapping[str, str] | None = None,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        limiter: Callable[[], AbstractAsyncContextManager[Any]] | None = None,
        observer: Observer | Sequence[Observer] | None = None,
        max_event_bytes: int = 64 * 2**20,
    ) -> None:
        passport, login_token, base_url = hidden(passport), hidden(login_token), hidden(base_url)
        headers, proxy = hidden(headers), hidden(proxy)
        self._api = make_api(
            PassportAuth.of(app_code, user, passport, login_token),
            base_url=checked_base_url(base_url, "DIFY_WEB_BASE_URL", server_of(app_code) or WEB_CLOUD, "api"),
            timeouts=timeouts,
            retry=retry,
            max_concurrent=max_concurrent,
            on_abandon=on_abandon,
            headers=headers,
            session=session,
            proxy=proxy,
            ssl=ssl,
            trace_configs=trace_configs,
            limiter=limiter,
            observer=observer,
            max_event_bytes=max_event_bytes,
        )

    @property
    def app_code(self) -> str:
        """The web app's code."""
        return self._passport_auth.app_code

    @property
    def passport(self) -> str | None:
        """The passport, which is a secret; pass it as `passport=` later. None before the first call."""
        return _plain(self._passport_auth.passport)

    @property
    def login_token(self) -> str | None:
        """The login, which is a secret; pass it as `login_token=` later. None without a login."""
        return _plain(self._passport_auth.login_token)

    @property
    def _passport_auth(self) -> PassportAuth:
        auth = self._api.auth
        assert isinstance(auth, PassportAuth)
        return auth


def _plain(secret: str | None) -> str | None:
    # The code that stores it may not support subclasses of str.
    return None if secret is None else str(secret)
