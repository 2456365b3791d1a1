"""A clock for the event loop of a test, which moves only when the test moves it.

Timeouts and delays of a client are then exact on a busy machine too: nothing is late, and code that does not wait
takes no time. Sockets and the thread of the fake server run as usual.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import attrs
import pytest

from tests.support.limits import HANGS_AFTER

T = TypeVar("T")


@attrs.define
class Clock:
    """The time of the event loop."""

    began: float
    now: float

    @property
    def elapsed(self) -> float:
        """Seconds that this clock was moved by."""
        return self.now - self.began

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += seconds

    async def settle(self) -> None:
        """Run everything in the event loop that does not wait for time to pass."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def at_once(self, awaitable: Awaitable[T]) -> T:
        """Return the result of a call; fail if it waits for time to pass."""
        task = asyncio.ensure_future(awaitable)
        done = threading.Event()
        task.add_done_callback(lambda _: done.set())
        if not await asyncio.to_thread(done.wait, HANGS_AFTER):
            task.cancel()
            pytest.fail(f"waits for time to pass: {task}")
        return await task


@contextmanager
def frozen_time() -> Iterator[Clock]:
    """Stop the clock of the running event loop."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    clock = Clock(began, began)
    loop.time = lambda: clock.now  # type: ignore[method-assign]
    try:
        yield clock
    finally:
        del loop.time
