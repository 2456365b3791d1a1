"""The two hazards of keeping connections: event loops that end, and processes that fork.

**Event loops.** A client holds one session per event loop, and may outlive the loop. `asyncio.run` closes
every asynchronous generator before its loop ends, so `close_with_loop` keeps the clean-up of a session in
such a generator. Loops that are closed by hand (`loop.close()` alone) run no more code at all; their sessions
are discarded by `discard_session`, without waiting for anything.

**Forks.** A child shares the sockets and the epoll instance of its parent's event loops. Closing an inherited
connection, or letting Python do it when nothing refers to it any more, would remove it from the parent's
epoll: the parent's streams would never receive another byte. `forget_in_forked_children` therefore drops the
references of the child, and leaks the objects on purpose.
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

    The generator must have been advanced once, or the event loop does not know it.
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
    """Close the sockets of a session whose event loop was closed by hand, without complaints.

    Nothing can be awaited: no step of closing a connector waits once its event loop is closed.
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

    `abort` marks it as closing, and then fails to schedule the rest; without that rest, asyncio complains of
    an unclosed transport. The private method is the one asyncio would have called.
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
    """Call `forget` in every forked child; the object it returns is never destroyed there."""
    _forget.append(forget)


def _after_fork() -> None:
    import ctypes  # noqa: PLC0415 - needed in children only

    for forget in _forget:
        # With one reference too many, the object outlives even the interpreter, which destroys what it can.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(forget()))


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_after_fork)
