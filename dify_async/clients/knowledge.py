"""The client of the Knowledge part of the Service API."""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from dify_async._http.auth import CLOUD, KeyAuth, checked_base_url
from dify_async._http.redaction import hidden
from dify_async.clients._base import Client, make_api, resource
from dify_async.resources.knowledge.child_chunks import ChildChunks
from dify_async.resources.knowledge.datasets import Datasets
from dify_async.resources.knowledge.documents import Documents
from dify_async.resources.knowledge.metadata import Metadata
from dify_async.resources.knowledge.models import Models
from dify_async.resources.knowledge.pipeline import Pipeline
from dify_async.resources.knowledge.segments import Segments
from dify_async.resources.knowledge.tags import Tags
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp


class KnowledgeClient(Client):
    """The knowledge bases of a workspace, by its API key.

    ```python
    async with KnowledgeClient("dataset-...") as client:
        async for dataset in client.datasets.list():
            ...
    ```

    Create a client once and keep it: it holds one connection pool per event loop, created with the first call
    there. It pickles as its settings; the pickle contains the key. Calls have no end user.

    Args:
        api_key: The workspace's key, `dataset-...`. Default: `DIFY_KNOWLEDGE_API_KEY`.
        base_url: The server. Default: `DIFY_BASE_URL`, or Dify's cloud. `/v1` is appended if missing.
        timeouts: `Timeouts`, or a number of seconds for each whole call.
        retry: `Retry`, or a number of retries.
        max_concurrent: Maximum number of data source streams that are open at the same time; others wait.
            Other calls are never held back.
        on_abandon: As in other clients; data sources cannot be stopped, so it has no effect here.
        headers: Headers of every request, for example for a proxy that asks for them.
        session: An `aiohttp.ClientSession` of your own; it is never closed.
        proxy: The URL of an HTTP proxy. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, except for hosts
            in `NO_PROXY`.
        ssl: An `ssl.SSLContext` with a CA of your own, or False to verify nothing.
        trace_configs: For aiohttp's tracing.
        limiter: Returns an async context manager that is held during each data source stream, for a limit
            across processes or machines.
        max_event_bytes: Maximum size of one event and of one response body, in bytes.

    Raises:
        ConfigurationError: an argument is not valid.
    """

    datasets = resource(Datasets)
    documents = resource(Documents)
    segments = resource(Segments)
    child_chunks = resource(ChildChunks)
    metadata = resource(Metadata)
    tags = resource(Tags)
    pipeline = resource(Pipeline)
    models = resource(Models)

    def __init__(
        self,
        api_key: str | None = None,
        *,
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
            KeyAuth.for_knowledge(api_key),
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

    def for_key(self, api_key: str) -> Self:
        """Return a view for another workspace of the same server: it shares connections, and closes nothing.

        Args:
            api_key: The other workspace's key.

        Raises:
            ConfigurationError: the key is not valid.
        """
        api_key = hidden(api_key)
        return self._view(attrs.evolve(self._api, auth=KeyAuth.for_knowledge(api_key)))
