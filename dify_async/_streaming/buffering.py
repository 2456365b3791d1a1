"""Detect a proxy that buffers event streams: all events of a run arrive at once, after a long silence."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from dify_async._http.transport import Transport

_log: Final = logging.getLogger("dify_async.stream")

SHORTEST_RUN: Final = 5.0
"""Minimum duration of a run, in seconds, for this detection."""

_BURST: Final = 1.5
"""Seconds within which all events of a buffered stream arrive. A stream is read for up to one second after
the end of its run."""


def warn_if_buffered(
    transport: Transport, operation: str, seconds: float, silence: float, first_at: float | None
) -> None:
    """Log a warning, once per client, if all events of a run arrived at once after a silence.

    A queued run is silent too, but afterwards its events arrive over the duration of the run.

    Args:
        transport: The client's transport.
        operation: Name of the operation that started the run.
        seconds: Duration of the run, as reported by the server.
        silence: Seconds of waiting for the response and the first event.
        first_at: When the first event arrived, by the event loop's clock. None if there was no event.
    """
    if first_at is None or transport.has_warned_of_buffering:
        return
    spread = asyncio.get_running_loop().time() - first_at
    if spread <= max(_BURST, seconds / 10) and silence >= seconds / 2:
        transport.has_warned_of_buffering = True
        _log.warning(
            "%s: the events of a run of %.0f s arrived all at once at its end: a proxy in front of Dify "
            "buffers event streams. Turn it off (nginx: `proxy_buffering off;`), or long runs end early",
            operation,
            seconds,
        )
