"""Decide whether and when to retry a failed request. Pure: time and randomness are passed in."""

from __future__ import annotations

from typing import Final

from dify_async.errors import (
    ApiError,
    ConnectionFailed,
    ConnectTimeout,
    DifyError,
    QuotaExceeded,
    RateLimited,
    ReadTimeout,
)
from dify_async.settings import Retry

_LIMITS_BY_THE_MINUTE: Final = frozenset(
    {
        "web_form_rate_limit_exceeded",
        "email_send_ip_limit",
        "password_reset_rate_limit_exceeded",
        "email_password_reset_limit",
    }
)
"""Codes of limits that last longer than the delays of retries; for e-mails, retries count as well."""

_TRANSIENT: Final = frozenset({429, 502, 503, 504, *range(520, 530)})


def decide(
    retry: Retry, error: DifyError, *, attempt: int, elapsed: float, idempotent: bool, jitter: float
) -> float | None:
    """Return the delay in seconds before the next attempt, or None to raise the error.

    Args:
        retry: The retry settings.
        error: Why the attempt failed.
        attempt: Number of the failed attempt, starting at 1.
        elapsed: Seconds since the first attempt started.
        idempotent: True if the operation is safe to repeat.
        jitter: Random number between 0 and 1.
    """
    if attempt >= retry.attempts or not _may_retry(error, idempotent=idempotent):
        return None
    # The exponent is limited, because a float would overflow after 1,024 attempts.
    delay = jitter * min(retry.cap, retry.base * 2.0 ** min(attempt - 1, 64))
    retry_after = error.retry_after if isinstance(error, ApiError) else None
    if retry_after is not None:
        # Clients that were rejected together got the same Retry-After: add the jitter to spread them out.
        delay += retry_after
    return delay if elapsed + delay <= retry.total else None


def _may_retry(error: DifyError, *, idempotent: bool) -> bool:
    if isinstance(error, RateLimited):
        return error.code not in _LIMITS_BY_THE_MINUTE or error.retry_after is not None
    if isinstance(error, (ConnectionFailed, ConnectTimeout)) and not error.may_have_started:
        return True
    if not idempotent:
        return False
    if isinstance(error, ApiError):
        return error.status in _TRANSIENT and not isinstance(error, QuotaExceeded)
    return isinstance(error, (ConnectionFailed, ConnectTimeout, ReadTimeout))
