"""What a client keeps in one event loop."""

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

LEAVING: Final = 2.0
"""Seconds that leaving a run may take in all: learning its task id, and asking the server to stop it."""


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
    closing: AsyncGenerator[None, None]
    """Closes the session; the event loop does so at its end."""
    dropped: weakref.finalize[Any, Any]
    """Closes the session when nothing refers to the client any more."""
    ssl: tls.SSLContext | bool | None = None
    """For connections over TLS. None until the first one: reading certificates takes long."""
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
