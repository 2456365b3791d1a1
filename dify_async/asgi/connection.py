"""Detect that a web client has disconnected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

import anyio

from dify_async.errors import ConfigurationError

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""`receive` of an ASGI application."""


class _Request(Protocol):
    @property
    def receive(self) -> Callable[[], Awaitable[Any]]: ...


@asynccontextmanager
async def while_connected(request: _Request) -> AsyncGenerator[None]:
    """Cancel the block when the client disconnects, which stops the run that the block waits for.

    ```python
    async with while_connected(request):
        result = await client.workflows.run(inputs)
        return JSONResponse(result.outputs)
    return Response(status_code=499)  # the client has disconnected
    ```

    A cancelled block ends without an exception, and the code after it runs. Read the request's body before
    the block. Django cancels async views itself.

    Args:
        request: A `Request` of Starlette, FastAPI or Litestar.

    Raises:
        ConfigurationError: `request` is of another type.
    """
    receive: Receive | None = getattr(request, "receive", None)
    if receive is None:
        raise ConfigurationError(
            f"`request` must be a Request of Starlette, FastAPI or Litestar, got {type(request).__name__}"
        )
    with anyio.CancelScope() as block:

        def end(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                # Some servers raise when the connection breaks. asyncio logs an exception unless it is read.
                task.exception()
                block.cancel()

        watching = asyncio.create_task(disconnected(receive))
        watching.add_done_callback(end)
        try:
            yield
        finally:
            watching.cancel()


async def disconnected(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
