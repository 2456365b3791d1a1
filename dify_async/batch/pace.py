"""How many rows of a batch may start in a minute."""

from __future__ import annotations

import asyncio

from dify_async.errors import ConfigurationError


class Pace:
    """Spaces out the starts of rows evenly; without a limit they start at once."""

    def __init__(self, per_minute: float | None) -> None:
        if per_minute is not None and (
            isinstance(per_minute, bool) or not isinstance(per_minute, int | float) or not per_minute > 0
        ):
            raise ConfigurationError(f"`per_minute` must be a number above 0, got {per_minute!r}")
        self._interval = 60 / per_minute if per_minute is not None else 0.0
        self._next = 0.0  # When the next row may start, by the clock of the event loop.

    async def wait(self) -> None:
        """Wait until another row may start."""
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next)
        self._next = start + self._interval
        await asyncio.sleep(start - now)
