"""Keep to the limit on knowledge requests per minute."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from dify_async.errors import ConfigurationError, KnowledgeRateLimited

T = TypeVar("T")

_MINUTE: Final = 60.0
_DELAYS: Final = (15.0, 30.0, 60.0, 60.0, 60.0)
"""Seconds to wait after the server has rejected a request because of its limit: more than a minute in all,
for other programs may use up the same limit."""


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
        self._sent: deque[float] = deque()
        self._resumes_at = 0.0

    async def send(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call when it is time; again after a while if the server's limit is reached.

        Raises:
            KnowledgeRateLimited: the limit was still reached minutes later.
        """
        for delay in _DELAYS:
            await self._wait()
            try:
                return await call()  # Rejected requests have stored nothing, so they can be sent again.
            except KnowledgeRateLimited:
                # All wait: each request that is rejected would be one more.
                self._resumes_at = asyncio.get_running_loop().time() + delay
        await self._wait()
        return await call()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        # Others may have taken the turn by then.
        while (delay := self._next_time(loop.time()) - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(delay)
        self._sent.append(loop.time())

    def _next_time(self, now: float) -> float:
        """Return when the next request may be sent."""
        while self._sent and self._sent[0] <= now - _MINUTE:
            self._sent.popleft()
        if self._per_minute is None or len(self._sent) < self._per_minute:
            return self._resumes_at
        return max(self._resumes_at, self._sent[-self._per_minute] + _MINUTE)
