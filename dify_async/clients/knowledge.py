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
from dify_async.observer import Observer
from dify_async.settings import Retry, Timeouts

if TYPE_CHECKING:
    import aiohttp

    from dify_async.resources.knowledge.child_chunks import ChildChunks
    from dify_async.resources.knowledge.datasets import Datasets
    from dify_async.resources.knowledge.documents import Documents
    from dify_async.resources.knowledge.metadata import Metadata
    from dify_async.resources.knowledge.models import Models
    from dify_async.resources.knowledge.pipeline import Pipeline
    from dify_async.resources.knowledge.segments import Segments
    from dify_async.resources.knowledge.tags import Tags


class KnowledgeClient(Client):
    """A client of the Knowledge API for one workspace, with an API key.

    ```python
    async with KnowledgeClient("dataset-...") as client:
        async for dataset in client.datasets.list():
            ...
    ```

    Create a client once and reuse it: it has one connection pool per event loop, which is created by the
    first call in that loop. A client can be pickled: the pickle contains its settings, including the key.
    Calls have no end user.

    Args:
        api_key: The workspace's key, `dataset-...`. Default: `DIFY_KNOWLEDGE_API_KEY`.
        base_url: The server. Default: `DIFY_BASE_URL`, or Dify Cloud. `/v1` is appended if missing.
        timeouts: `Timeouts`, or a number of seconds for each whole call.
        retry: `Retry`, or a number of retries.
        max_concurrent: Maximum number of data source streams at the same time; further streams wait. Other
            calls are not limited.
        on_abandon: Accepted as by other clients, but without effect: data sources cannot be stopped.
        headers: Headers of every request, for example headers that a proxy requires.
        session: Your own `aiohttp.ClientSession`; the client does not close it.
        proxy: The URL of an HTTP proxy. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, except for hosts
            in `NO_PROXY`.
        ssl: An `ssl.SSLContext`, for example with your own CA, or False to turn verification off.
        trace_configs: `aiohttp.TraceConfig`s, for aiohttp's tracing.
        limiter: A function that returns an async context manager, which is held during each data source
            stream. For a limit across processes or machines.
        observer: An `Observer`, or a list of them, notified of calls, runs and rows of batches.
        max_event_bytes: Maximum size of one event and of one response body, in bytes.

    Raises:
        ConfigurationError: an argument is invalid.
    """

    datasets: resource[Datasets] = resource("knowledge.datasets", "Datasets")
    documents: resource[Documents] = resource("knowledge.documents", "Documents")
    segments: resource[Segments] = resource("knowledge.segments", "Segments")
    child_chunks: resource[ChildChunks] = resource("knowledge.child_chunks", "ChildChunks")
    metadata: resource[Metadata] = resource("knowledge.metadata", "Metadata")
    tags: resource[Tags] = resource("knowledge.tags", "Tags")
    pipeline: resource[Pipeline] = resource("knowledge.pipeline", "Pipeline")
    models: resource[Models] = resource("knowledge.models", "Models")

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
        observer: Observer | Sequence[Observer] | None = None,
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
            observer=observer,
            max_event_bytes=max_event_bytes,
        )

    def for_key(self, api_key: str) -> Self:
        """Return a view for another workspace of the same server. It shares the connections of this client.

        Args:
            api_key: The other workspace's key.

        Raises:
            ConfigurationError: the key is invalid.
        """
        api_key = hidden(api_key)
        return self._view(attrs.evolve(self._api, auth=KeyAuth.for_knowledge(api_key)))
