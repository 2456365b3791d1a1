"""The client of an app's Service API."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from dify_async._http.auth import CLOUD, KeyAuth, checked_base_url
from dify_async._http.redaction import hidden
from dify_async.clients._base import ClientWithUsers, make_api, resource
from dify_async.resources.app.app import App
from dify_async.resources.app.audio import Audio
from dify_async.resources.app.chat import Chat
from dify_async.resources.app.completions import Completions
from dify_async.resources.app.conversations import Conversations
from dify_async.resources.app.files import Files
from dify_async.resources.app.forms import Forms
from dify_async.resources.app.messages import Messages
from dify_async.resources.app.workflows import Workflows
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp


class AppClient(ClientWithUsers):
    """One app of Dify, by its API key.

    ```python
    async with AppClient("app-...", user="ada") as client:
        result = await client.workflows.run({"city": "Lisbon"})
    ```

    Create a client once and keep it: it holds one connection pool per event loop, created with the first call
    there, so it can be created at import time and used in one `asyncio.run` after another. It pickles as its
    settings; the pickle contains the key.

    Args:
        api_key: The app's key, `app-...`. Default: `DIFY_API_KEY`.
        user: The end user that calls are made for, any non-empty str. Default: `DIFY_USER`. Required by the
            first call that needs it.
        base_url: The server. Default: `DIFY_BASE_URL`, or Dify's cloud. `/v1` is appended if missing.
        timeouts: `Timeouts`, or a number of seconds for each whole call.
        retry: `Retry`, or a number of retries.
        max_concurrent: Maximum number of runs that are open at the same time, per key; others wait. A default
            Dify server handles 10 connections. Other calls are never held back.
        on_abandon: What happens to a run whose stream is left early: "stop" or "detach".
        headers: Headers of every request, for example for a proxy that asks for them.
        session: An `aiohttp.ClientSession` of your own; it is never closed.
        proxy: The URL of an HTTP proxy. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, except for hosts
            in `NO_PROXY`.
        ssl: An `ssl.SSLContext` with a CA of your own, or False to verify nothing.
        trace_configs: For aiohttp's tracing.
        limiter: Returns an async context manager that is held during each run, for a limit across processes
            or machines.
        max_event_bytes: Maximum size of one event and of one response body, in bytes.

    Raises:
        ConfigurationError: an argument is not valid.
    """

    workflows = resource(Workflows)
    chat = resource(Chat)
    completions = resource(Completions)
    conversations = resource(Conversations)
    messages = resource(Messages)
    files = resource(Files)
    audio = resource(Audio)
    forms = resource(Forms)
    app = resource(App)

    def __init__(
        self,
        api_key: str | None = None,
        *,
        user: str | None = None,
        base_url: str | None = None,
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
        max_event_bytes: int = 64 * 2**20,
    ) -> None:
        api_key, base_url = hidden(api_key), hidden(base_url)
        headers, proxy = hidden(headers), hidden(proxy)
        self._api = make_api(
            KeyAuth.for_app(api_key, user),
            base_url=checked_base_url(base_url, "DIFY_BASE_URL", CLOUD, "v1"),
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
            max_event_bytes=max_event_bytes,
        )

    def for_key(self, api_key: str, *, user: str | None = None) -> Self:
        """Return a view for another app of the same server: it shares connections, and closes nothing.

        Args:
            api_key: The other app's key.
            user: The end user. Default: the client's.

        Raises:
            ConfigurationError: the key or the user is not valid.
        """
        api_key = hidden(api_key)
        auth = KeyAuth.for_app(api_key, user if user is not None else self.user)
        return self._view(attrs.evolve(self._api, auth=auth))
