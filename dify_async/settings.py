"""Clocks and retries. Wrong values are refused when the object is made, not when it is first used."""

from __future__ import annotations

from typing import Any

import attrs

from dify_async.errors import ConfigurationError


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} is a number of seconds above 0, not {value!r}"
        )


def _seconds_or_none(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _seconds(instance, attribute, value)


def _count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} is a whole number from 1 on, not {value!r}"
        )


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long to wait for what, in seconds. Each clock raises an error of its own.

    Waiting for a free slot, of `max_concurrent` or of a `limiter`, is on no clock.
    """

    connect: float = attrs.field(default=10, validator=_seconds)
    """Name look-up, TCP and TLS. Raises `ConnectTimeout`."""
    read: float = attrs.field(default=60, validator=_seconds)
    """From the end of the request to the answer, and between two parts of it; for all but runs.

    Raises `ReadTimeout`."""
    idle: float = attrs.field(default=330, validator=_seconds)
    """Silence of a streamed run, from the request on; pings count as signs of life. Raises `IdleTimeout`.

    A run that waits in Dify's queue is silent, and Dify itself gives up after 300 seconds: less would cut
    runs that are only slow to start."""
    total: float | None = attrs.field(default=None, validator=_seconds_or_none)
    """The whole call, retries and the whole stream included; None for no limit. Raises `TotalTimeout`.

    The only clock of a run in blocking mode, besides `connect`."""


@attrs.frozen(kw_only=True)
class Retry:
    """When a request is sent again, and after how long.

    A run is sent again only where it certainly did not start: no connection was made, or the server refused
    it because of too many at once. What cannot do harm twice (reading, replacing, deleting) is sent again
    also after a broken connection, a silent server, 429, 502, 503, 504 and 52x.

    The wait before try n is drawn between 0 and `base * 2 ** (n - 1)`, at most `cap`, so that many callers
    spread out; a `Retry-After` of the server is waited for in full.
    """

    attempts: int = attrs.field(default=3, validator=_count)
    """Tries in all, the first included: 1 for none again."""
    base: float = attrs.field(default=0.5, validator=_seconds)
    """Seconds."""
    cap: float = attrs.field(default=8, validator=_seconds)
    """Seconds."""
    total: float = attrs.field(default=60, validator=_seconds)
    """Seconds from the first try on, after which no other is begun."""
