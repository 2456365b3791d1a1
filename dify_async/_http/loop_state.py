"""The state of a client in one event loop: session, semaphores, background tasks."""

from __future__ import annotations

import asyncio
import ssl as tls
import weakref
from collections.abc import AsyncGenerator, Hashable
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

import aiohttp
import attrs

from dify_async._http.proxy import Proxy

STOP_TIMEOUT: Final = 2.0
"""Maximum seconds for stopping a run that is left early: receiving its task id, and the stop request."""


class OpenStream(Protocol):
    """A stream that must be closed before the session."""

    async def close_with_client(self) -> None:
        """Stop the run, and end its reader with an error."""
        ...


@attrs.define(eq=False)
class LoopState:
    """The state of a client in one event loop."""

    session: aiohttp.ClientSession
    proxy: Proxy | None
    closing: AsyncGenerator[None, None]
    """A generator that closes the session; the event loop closes it at its end."""
    dropped: weakref.finalize[Any, Any]
    """Closes the session when the client is garbage-collected."""
    ssl: tls.SSLContext | bool | None = None
    """For connections with TLS. None until the first one, because reading certificates takes time."""
    slots: dict[Hashable, asyncio.Semaphore] = attrs.Factory(dict[Hashable, asyncio.Semaphore])
    """Concurrency slots, by API key or app."""
    locks: WeakKeyDictionary[object, asyncio.Lock] = attrs.Factory(WeakKeyDictionary[object, asyncio.Lock])
    """Locks for shared work: the upload of a file, fetching the passport of an end user."""
    tasks: set[asyncio.Task[Any]] = attrs.Factory(set[asyncio.Task[Any]])
    """Background tasks."""
    streams: set[OpenStream] = attrs.Factory(set[OpenStream])
    """Open streams."""

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """Start a task, and keep a reference until it ends: the event loop keeps only weak references."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def finish(self) -> None:
        """Close open streams, and wait for background tasks, at most `STOP_TIMEOUT` seconds.

        An exception of a custom limiter does not affect other streams, and is raised at the end.
        """
        closing = (stream.close_with_client() for stream in list(self.streams))
        ends = await asyncio.gather(*closing, return_exceptions=True)
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=STOP_TIMEOUT)
        for end in ends:
            if end is not None:
                raise end
