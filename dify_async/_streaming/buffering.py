"""Notice a proxy that buffers event streams: all events of a run arrive at once, after a long silence."""

from __future__ import annotations

import logging
from typing import Final

_log: Final = logging.getLogger("dify_async")

SHORTEST_RUN: Final = 5.0
"""Seconds that a run must have taken to be judged."""

_BURST: Final = 1.5
"""Seconds within which all events of a buffered stream arrive. Reading goes on for up to one second after the
end of a run."""


def is_buffered(seconds: float, silence: float, spread: float) -> bool:
    """Return True if the events of a run arrived at once, after a silence.

    A run that waits in a queue is silent too, but then its events arrive over the time that it takes.

    Args:
        seconds: How long the run took, as the server says.
        silence: Seconds that somebody waited for the response and its first event.
        spread: Seconds from the first event to the last.
    """
    return seconds >= SHORTEST_RUN and spread <= max(_BURST, seconds / 10) and silence >= seconds / 2


def warn_of_buffering(operation: str, seconds: float) -> None:
    """Log what to change."""
    _log.warning(
        "%s: the events of a run of %.0f s arrived all at once at its end: a proxy in front of Dify buffers "
        "event streams. Turn that off (nginx: `proxy_buffering off;`), or long runs may be cut as idle",
        operation,
        seconds,
    )
