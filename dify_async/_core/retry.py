"""Whether a failed request is sent again, and when. Pure: the clock and the dice are arguments."""

from __future__ import annotations

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

_BY_THE_MINUTE = frozenset(
    {
        "web_form_rate_limit_exceeded",
        "email_send_ip_limit",
        "password_reset_rate_limit_exceeded",
        "email_password_reset_limit",
    }
)
"""Limits that no try within seconds gets around; those on mails count the tries too."""

_WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504, *range(520, 530)})


def decide(
    retry: Retry, error: DifyError, *, attempt: int, elapsed: float, idempotent: bool, chance: float
) -> float | None:
    """Give the seconds to wait before the next try, or None to let the error stand.

    Args:
        retry: The settings.
        error: What the try ended with.
        attempt: Which try that was, from 1.
        elapsed: Seconds since the first try began.
        idempotent: Whether the request does no harm twice (`Operation.repeat`).
        chance: A number between 0 and 1, drawn at random.
    """
    if attempt >= retry.attempts or not _may_repeat(error, idempotent=idempotent):
        return None
    wait = chance * min(retry.cap, retry.base * 2.0 ** (attempt - 1))
    asked = error.retry_after if isinstance(error, ApiError) else None
    if asked is not None:
        # All that were refused together were asked to wait alike: the draw on top spreads them again.
        wait += asked
    return wait if elapsed + wait <= retry.total else None


def _may_repeat(error: DifyError, *, idempotent: bool) -> bool:
    if isinstance(error, RateLimited):
        return error.code not in _BY_THE_MINUTE or error.retry_after is not None
    if isinstance(error, (ConnectionFailed, ConnectTimeout)) and not error.may_have_started:
        return True
    if not idempotent:
        return False
    if isinstance(error, ApiError):
        return error.status in _WORTH_ANOTHER_TRY and not isinstance(error, QuotaExceeded)
    return isinstance(error, (ConnectionFailed, ConnectTimeout, ReadTimeout))
