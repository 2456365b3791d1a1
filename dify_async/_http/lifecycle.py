"""Close connections when an event loop ends, and keep them intact when a process forks.

**Event loops.** A client has one session per event loop, and may be used after the loop has ended.
`asyncio.run` closes every async generator before its loop ends, so `close_with_loop` puts the clean-up of a
session into such a generator. Loops that are closed by hand (only `loop.close()`) do not run any further
code; their sessions are discarded by `discard_session`, which does not wait.

**Forks.** A child process shares the sockets and the epoll instance of its parent's event loops. If the child
closes an inherited connection, or Python does so when the connection is garbage-collected, the connection is
removed from the parent's epoll, and the parent's streams receive no more data. Therefore
`forget_in_forked_children` drops the references in the child, and leaks the objects intentionally.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final

import aiohttp


async def close_with_loop(
    close: Callable[[], Coroutine[Any, Any, None]],
) -> AsyncGenerator[None, None]:
    """Call `close` when this generator is closed: by its owner, or by the event loop at its end.

    The generator must be advanced once, so that the event loop knows it.
    """
    try:
        yield
    finally:
        await close()


def close_soon(loop: asyncio.AbstractEventLoop, closing: AsyncGenerator[None, None]) -> None:
    """Close a generator of `close_with_loop` in its event loop, from any thread. For finalizers."""

    def start() -> None:
        task = loop.create_task(closing.aclose())
        _closing.add(task)  # An event loop keeps only weak references to its tasks.
        task.add_done_callback(_closing.discard)

    if not loop.is_closed():
        loop.call_soon_threadsafe(start)


_closing: Final[set[asyncio.Task[None]]] = set()


def discard_session(session: aiohttp.ClientSession, transports: Iterable[asyncio.BaseTransport]) -> None:
    """Close the sockets of a session whose event loop was closed by hand, without warnings.

    Nothing is awaited: the steps of closing a connector do not wait if its event loop is closed.
    """
    connector = session.connector
    session.detach()
    if connector is not None:
        closing: Any = connector.close()
        with suppress(StopIteration, RuntimeError):
            closing.__await__().send(None)
    for transport in transports:
        _discard_transport(transport)


def _discard_transport(transport: asyncio.BaseTransport) -> None:
    """Close the socket of a transport whose event loop is closed.

    `abort` marks the transport as closing, but cannot schedule the rest, and asyncio would warn about an
    unclosed transport. So this function calls the private method that asyncio would have scheduled.
    """
    tls: Any = getattr(transport, "_ssl_protocol", None)
    for one in (transport, getattr(tls, "_transport", None)):
        if isinstance(one, asyncio.WriteTransport):
            with suppress(RuntimeError):
                one.abort()
            close: Any = getattr(one, "_call_connection_lost", None)
            if close is not None:
                with suppress(RuntimeError, AttributeError):
                    close(None)


_forget: Final[list[Callable[[], object]]] = []


def forget_in_forked_children(forget: Callable[[], object]) -> None:
    """Call `forget` in every forked child; the object that it returns is never destroyed there."""
    _forget.append(forget)


def _after_fork() -> None:
    import ctypes  # noqa: PLC0415 - needed only in child processes

    for forget in _forget:
        # An extra reference keeps the object alive even while the interpreter shuts down.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(forget()))


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_after_fork)
