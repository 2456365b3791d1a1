"""Respect the limit on knowledge requests per minute."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, TypeVar

from dify_async._http.attempts import AttemptCounter, AttemptListener
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError, KnowledgeRateLimited

T = TypeVar("T")

_MINUTE: Final = 60.0
"""It begins when a request has ended, for the server may count it at any time before."""
_DELAYS: Final = (15.0, 30.0, 60.0, 60.0, 60.0)
"""Seconds to wait after the server has rejected a request because of its limit: more than a minute in all,
for other programs may use up the same limit."""


class ChangeCounter(AttemptListener):
    """Counts requests that change something, for the outcome of a file."""

    def __init__(self, attempts: AttemptCounter) -> None:
        self._attempts = attempts

    def attempt_started(self, operation: Operation[object], attempt: int) -> None:  # noqa: ARG002
        """Count the request."""
        if operation.method != "GET":
            self._attempts.count += 1


class Pacing:
    """Sends requests at most so often, and again if the server rejects them because of its own limit.

    Args:
        per_minute: Maximum number of requests within any minute. None for no limit of ours.
    """

    def __init__(self, per_minute: int | None) -> None:
        if per_minute is not None and (
            isinstance(per_minute, bool) or not isinstance(per_minute, int) or per_minute < 1
        ):
            raise ConfigurationError(f"`per_minute` must be an int of 1 or more, got {per_minute!r:.100}")
        self._per_minute = per_minute
        self._in_flight = 0
        self._ended: deque[float] = deque()  # When the requests of the last minute ended.
        self._any_ended = asyncio.Event()
        self._resumes_at = 0.0

    async def send(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await `call()` when the limit allows it; retry later if the server's limit is reached.

        Raises:
            KnowledgeRateLimited: the limit was still reached minutes later.
        """
        for delay in _DELAYS:
            try:
                return await self._send(call)  # A rejected request has stored nothing.
            except KnowledgeRateLimited:
                # All wait: each request that is rejected would be one more.
                self._resumes_at = monotonic() + delay
        return await self._send(call)

    async def _send(self, call: Callable[[], Awaitable[T]]) -> T:
        await self._wait()
        self._in_flight += 1
        try:
            return await call()
        finally:
            self._in_flight -= 1
            self._ended.append(monotonic())
            self._any_ended.set()

    async def _wait(self) -> None:
        """Wait until another request may be sent."""
        while True:
            now = monotonic()
            while self._ended and self._ended[0] <= now - _MINUTE:
                self._ended.popleft()
            if now < self._resumes_at:
                await asyncio.sleep(self._resumes_at - now)
            elif self._per_minute is None or self._in_flight + len(self._ended) < self._per_minute:
                return
            elif self._ended:
                await asyncio.sleep(self._ended[0] + _MINUTE - now)
            else:
                self._any_ended.clear()
                await self._any_ended.wait()
