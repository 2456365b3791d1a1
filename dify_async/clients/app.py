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
from dify_async.observer import Observer
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp

    from dify_async.resources.app.annotations import Annotations
    from dify_async.resources.app.app import App
    from dify_async.resources.app.audio import Audio
    from dify_async.resources.app.chat import Chat
    from dify_async.resources.app.completions import Completions
    from dify_async.resources.app.conversations import Conversations
    from dify_async.resources.app.end_users import EndUsers
    from dify_async.resources.app.files import Files
    from dify_async.resources.app.forms import Forms
    from dify_async.resources.app.messages import Messages
    from dify_async.resources.app.workflows import Workflows


class AppClient(ClientWithUsers):
    """A client of the Service API for one Dify app, with an API key.

    ```python
    async with AppClient("app-...", user="ada") as client:
        result = await client.workflows.run({"city": "Lisbon"})
    ```

    Create a client once and reuse it: it has one connection pool per event loop, which is created by the
    first call in that loop. So a client can be created at import time and used in several `asyncio.run`
    calls. A client can be pickled: the pickle contains its settings, including the key.

    Args:
        api_key: The app's key, `app-...`. Default: `DIFY_API_KEY`.
        user: The end user of the calls, any non-empty str. Default: `DIFY_USER`. Calls that need an end user
            raise `ConfigurationError` without one.
        base_url: The server. Default: `DIFY_BASE_URL`, or Dify Cloud. `/v1` is appended if missing.
        timeouts: `Timeouts`, or a number of seconds for each whole call.
        retry: `Retry`, or a number of retries.
        max_concurrent: Maximum number of runs in flight at the same time, per key; further runs wait. A
            default Dify server handles 10 connections. Other calls are not limited.
        on_abandon: What happens to a run whose stream is left early: "stop" stops the run, "detach" lets it
            continue.
        headers: Headers of every request, for example headers that a proxy requires.
        session: Your own `aiohttp.ClientSession`; the client does not close it.
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

    workflows: resource[Workflows] = resource("app.workflows", "Workflows")
    chat: resource[Chat] = resource("app.chat", "Chat")
    completions: resource[Completions] = resource("app.completions", "Completions")
    conversations: resource[Conversations] = resource("app.conversations", "Conversations")
    messages: resource[Messages] = resource("app.messages", "Messages")
    files: resource[Files] = resource("app.files", "Files")
    audio: resource[Audio] = resource("app.audio", "Audio")
    forms: resource[Forms] = resource("app.forms", "Forms")
    app: resource[App] = resource("app.app", "App")
    annotations: resource[Annotations] = resource("app.annotations", "Annotations")
    end_users: resource[EndUsers] = resource("app.end_users", "EndUsers")

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
        observer: Observer | Sequence[Observer] | None = None,
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
            observer=observer,
            max_event_bytes=max_event_bytes,
        )

    def for_key(self, api_key: str, *, user: str | None = None) -> Self:
        """Return a view for another app of the same server. It shares the connections of this client.

        Args:
            api_key: The other app's key.
            user: The end user. Default: the client's.

        Raises:
            ConfigurationError: the key or the user is invalid.
        """
        api_key = hidden(api_key)
        auth = KeyAuth.for_app(api_key, user if user is not None else self.user)
        return self._view(attrs.evolve(self._api, auth=auth))
