"""Conversion of errors to responses of a service."""

from __future__ import annotations

from typing import Any

import pytest

from dify_async import AppClient, errors
from dify_async.asgi import HttpError, http_error
from dify_async.models import WorkflowResult
from dify_async.testing import FakeDify, Field, Node, Workflow

SECRET = "http://10.0.0.7/v1"


def api(kind: type[errors.ApiError], status: int, **fields: Any) -> errors.ApiError:
    return kind(f"text with {SECRET}", status=status, message="server's words", **fields)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.ConfigurationError(SECRET), 500),
        (errors.ConnectionFailed(SECRET), 502),
        (errors.OutcomeUnknown(SECRET), 502),
        (errors.ConnectTimeout(SECRET), 504),
        (errors.ReadTimeout(SECRET), 504),
        (errors.IdleTimeout(SECRET), 504),
        (errors.TotalTimeout(SECRET), 504),
        (errors.StreamInterrupted(SECRET), 502),
        (errors.DecodeError(SECRET), 502),
        (errors.TooLarge(3), 502),
        (errors.RunFailed(SECRET, result=WorkflowResult()), 502),
        (errors.RunStopped(SECRET, result=WorkflowResult()), 502),
        (api(errors.Unauthorized, 401), 502),
        (api(errors.Forbidden, 403), 502),
        (api(errors.NotSupportedByServer, 404), 502),
        (api(errors.AppUnavailable, 400), 502),
        (api(errors.WrongAppMode, 400), 502),
        (api(errors.ProviderNotInitialized, 400), 502),
        (api(errors.QuotaExceeded, 429), 503),
        (api(errors.ServerError, 500), 502),
        (api(errors.GatewayError, 503), 503),
        (api(errors.GatewayError, 504), 504),
        (api(errors.GatewayError, 524), 502),
    ],
)
def test_errors_of_the_service_show_only_their_kind(error: errors.DifyError, status: int) -> None:
    told = http_error(error)
    assert (told.status, told.code) == (status, type(error).__name__)
    assert SECRET not in repr(told)
    assert "words" not in told.message


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (api(errors.BadRequest, 400, code="c"), 400),
        (api(errors.InvalidParam, 400, code="c"), 400),
        (api(errors.AuthenticationFailed, 401, code="c"), 401),
        (api(errors.NotFound, 404, code="c"), 404),
        (api(errors.Conflict, 409, code="c"), 409),
        (api(errors.FormClosed, 412, code="c"), 412),
        (api(errors.FileTooLarge, 413, code="c"), 413),
        (api(errors.UnsupportedFileType, 415, code="c"), 415),
        (api(errors.RateLimited, 400, code="c"), 429),
        (api(errors.KnowledgeRateLimited, 403, code="c"), 429),
    ],
)
def test_errors_of_the_caller_show_the_message_of_the_server(error: errors.DifyError, status: int) -> None:
    told = http_error(error)
    assert told.body == {"code": "c", "message": "server's words", "status": status}


def test_every_error_class_has_a_valid_http_status() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        error = kind.__new__(kind, "text")
        error.__dict__.update(status=500, code=None, message="", retry_after=None)
        assert 200 <= http_error(error).status < 600


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (30.0, "30"), (None, None)])
@pytest.mark.parametrize("kind", [errors.RateLimited, errors.GatewayError])
def test_retry_after_is_forwarded(kind: Any, seconds: float | None, header: str | None) -> None:
    told = http_error(api(kind, 503, retry_after=seconds))
    assert told.headers.get("Retry-After") == header


async def test_errors_of_runs(client: AppClient, fake_dify: FakeDify) -> None:
    async def told(app: Workflow) -> HttpError:
        fake_dify.app = app
        with pytest.raises(errors.DifyError) as caught:
            await client.workflows.run({})
        return http_error(caught.value)

    rejected = await told(Workflow(form=[Field("name", required=True)]))
    assert (rejected.status, rejected.code) == (400, "RunRejected")
    assert "name is required" in rejected.message
    assert "Dify 1.14" not in rejected.message
    paused = await told(Workflow(nodes=[Node("Ask", form="Go on?")]))
    assert (paused.status, paused.message) == (202, "the run waits for a person")
    failed = await told(Workflow(nodes=[Node("Bad", error=SECRET)]))
    assert (failed.status, failed.message) == (502, "the run failed")
