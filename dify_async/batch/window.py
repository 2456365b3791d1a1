"""Limit how many rows of a batch run at the same time.

Additive increase, multiplicative decrease, as in TCP: the window grows by one per round of successful rows,
and is halved when the server is overloaded.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from dify_async.batch.outcome import Outcome
from dify_async.errors import RateLimited, ServerError

_START: Final = 1.0
"""Initial window of an adaptive batch."""
_DECREASE: Final = 0.5
"""The window is multiplied by this when the server is overloaded."""
_COOLDOWN_ROUNDS: Final = 2
"""Number of rounds without a further decrease after a decrease: the rows in flight have the same cause."""

_FIRST_ROWS: Final = 10
"""Number of rows that measure the duration of a row without load. About four of them run at the same time."""
_SLOW: Final = 2.0
"""Rows are slow if they take this many times as long as usual."""
_USUAL_SPAN: Final = 2000
"""Number of rows over which the usual duration is averaged. Large, so that it adapts to other kinds of rows,
but hardly to a server that slows down under our load."""
_RECENT_SPAN: Final = 4.0
"""Minimum number of rows over which the recent duration is averaged; with a larger window about one round."""
_OUTLIER: Final = 4.0
"""One row counts for at most this many times the usual duration."""


class Window:
    """Limits the rows that are in flight or unread; if adaptive, also the rows in flight."""

    def __init__(self, limit: int, *, adaptive: bool) -> None:
        self._limit = limit
        self._adaptive = adaptive
        self._size: float = _START if adaptive else limit
        self._unread = 0
        self._changed = asyncio.Event()
        self._pace = _Pace()
        self._cooldown = 0  # Number of rows until the next decrease is allowed.
        self.in_flight = 0
        """Number of rows in flight."""

    async def wait_for_slot(self) -> None:
        """Wait until another row may start."""
        while self._unread + self.in_flight >= self._limit or self.in_flight >= int(self._size):
            self._changed.clear()
            await self._changed.wait()

    def started(self) -> None:
        """Count a row as in flight."""
        self.in_flight += 1

    def finished(self, outcome: Outcome[Any] | None) -> None:
        """Count a row as no longer in flight, and as unread if it has an outcome."""
        self.in_flight -= 1
        if outcome is not None:
            self._unread += 1
            if self._adaptive and outcome.attempts > 0 and not outcome.resumed:
                self._adapt(outcome)
        self._changed.set()

    def read(self) -> None:
        """Count an outcome as read."""
        self._unread -= 1
        self._changed.set()

    def _adapt(self, outcome: Outcome[Any]) -> None:
        overloaded = outcome.attempts > 1 or isinstance(outcome.error, RateLimited | ServerError)
        if outcome.ok and not overloaded:
            self._pace.add(outcome.elapsed, self._size)
        self._cooldown -= 1
        if not overloaded and not self._pace.is_slow:
            self._size = min(float(self._limit), self._size + 1 / self._size)
        elif self._cooldown <= 0:
            self._cooldown = _COOLDOWN_ROUNDS * int(self._size)
            self._size = max(1.0, self._size * _DECREASE)


class _Pace:
    """The recent and the usual duration of a row."""

    def __init__(self) -> None:
        self._rows = 0
        self._usual = 0.0
        self._recent = 0.0

    @property
    def is_slow(self) -> bool:
        """True if rows take much longer than usual."""
        return self._recent > _SLOW * self._usual

    def add(self, seconds: float, window: float) -> None:
        """Add the duration of one row; `window` is the number of rows in flight at the same time."""
        self._rows += 1
        if self._rows <= _FIRST_ROWS:
            self._usual += (seconds - self._usual) / self._rows
            self._recent = self._usual
            return
        self._usual += (seconds - self._usual) / _USUAL_SPAN
        capped = min(seconds, _OUTLIER * self._usual)
        self._recent += (capped - self._recent) / max(window, _RECENT_SPAN)
