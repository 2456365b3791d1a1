"""The decision to retry. It is a pure function, so the tests are tables."""

from __future__ import annotations

import pytest

from dify_async import Retry, errors
from dify_async._http.retry import decide
from dify_async.errors import DifyError


def api(kind: type[errors.ApiError], status: int, **more: float) -> errors.ApiError:
    return kind("no", status=status, **more)  # type: ignore[arg-type]


CASES: list[tuple[DifyError, bool, bool]] = [
    # error, retried if not idempotent, retried if idempotent
    (errors.ConnectionFailed("refused"), True, True),
    (errors.ConnectTimeout("slow"), True, True),
    (errors.ConnectionFailed("broke", may_have_started=True), False, True),
    (errors.OutcomeUnknown("broke", may_have_started=True), False, False),
    (errors.ReadTimeout("silent", may_have_started=True), False, True),
    (errors.IdleTimeout("silent", may_have_started=True), False, False),
    (errors.TotalTimeout("late"), False, False),
    (api(errors.RateLimited, 400), True, True),
    (api(errors.RateLimited, 429), True, True),
    (api(errors.QuotaExceeded, 429), False, False),
    (api(errors.QuotaExceeded, 400), False, False),
    (api(errors.GatewayError, 502), False, True),
    (api(errors.ServerError, 503), False, True),
    (api(errors.GatewayError, 504), False, True),
    (api(errors.GatewayError, 524), False, True),
    (api(errors.ServerError, 500), False, False),
    (api(errors.BadRequest, 400), False, False),
    (api(errors.NotFound, 404), False, False),
    (errors.DecodeError("odd"), False, False),
    (errors.TooLarge(1), False, False),
]


@pytest.mark.parametrize(("error", "once", "always"), CASES)
def test_which_errors_are_retried(error: DifyError, once: bool, always: bool) -> None:
    for idempotent, expected in ((False, once), (True, always)):
        wait = decide(Retry(), error, attempt=1, elapsed=0, idempotent=idempotent, jitter=0.5)
        assert (wait is not None) == expected


@pytest.mark.parametrize(
    "code",
    [
        "web_form_rate_limit_exceeded",
        "email_send_ip_limit",
        "password_reset_rate_limit_exceeded",
        "email_password_reset_limit",
    ],
)
def test_a_limit_per_minute_is_not_retried_within_seconds(code: str) -> None:
    error = errors.RateLimited("no", status=429, code=code)
    assert decide(Retry(), error, attempt=1, elapsed=0, idempotent=True, jitter=0.5) is None
    error.retry_after = 20.0
    assert decide(Retry(), error, attempt=1, elapsed=0, idempotent=True, jitter=0) == 20


def test_the_delay_doubles_up_to_the_cap() -> None:
    retry = Retry(attempts=10, base=1, cap=5, total=100)
    waits = [
        decide(retry, errors.ConnectTimeout("x"), attempt=n, elapsed=0, idempotent=True, jitter=1.0)
        for n in range(1, 6)
    ]
    assert waits == [1, 2, 4, 5, 5]


def test_the_delay_has_full_jitter() -> None:
    error = errors.ConnectTimeout("x")
    assert decide(Retry(), error, attempt=1, elapsed=0, idempotent=True, jitter=0.0) == 0
    assert decide(Retry(base=2), error, attempt=1, elapsed=0, idempotent=True, jitter=0.25) == 0.5


def test_attempts_and_the_budget_end_retrying() -> None:
    error = errors.ConnectTimeout("x")
    assert decide(Retry(attempts=3), error, attempt=2, elapsed=0, idempotent=True, jitter=0) is not None
    assert decide(Retry(attempts=3), error, attempt=3, elapsed=0, idempotent=True, jitter=0) is None
    assert decide(Retry(total=10), error, attempt=1, elapsed=9.9, idempotent=True, jitter=1) is None


def test_retry_after_is_honoured_or_the_error_is_raised() -> None:
    asked = api(errors.RateLimited, 429, retry_after=20.0)
    wait = decide(Retry(total=60), asked, attempt=1, elapsed=0, idempotent=False, jitter=0.5)
    assert wait == 20.25
    assert decide(Retry(total=15), asked, attempt=1, elapsed=0, idempotent=False, jitter=0.5) is None
