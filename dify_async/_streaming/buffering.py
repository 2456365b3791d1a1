"""Notice a proxy that buffers event streams: all events of a run arrive at once, after a long silence."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from dify_async._http.transport import Transport

_log: Final = logging.getLogger("dify_async.stream")

SHORTEST_RUN: Final = 5.0
"""Seconds that a run must have taken to be judged."""

_BURST: Final = 1.5
"""Seconds within which all events of a buffered stream arrive. Reading goes on for up to one second after the
end of a run."""


def warn_if_buffered(
    transport: Transport, operation: str, seconds: float, silence: float, first_at: float | None
) -> None:
    """Log, once per client, that the events of a run arrived at once, after a silence.

    A run that waits in a queue is silent too, but then its events arrive over the time that it takes.

    Args:
        transport: The client's transport.
        operation: What started the run.
        seconds: How long the run took, as the server says.
        silence: Seconds that somebody waited for the response and its first event.
        first_at: When the first event arrived, by the event loop's clock.
    """
    if first_at is None or transport.has_warned_of_buffering:
        return
    spread = asyncio.get_running_loop().time() - first_at
    if spread <= max(_BURST, seconds / 10) and silence >= seconds / 2:
        transport.has_warned_of_buffering = True
        _log.warning(
            "%s: the events of a run of %.0f s arrived all at once at its end: a proxy in front of Dify "
            "buffers event streams. Turn that off (nginx: `proxy_buffering off;`), or long runs end as idle",
            operation,
            seconds,
        )
