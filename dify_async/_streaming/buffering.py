"""Notice a proxy that buffers event streams: all events of a run arrive at once, after a long silence."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import attrs

_log: Final = logging.getLogger("dify_async")

_SHORTEST_RUN: Final = 5.0
"""Seconds that a run must have taken to be judged."""

_BURST: Final = 1.5
"""Seconds within which all events of a buffered stream arrive. Reading goes on for up to one second after the
end of a run."""


@attrs.define
class Arrival:
    """When the data of one stream arrived, while somebody waited for it."""

    silence: float = 0.0
    """Seconds that somebody waited for the response and its first data."""
    first_at: float | None = None
    """When the first data arrived, by the event loop's clock."""
    _waits_since: float = 0.0

    def wait(self) -> None:
        """Start to wait for the response, or for its first data."""
        self._waits_since = asyncio.get_running_loop().time()

    def response_arrived(self) -> None:
        """Note that the headers of the response arrived."""
        self.silence += asyncio.get_running_loop().time() - self._waits_since

    def data_arrived(self) -> None:
        """Note that the first data arrived."""
        self.response_arrived()
        self.first_at = asyncio.get_running_loop().time()

    def is_burst(self, seconds: float) -> bool:
        """Return True if the events of a run that took so many seconds arrived at once, after a silence.

        A run that waits in a queue is silent too, but then its events arrive over the time that it takes. The
        time that a caller takes before it reads is no silence.
        """
        if self.first_at is None or seconds < _SHORTEST_RUN:
            return False
        spread = asyncio.get_running_loop().time() - self.first_at
        return spread <= max(_BURST, seconds / 10) and self.silence >= seconds / 2


def warn_of_buffering(operation: str, seconds: float) -> None:
    """Log what to change."""
    _log.warning(
        "%s: the events of a run of %.0f s arrived all at once at its end: a proxy in front of Dify buffers "
        "event streams. Switch that off (in nginx: `proxy_buffering off;`), or long runs end as idle",
        operation,
        seconds,
    )
