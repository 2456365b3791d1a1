"""Timeouts and retry settings, validated at construction."""

from __future__ import annotations

import math
from typing import Any, Final

import attrs

from dify_async.errors import ConfigurationError

_MAX_SECONDS: Final = 365 * 86400.0
"""A year. Much longer timers overflow in event loops."""


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= _MAX_SECONDS or math.isnan(value):  # type: ignore[operator,arg-type]
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} must be a number of seconds above 0 and at most a "
            f"year, got {value!r:.100}"
        )


def _seconds_or_none(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        _seconds(instance, attribute, value)


def _count(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{type(instance).__name__}.{attribute.name} must be an int of 1 or more, got {value!r:.100}"
        )


@attrs.frozen(kw_only=True)
class Timeouts:
    """Timeouts in seconds. Each one raises its own error.

    Waiting for a concurrency slot (`max_concurrent`, `limiter`) is not covered by any timeout.
    """

    connect: float = attrs.field(default=10, validator=_seconds)
    """DNS lookup, proxy, TCP and TLS handshake. Raises `ConnectTimeout`.

    With your own `session=` and a limited pool, waiting for a connection of the pool is not included."""
    read: float = attrs.field(default=60, validator=_seconds)
    """Until the response starts, and between two chunks of it. Raises `ReadTimeout`.

    Does not apply to the responses of runs. For every request it also limits how long the server may stop
    reading the request body; waiting for the source of an upload is not limited."""
    idle: float = attrs.field(default=330, validator=_seconds)
    """Maximum silence of a streamed run, counted from the request on; pings reset it. Raises `IdleTimeout`.

    A queued run is silent, and Dify itself gives up after 300 seconds, so a smaller value aborts runs that
    are merely slow to start. Time during which your code does not read the stream does not count."""
    total: float | None = attrs.field(default=None, validator=_seconds_or_none)
    """The whole call including retries and streaming. None means no limit. Raises `TotalTimeout`.

    Apart from `connect`, this is the only timeout of a run in blocking mode."""


@attrs.frozen(kw_only=True)
class Retry:
    """How often a failed request is retried, and after which delay.

    A run is sent again only if it certainly did not start: no connection was made, nothing was written, or
    the server rejected it because of too many concurrent requests. Idempotent requests (reading, replacing,
    deleting) are also retried after a broken connection, a read timeout, 429, 502, 503, 504 and 52x.

    The delay before attempt n + 1 is drawn between 0 and `base * 2 ** (n - 1)`, at most `cap`, so that many
    callers spread out. If the server sends `Retry-After`, its value is added to the delay.
    """

    attempts: int = attrs.field(default=3, validator=_count)
    """Maximum number of attempts, including the first: 1 means no retry."""
    base: float = attrs.field(default=0.5, validator=_seconds)
    """Maximum delay before the first retry, in seconds; doubled for each further retry."""
    cap: float = attrs.field(default=8, validator=_seconds)
    """Maximum of the random part of a delay, in seconds."""
    total: float = attrs.field(default=60, validator=_seconds)
    """Seconds after the start of the first attempt; no further attempt starts after that."""


def timeouts_from(value: object, defaults: Timeouts, name: str) -> Timeouts:
    """Return `value` as timeouts: a number limits the whole call, None means the defaults."""
    if value is None:
        return defaults
    if isinstance(value, Timeouts):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return attrs.evolve(defaults, total=value)
    raise ConfigurationError(f"{name} must be Timeouts or a number of seconds, got {value!r:.100}")


def retry_from(value: object, default: Retry, name: str) -> Retry:
    """Return `value` as retry settings: an int is a number of retries, None means the default."""
    if value is None:
        return default
    if isinstance(value, Retry):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return attrs.evolve(default, attempts=value + 1)
    raise ConfigurationError(f"{name} must be Retry or a number of retries, got {value!r:.100}")
